/** A time at which a task is started. */
export interface TaskFire {
  readonly taskKey: string;
  /** A full minute (`roundedUp`, `nextFires`). */
  readonly due: Date;
}

/**
 * The one-time schedules that start tasks. Which one a task has armed is what its `nextExecution` says.
 *
 * A schedule that has fired is gone; the start that it sent arms the next (`onScheduledStart`). One that was left behind
 * starts nothing: a start for a time that the task's plan does not name is ignored.
 */
export interface TaskSchedule {
  /**
   * Send a START message with trigger SCHEDULE and this due time to the queue of runs when it has come. Arming the same
   * again changes nothing.
   */
  arm(fire: TaskFire): Promise<void>;
  /** Take back what was armed for a time; what is not there is left alone. */
  disarm(fire: TaskFire): Promise<void>;
}
