import { DONE, type Verdict, workOn } from '../sync/give-up.ts';
import type { SweepMessage } from '../sync/message.ts';
import type { RunQueue } from '../sync/queue.ts';
import type { Task } from '../task/task.ts';
import { beginDue, type DueDependencies, LOOK_DELAY } from './due.ts';
import { type FindDependencies, findDifferences, SweepLostError, TaskStoppedError } from './find.ts';
import { guardText } from './guard.ts';
import type { SweepParts } from './parts.ts';
import type { SweepRepository } from './repository.ts';
import { isSweepable, type Sweep, type SweepStatus } from './sweep.ts';

/** Seconds after which a young sweep is looked after again: many are done in no time. */
const FIRST_LOOK_DELAY = 3;

/** Milliseconds without a part done after which undone ones are sent again; it doubles each time, up to half a day. */
const RESEND_MS = 300_000;
const MAX_RESEND_MS = 43_200_000;

/** Parts that are sent again at once. */
const RESENT_AT_ONCE = 100;

/** Milliseconds until a gap is swept again whose sweep has failed on the way. */
const REPAIR_AGAIN_MS = 3_600_000;

export interface SweepDependencies extends FindDependencies, DueDependencies {
  readonly tasks: { get(taskKey: string): Promise<Task | undefined> };
  readonly sweeps: SweepRepository;
  readonly parts: Pick<SweepParts, 'send' | 'undone'>;
  readonly queue: Pick<RunQueue, 'sweep'>;
  readonly logger: FindDependencies['logger'] & DueDependencies['logger'];
}

/**
 * Do what a SWEEP message asks: begin what is due of a task, or go on finding what differs, and look after the sweep until its
 * parts are done. Every message may come more than once, and be interrupted at any point.
 *
 * A remote that is away is waited for, however long: unlike a run, nobody starts a sweep for a gap again by hand.
 *
 * @param options `deliveries`: how often the message was delivered, this time included. `random`: from 0 (included) to 1
 * (excluded).
 */
export async function processSweep(options: {
  readonly message: SweepMessage;
  readonly deliveries: number;
  /** Aborted when time is nearly up. */
  readonly signal: AbortSignal;
  readonly random: () => number;
  readonly dependencies: SweepDependencies;
}): Promise<Verdict> {
  const { message, dependencies } = options;
  const { tasks, sweeps, clock } = dependencies;
  const { taskKey, sweepId } = message;
  const task = await tasks.get(taskKey);
  if (task === undefined) {
    return DONE;
  }
  const sweep = sweepId === undefined ? undefined : await sweeps.get(taskKey, sweepId);
  if (sweep?.status !== 'RUNNING') {
    // Also of one that has ended, whose successor may not have been begun.
    await beginDue({ task, dependencies });
    return DONE;
  }
  if (!isSweepable(task)) {
    return interrupt(sweep, { sweeps, clock });
  }
  const verdict = sweep.planned ? undefined : await find({ ...options, task, sweep });
  if (verdict !== undefined) {
    return verdict;
  }
  await look({ task, sweepId: sweep.sweepId, dependencies });
  return DONE;
}

async function interrupt(
  { taskKey, sweepId }: Sweep,
  { sweeps, clock }: Pick<SweepDependencies, 'sweeps' | 'clock'>,
): Promise<Verdict> {
  const at = clock();
  const reason = 'The task was paused, or has stopped';
  await sweeps.end({ taskKey, sweepId, status: 'INTERRUPTED', reason, repair: { notBefore: at }, at });
  return DONE;
}

/** @returns what becomes of the message; undefined when everything is found. */
async function find(options: {
  readonly task: Task;
  readonly sweep: Sweep;
  readonly message: SweepMessage;
  readonly deliveries: number;
  readonly signal: AbortSignal;
  readonly random: () => number;
  readonly dependencies: SweepDependencies;
}): Promise<Verdict | undefined> {
  const { task, sweep, message, deliveries, signal, random, dependencies } = options;
  const { sweeps, queue, clock, logger } = dependencies;
  const { taskKey, sweepId } = sweep;
  return workOn({
    ...{ deliveries, signal, random, logger },
    position: JSON.stringify(sweep.cursor),
    positionBefore: message.position,
    work: async (advanced) => {
      try {
        const claimed = await sweeps.claim(sweep, clock());
        if (claimed === undefined) {
          // Whoever has it has a message of its own.
          return DONE;
        }
        await findDifferences({ task, sweep: claimed, signal, advanced, dependencies });
        return undefined;
      } catch (error) {
        if (error instanceof SweepLostError) {
          return DONE;
        }
        if (error instanceof TaskStoppedError) {
          return interrupt(sweep, { sweeps, clock });
        }
        throw error;
      }
    },
    sendAgain: (stands, again) => queue.sweep({ taskKey, sweepId, ...stands }, again),
    giveUp: async (reason) => {
      const at = clock();
      const notBefore = new Date(at.getTime() + REPAIR_AGAIN_MS);
      const text = `Given up after several attempts at comparing: ${reason}`;
      await sweeps.end({ taskKey, sweepId, status: 'FAILED', reason: text, repair: { notBefore }, at });
    },
    worker: 'finder',
    waitsForRemote: true,
    interruption: { text: 'A sweep was interrupted', about: { taskKey, sweepId } },
  });
}

