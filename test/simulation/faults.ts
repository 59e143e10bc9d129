import type { Simulation } from './simulation.ts';

/** What can go wrong, and how often: chances of each call, message or entry that it may strike; 0: a world has it or not. */
export const FAULTS = {
  // Processes.
  'kill tailer': 0.004,
  'kill worker': 0.006,
  'kill receiver': 0.004,
  'kill upkeep': 0.01,
  'kill planner': 0.01,
  // Calls of AWS; `lost` is an answer that does not come though the call has had its effect.
  'DynamoDB fails': 0.004,
  'DynamoDB answer lost': 0.004,
  'S3 fails': 0.01,
  'S3 answer lost': 0.01,
  'SQS fails': 0.02,
  'SQS answer lost': 0.02,
  'SQS takes a part': 0.05,
  'MongoDB fails': 0.002,
  'MongoDB answer lost': 0.002,
  'call stalls': 0.004,
  // Queue.
  'message twice': 0.05,
  'message again, out of order': 0.05,
  'message late': 0.1,
  'message lost': 0.02,
  'message dead-lettered': 0.02,
  'acknowledgement lost': 0.03,
  // Remote.
  'remote refuses connections': 0.01,
  'remote 429': 0.01,
  'remote 500': 0.01,
  'remote 500 with 250101': 0.01,
  'remote answers no bk-repo': 0.005,
  'remote answer cut short': 0.01,
  'remote answer lost': 0.015,
  'remote reads half': 0.01,
  'remote slow': 0.02,
  // Source.
  'writer late': 0.5,
  'writer clock off': 0.3,
  'log rolled over': 0.01,
  'deleted without an entry': 0.3,
  expired: 0.05,
  'metadata without an entry': 0.5,
  // Operators, and what lasts.
  'task paused': 0.003,
  'task paused for hours': 0,
  'dead letters redriven': 0,
  'remote away for hours': 0,
  'remote away for 20 days': 0,
} as const;
export type FaultKind = keyof typeof FAULTS;

/** By what a seed's chances are multiplied. */
const INTENSITIES = [0.5, 1, 2, 5, 10] as const;

/** Chances of faults, counted where they strike. */
export class Faults {
  readonly struck = new Map<FaultKind, number>();
  /** Where processes were killed. */
  readonly killedAt = new Map<string, number>();
  /** No more of them once it is false. */
  isOn = true;
  readonly #simulation: Simulation;
  readonly #off = new Set<FaultKind>();
  /** Some worlds are calm, some fall apart. */
  readonly #intensity: number;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#intensity = simulation.pick(INTENSITIES);
  }

  switchOff(kinds: readonly FaultKind[]): void {
    for (const kind of kinds) {
      this.#off.add(kind);
    }
  }

  /** Whether this one goes wrong now. */
  strikes(kind: FaultKind): boolean {
    if (!this.isOn || this.#off.has(kind) || this.#simulation.random() >= FAULTS[kind] * this.#intensity) {
      return false;
    }
    this.hit(kind);
    return true;
  }

  /** Count one that was made elsewhere. */
  hit(kind: FaultKind): void {
    this.struck.set(kind, (this.struck.get(kind) ?? 0) + 1);
    this.#simulation.note(kind);
  }

  killed(point: string): void {
    this.killedAt.set(point, (this.killedAt.get(point) ?? 0) + 1);
  }
}
