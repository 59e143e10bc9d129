/**
 * The one-time schedules of tasks: at most one for each task, named by its key.
 *
 * A schedule that has fired is gone; the start that it sent arms the next (`onScheduledStart`).
 */
export interface TaskSchedule {
  /**
   * Start a task at `due`: a START message with trigger SCHEDULE goes to the runs queue then. What was armed for the
   * task before is replaced. A time that is past starts it at once.
   */
  arm(fire: { readonly taskKey: string; readonly due: Date }): Promise<void>;
  /** Take back what was armed. A task without a schedule is left alone. */
  disarm(taskKey: string): Promise<void>;
}