/** Look whether a sweep's parts are done, and end it when they are. */
async function look(options: {
  readonly task: Task;
  readonly sweepId: string;
  readonly dependencies: SweepDependencies;
}): Promise<void> {
  const { task, sweepId, dependencies } = options;
  const { sweeps, parts, queue, clock } = dependencies;
  const { key: taskKey } = task;
  const sweep = await sweeps.get(taskKey, sweepId);
  if (sweep?.status !== 'RUNNING' || !sweep.planned) {
    return;
  }
  // The second look is for what was sent and not noted: it is not in `partsSent`.
  const isDone = sweep.partsDone >= sweep.partsSent && (await parts.undone(sweepId, 1)).length === 0;
  const now = clock();
  if (isDone) {
    // What the workers have added since.
    const present = (await sweeps.get(taskKey, sweepId)) ?? sweep;
    const { status, reason } = endOf(present);
    await sweeps.end({ taskKey, sweepId, status, reason, repair: 'CLOSED', at: now });
    await beginDue({ task, dependencies });
    return;
  }
  const touchedAt = new Date(sweep.touchedAt);
  const age = now.getTime() - touchedAt.getTime();
  // For half of its delay, the next look after that one is taken to be on its way: another delivery has nothing to look after.
  if (sweep.stalled !== undefined && age >= 0 && age < 500 * lookDelay(sweep, touchedAt)) {
    return;
  }
  const stalled = await resent(sweep, now, parts);
  // First the message: one that has died in between has left a look too many, not one too few.
  await queue.sweep({ taskKey, sweepId }, { delay: lookDelay(sweep, now) });
  await sweeps.touch({ taskKey, sweepId, stalled, at: now });
}

/** Seconds from a look to the next one: a quarter of the sweep's age then, up to `LOOK_DELAY`. */
function lookDelay({ startedAt }: Sweep, at: Date): number {
  const age = (at.getTime() - Date.parse(startedAt)) / 1_000;
  return Math.min(LOOK_DELAY, Math.max(FIRST_LOOK_DELAY, Math.round(age / 4)));
}

/** Send parts again of a sweep that does not get on: the messages may be lost. */
async function resent(
  { sweepId, partsDone, stalled }: Sweep,
  now: Date,
  parts: Pick<SweepParts, 'send' | 'undone'>,
): Promise<NonNullable<Sweep['stalled']>> {
  if (stalled === undefined || stalled.partsDone !== partsDone) {
    return { partsDone, since: now.toISOString(), resends: 0 };
  }
  const patience = Math.min(MAX_RESEND_MS, RESEND_MS * 2 ** stalled.resends);
  if (now.getTime() - Date.parse(stalled.since) < patience) {
    return stalled;
  }
  await parts.send(await parts.undone(sweepId, RESENT_AT_ONCE));
  return { partsDone, since: now.toISOString(), resends: stalled.resends + 1 };
}

/** What a sweep is when everything is found, and all its parts are done. */
function endOf(sweep: Sweep): {
  readonly status: Exclude<SweepStatus, 'RUNNING'>;
  readonly reason: string | undefined;
} {
  const { failed, refused, guarded } = sweep;
  const reasons = [
    ...(failed === 0 ? [] : [`${failed} nodes could not be put right`]),
    ...(refused === 0 ? [] : [`${refused} repositories could not be compared`]),
    ...guarded.slice(0, MAX_NAMED).map(guardText),
    ...(guarded.length > MAX_NAMED ? [`${guarded.length - MAX_NAMED} more repositories`] : []),
  ];
  return {
    status: guarded.length > 0 ? 'GUARDED' : failed + refused > 0 ? 'FAILED' : 'SUCCESS',
    reason: reasons.length === 0 ? undefined : reasons.join('; '),
  };
}

/** Guarded repositories that a reason names. */
const MAX_NAMED = 5;
