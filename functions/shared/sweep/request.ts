import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import { jacksonBoolean, optional, withDefault } from '../http/jackson.ts';
import type { HttpRequest } from '../http/request.ts';
import type { RunQueue } from '../sync/queue.ts';
import type { TaskRepository } from '../task/repository.ts';
import type { Task } from '../task/task.ts';
import type { SweepRepository } from './repository.ts';
import {
  changedWindow,
  duesAfter,
  isSweepable,
  newSweep,
  type RequestedSweep,
  type Sweep,
  type SweepState,
} from './sweep.ts';

/** Attempts at a request that others get in the way of. */
const ATTEMPTS = 8;

/** A request for a sweep: the task from the path, the rest from the content, which may be left out. */
export const sweepRequestSchema = z.object({
  taskKey: z.string(),
  kind: optional(z.enum(['CHANGED', 'FULL'])),
  allowDeletions: withDefault(jacksonBoolean(), false),
  deleteExtra: withDefault(jacksonBoolean(), false),
});
export type SweepRequest = z.output<typeof sweepRequestSchema>;

export function sweepRequestInput(request: HttpRequest): unknown {
  const content = request.contentLength() === 0 ? {} : request.json();
  return { ...content, ...request.pathParameters };
}

/** What has come of a request: a sweep, begun or gone on with, or one that waits for another to end. */
export type Requested =
  | { readonly sweep: Sweep }
  | { readonly waiting: RequestedSweep & { readonly taskKey: string } };

/**
 * Sweep a task now; while it is being swept, or is behind the log, afterwards. With `allowDeletions`, and without another kind,
 * a sweep goes on that waits for that agreement.
 *
 * @throws DomainError RESOURCE_NOT_FOUND; TASK_STATUS_INVALID when it is not INCREMENTAL, or does not follow the log;
 *   SYSTEM_BUSY when others were first each time.
 */
export async function requestSweep(options: {
  readonly request: SweepRequest;
  readonly tasks: Pick<TaskRepository, 'get'>;
  readonly sweeps: SweepRepository;
  readonly queue: Pick<RunQueue, 'sweep'>;
  readonly clock: Clock;
}): Promise<Requested> {
  const { request, tasks, sweeps, queue, clock } = options;
  const { taskKey } = request;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const task = await tasks.get(taskKey);
    if (task === undefined) {
      throw new DomainError('RESOURCE_NOT_FOUND', [taskKey]);
    }
    if (!isSweepable(task)) {
      throw new DomainError('TASK_STATUS_INVALID');
    }
    const state = await sweeps.state(taskKey);
    if (state.activeSweepId !== undefined || task.catchUp !== undefined) {
      const requested = merged(request, state.requested);
      if (await sweeps.request({ taskKey, state, requested })) {
        // Begins it where the sweep that goes has just ended.
        await queue.sweep({ taskKey });
        return { waiting: { taskKey, ...requested } };
      }
      continue;
    }
    const guarded = request.allowDeletions ? await guardedSweep(request, sweeps) : undefined;
    const sweep = guarded ?? requestedSweep(request, task, state, clock());
    const isBegun = await (guarded === undefined
      ? sweeps.begin({ sweep, state, dues: duesAfter({ task, state, kind: sweep.kind, now: clock() }) })
      : sweeps.resume({ sweep, state, at: clock() }));
    if (isBegun) {
      const { sweepId } = sweep;
      await queue.sweep({ taskKey, sweepId });
      return { sweep: (await sweeps.get(taskKey, sweepId)) ?? sweep };
    }
  }
  throw new DomainError('SYSTEM_BUSY');
}

function requestedSweep(request: SweepRequest, task: Task, state: SweepState, at: Date): Sweep {
  const { taskKey, kind = 'CHANGED', allowDeletions, deleteExtra } = request;
  const window = kind === 'FULL' ? undefined : changedWindow(task, state);
  return newSweep({ taskKey, kind, trigger: 'REQUESTED', window, allowDeletions, deleteExtra, at });
}

/** Two requests that wait, as one. */
function merged(request: SweepRequest, waiting: RequestedSweep | undefined): RequestedSweep {
  const { kind = 'CHANGED', allowDeletions, deleteExtra } = request;
  return {
    kind: waiting?.kind === 'FULL' ? 'FULL' : kind,
    allowDeletions: allowDeletions || waiting?.allowDeletions === true,
    deleteExtra: deleteExtra || waiting?.deleteExtra === true,
  };
}

/** The sweep that waits for the agreement that the request gives: the newest, as long as none has found all in order since. */
async function guardedSweep(
  { taskKey, kind, deleteExtra }: SweepRequest,
  sweeps: Pick<SweepRepository, 'list'>,
): Promise<Sweep | undefined> {
  const newest = (await sweeps.list(taskKey)).find(
    (sweep) => sweep.status === 'GUARDED' || (sweep.status === 'SUCCESS' && sweep.kind !== 'GAP'),
  );
  const isMeant =
    (kind === undefined || kind === newest?.kind) && (!deleteExtra || newest?.deleteExtra === true);
  return newest?.status === 'GUARDED' && isMeant ? newest : undefined;
}
