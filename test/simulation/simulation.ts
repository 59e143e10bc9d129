import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { randomOf } from '../support/mortal.ts';

/** One invocation of a function, as the cloud runs it: what it awaits ends with it. */
export interface Process {
  /** `tailer`, `worker`, `receiver`, … */
  readonly kind: string;
  readonly isDead: () => boolean;
  /** End it here, as SIGKILL does: nothing that it has begun is gone on with. */
  kill(): void;
}

export type End =
  | { readonly end: 'done' }
  | { readonly end: 'killed' }
  | { readonly end: 'failed'; readonly error: unknown };

interface Running extends Process {
  /** What of it waits for the clock or for another process: none means that it is at work. */
  waiting: number;
  isOver: boolean;
}

interface Event {
  readonly at: number;
  readonly run: () => void;
}

/** Turns of Node's loop in which a process must come to its next wait: compressing takes some, off the thread. */
const MAX_TURNS = 200_000;

/**
 * A world whose time passes only when nobody in it is at work, and whose chances come from a seed.
 *
 * Processes wait only by `sleep` and `answer`. When all of them wait, the earliest event is run and its time is now; so what is
 * done at the same time has one order, and a seed gives it again.
 */
export class Simulation {
  readonly random: () => number;
  now: number;
  /** Everything that happened, in 32 bits: two runs of a seed have the same. */
  trace = 0;
  #events: Event[] = [];
  readonly #running = new Set<Running>();
  readonly #current = new AsyncLocalStorage<Running>();

  constructor(seed: number, start: number) {
    // Neighbouring seeds are far apart from the first number on.
    this.random = randomOf(Math.imul(seed + 1, 0x9e3779b1));
    this.now = start;
  }

  readonly clock = (): Date => new Date(this.now);

  /** A whole number from 0 to below the limit. */
  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) {
      throw new RangeError('Nothing to pick from');
    }
    return item;
  }

  note(text: string): void {
    for (let index = 0; index < text.length; index += 1) {
      this.trace = (Math.imul(31, this.trace) + text.charCodeAt(index)) | 0;
    }
    this.trace = (Math.imul(31, this.trace) + this.now) | 0;
  }

  /** Run something after so many milliseconds; of the same instant, what was asked for first. */
  after(milliseconds: number, run: () => void): void {
    const at = this.now + Math.max(0, Math.round(milliseconds));
    let place = this.#events.length;
    while (place > 0 && (this.#events[place - 1]?.at ?? 0) <= at) {
      place -= 1;
    }
    // Latest first: the next one is taken from the end.
    this.#events.splice(place, 0, { at, run });
  }

  /** The process in which this is called, if it is one. */
  current(): Process | undefined {
    return this.#current.getStore();
  }

  /** Wait on the clock; a killed process waits for ever. */
  sleep(milliseconds: number): Promise<void> {
    const process = this.#current.getStore();
    return this.#parked(
      process,
      new Promise((resolve) => {
        this.after(milliseconds, () => this.#wake(process, resolve));
      }),
    );
  }

  /** Wait for what another process will answer; a killed process waits for ever. */
  answer<Value>(promise: Promise<Value>): Promise<Value> {
    const process = this.#current.getStore();
    if (process === undefined) {
      return promise;
    }
    process.waiting += 1;
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => this.#wake(process, () => resolve(value)),
        (error: unknown) => this.#wake(process, () => reject(error)),
      );
    });
  }

  #parked(process: Running | undefined, promise: Promise<void>): Promise<void> {
    if (process !== undefined) {
      process.waiting += 1;
    }
    return promise;
  }

  #wake(process: Running | undefined, resolve: () => void): void {
    if (process?.isOver === true) {
      return;
    }
    if (process !== undefined) {
      process.waiting -= 1;
    }
    resolve();
  }

  /** Run a process; the promise is settled when it has ended, by itself or by its death. */
  spawn(kind: string, work: (process: Process) => Promise<void>): Promise<End> {
    return new Promise((resolve) => {
      const process: Running = {
        kind,
        waiting: 0,
        isOver: false,
        isDead: () => process.isOver,
        kill: () => end({ end: 'killed' }),
      };
      const end = (how: End): void => {
        if (!process.isOver) {
          process.isOver = true;
          this.#running.delete(process);
          this.note(`${kind} ${how.end}`);
          resolve(how);
        }
      };
      this.#running.add(process);
      this.note(`${kind} begins`);
      this.#current.run(process, () => {
        work(process).then(
          () => end({ end: 'done' }),
          (error: unknown) => end({ end: 'failed', error }),
        );
      });
    });
  }

  /** Whether a process of this kind is at work or waits. */
  isRunning(kind: string): boolean {
    return [...this.#running].some((process) => process.kind === kind);
  }

  /** Let time pass until the condition holds. @throws Error when it does not within so many milliseconds. */
  async passUntil(isReached: () => boolean, limit: number): Promise<void> {
    const deadline = this.now + limit;
    await this.#settle();
    while (!isReached()) {
      const next = this.#events.pop();
      if (next === undefined || next.at > deadline) {
        throw new Error(`Not reached within ${limit / 1000} s of the simulation`);
      }
      this.now = next.at;
      next.run();
      await this.#settle();
    }
  }

  /** Wait until every process waits. */
  async #settle(): Promise<void> {
    for (let turns = 0; turns < MAX_TURNS; turns += 1) {
      await turn();
      if ([...this.#running].every(({ waiting }) => waiting > 0)) {
        return;
      }
    }
    const busy = [...this.#running].filter(({ waiting }) => waiting === 0).map(({ kind }) => kind);
    throw new Error(`Waits for something that is not simulated: ${busy.join()}`);
  }
}
