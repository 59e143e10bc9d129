import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { jacksonInteger } from '../http/jackson.ts';
import type { Language } from '../http/language.ts';
import { v3Error } from '../http/v3-error-catalogue.ts';
import { domainTransform } from '../http/validation.ts';
import type { Logger } from '../logger.ts';
import type { TaskRepository } from '../task/repository.ts';
import type { Task } from '../task/task.ts';

/** Jobs in one request, the contract's limit. */
const MAX_JOBS = 100;

/** One job of a request. */
export interface JobItem {
  /** As the request has it, and its answer repeats it. */
  readonly id: string;
  /** The key of the task that it means. */
  readonly taskKey: string;
  /** What the request says about it; unset, null and `""` are the same. */
  readonly fields: Readonly<Record<string, unknown>>;
}

const fieldsSchema = z.record(z.string(), z.unknown());

/** A request that says something about each of its jobs: `{"jobs": [{"job_id": …, …}, …]}`. */
export const jobsRequest = z.record(z.string(), z.unknown()).transform(
  domainTransform(({ jobs }) => {
    const items = jobList(jobs).map((job) => {
      const fields = fieldsSchema.safeParse(job);
      if (!fields.success) {
        throw new DomainError('PARAMETER_INVALID', ['jobs']);
      }
      return itemOf(fields.data['job_id'], given(fields.data));
    });
    return distinct(items);
  }),
);

/** Which part of the jobs a request asks about; from 1. */
const pageSchema = z
  .object({
    cur_page: jacksonInteger().pipe(z.int().min(1)).nullish(),
    per_page: jacksonInteger().pipe(z.int().min(1).max(MAX_JOBS)).nullish(),
  })
  .nullish();

/** A request that asks about jobs: `{"jobs": ["id", …], "page_req": {"cur_page", "per_page"}}`; all of them without a page. */
export const jobIdsRequest = z.record(z.string(), z.unknown()).transform(
  domainTransform(({ jobs, page_req: page }) => {
    const items = distinct(jobList(jobs).map((id) => itemOf(id, {})));
    const parsed = pageSchema.safeParse(page === '' ? null : page);
    if (!parsed.success) {
      throw new DomainError('PARAMETER_INVALID', ['page_req']);
    }
    const size = parsed.data?.per_page ?? MAX_JOBS;
    const start = ((parsed.data?.cur_page ?? 1) - 1) * size;
    return items.slice(start, start + size);
  }),
);

function jobList(jobs: unknown): readonly unknown[] {
  if (isUnset(jobs) || (Array.isArray(jobs) && jobs.length === 0)) {
    throw new DomainError('PARAMETER_MISSING', ['jobs']);
  }
  if (!Array.isArray(jobs)) {
    throw new DomainError('PARAMETER_INVALID', ['jobs']);
  }
  if (jobs.length > MAX_JOBS) {
    throw new DomainError('TOO_MANY_JOBS', [String(MAX_JOBS)]);
  }
  return jobs;
}

function itemOf(id: unknown, fields: Readonly<Record<string, unknown>>): JobItem {
  if (isUnset(id)) {
    throw new DomainError('PARAMETER_MISSING', ['job_id']);
  }
  if (typeof id !== 'string') {
    throw new DomainError('PARAMETER_INVALID', ['job_id']);
  }
  return { id, taskKey: taskKeyOfJob(id), fields };
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A UUID's hex digits are the key; what is neither is the key of no task. */
function taskKeyOfJob(id: string): string {
  return UUID.test(id) ? id.replaceAll('-', '').toLowerCase() : id;
}

function distinct(items: readonly JobItem[]): readonly JobItem[] {
  if (new Set(items.map(({ taskKey }) => taskKey)).size < items.length) {
    throw new DomainError('DUPLICATES', ['job_id']);
  }
  return items;
}

function given(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isUnset(value)));
}

function isUnset(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

/** A job that could not be done, or asked about. */
export interface JobFault {
  readonly item: JobItem;
  readonly error: DomainError;
}

export type JobOutcome<Value> = { readonly item: JobItem; readonly value: Value } | JobFault;

/**
 * Do the same with each job, all at once: they are at most a hundred. One that fails is no concern of the others; what is no
 * DomainError is logged and counts as SYSTEM_BUSY.
 *
 * @returns in the order of the items.
 */
export function forEachJob<Value>(options: {
  readonly items: readonly JobItem[];
  readonly logger: Logger;
  readonly work: (item: JobItem) => Promise<Value>;
}): Promise<JobOutcome<Value>[]> {
  const { items, logger, work } = options;
  return Promise.all(
    items.map(async (item) => {
      try {
        return { item, value: await work(item) };
      } catch (cause) {
        if (cause instanceof DomainError) {
          return { item, error: cause };
        }
        logger.error('A job failed', { taskKey: item.taskKey, error: cause });
        return { item, error: new DomainError('SYSTEM_BUSY', [], { cause }) };
      }
    }),
  );
}

/**
 * The task that a job means.
 *
 * @param options `projectId`: the bk-repo project that is asked about; none: all there are.
 * @throws DomainError RESOURCE_NOT_FOUND when there is none in the project.
 */
export async function taskOfJob(options: {
  readonly taskKey: string;
  readonly projectId: string | undefined;
  readonly tasks: Pick<TaskRepository, 'get'>;
}): Promise<Task> {
  const { taskKey, projectId, tasks } = options;
  const task = await tasks.get(taskKey);
  if (task === undefined || (projectId !== undefined && task.localProjectId !== projectId)) {
    throw new DomainError('RESOURCE_NOT_FOUND', [taskKey]);
  }
  return task;
}

/** What became of each job, as the API answers it. */
export function jobResults(outcomes: readonly JobOutcome<unknown>[], language: Language) {
  const results = outcomes.map((outcome) =>
    'error' in outcome
      ? { id: outcome.item.id, status: 'failed', ...v3Error(outcome.error, language) }
      : { id: outcome.item.id, status: 'success' },
  );
  return { results, count: results.length };
}
