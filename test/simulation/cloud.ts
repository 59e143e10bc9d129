import type { FaultKind, Faults } from './faults.ts';
import type { Simulation } from './simulation.ts';

/** A service whose calls take time, fail, and are where processes are killed. */
export type Service = 'DynamoDB' | 'S3' | 'SQS' | 'MongoDB';

/** Milliseconds of one way of a call. */
const LATENCY = { least: 1, most: 12 };
/** A call that stalls takes longer than a lease lives. */
const STALL = { least: 5_000, most: 70_000 };

const KILLS: Readonly<Record<string, FaultKind>> = {
  tailer: 'kill tailer',
  worker: 'kill worker',
  receiver: 'kill receiver',
  upkeep: 'kill upkeep',
  planner: 'kill planner',
};

/** What a service says when it cannot: the SDKs give it up after their own attempts. */
export class ServiceError extends Error {
  override readonly name = 'InternalServerError';
}

/** The way of every call to a service. */
export class Cloud {
  readonly simulation: Simulation;
  readonly faults: Faults;

  constructor(simulation: Simulation, faults: Faults) {
    this.simulation = simulation;
    this.faults = faults;
  }

  /**
   * Make a call: the way there, its effect in one piece, the way back. A process may be killed before or after the effect, and
   * the call may fail before or after it. What is called outside of processes just happens.
   */
  async call<Result>(
    { service, name }: { readonly service: Service; readonly name: string },
    effect: () => Result,
  ): Promise<Result> {
    if (this.simulation.current() === undefined) {
      return effect();
    }
    await this.simulation.sleep(this.#latency());
    await this.dieMaybe(`before ${service} ${name}`);
    if (this.faults.strikes(`${service} fails`)) {
      throw new ServiceError(`${service} is not there`);
    }
    const result = effect();
    await this.simulation.sleep(this.simulation.between(LATENCY.least, LATENCY.most));
    await this.dieMaybe(`after ${service} ${name}`);
    if (this.faults.strikes(`${service} answer lost`)) {
      throw new ServiceError(`${service} has not answered`);
    }
    return result;
  }

  /** A place at which the process may be killed: then it never goes on. */
  async dieMaybe(point: string): Promise<void> {
    const process = this.simulation.current();
    const kind = process === undefined ? undefined : KILLS[process.kind];
    if (process !== undefined && kind !== undefined && this.faults.strikes(kind)) {
      this.faults.killed(`${process.kind} ${point}`);
      process.kill();
      await new Promise<never>(() => {});
    }
  }

  #latency(): number {
    const { least, most } = this.faults.strikes('call stalls') ? STALL : LATENCY;
    return this.simulation.between(least, most);
  }
}
