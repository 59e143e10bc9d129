import { type DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { conditionHeld } from '../aws/conditions.ts';
import { listPartition, type PartitionQuery } from '../aws/partition.ts';
import { type TransactionItem, transact } from '../aws/transaction.ts';
import { type RunFailure, runFailureItemOf } from '../failure/failure.ts';
import type { Container } from '../lane/message.ts';
import {
  runKeyOf,
  runPartitionOf,
  SYNC_CONTAINER_PREFIX,
  SYNC_PAGE_PREFIX,
  syncContainerKeyOf,
  syncPageKeyOf,
  syncPartitionOf,
  type TableKey,
  taskKeyOf,
} from '../table.ts';
import { type Task, taskSchema } from '../task/task.ts';
import { decodePathSet, encodePathSet } from './path-set.ts';
import {
  type ContainerChange,
  MAX_CONTAINERS_AT_ONCE,
  MAX_PAGES_AT_ONCE,
  MAX_RUN_FAILURES_AT_ONCE,
  type PagesAdded,
  type RunRepository,
} from './repository.ts';
import {
  containerCountersOf,
  isComplete,
  newRun,
  newRunId,
  type Page,
  pageSchema,
  type Run,
  type RunContainer,
  type RunCounters,
  runContainerSchema,
  runCountersSchema,
  runSchema,
  skippedRun,
  taskStatusAfter,
} from './run.ts';

/** Days that a run is kept, and what it found. */
const RUN_RETENTION_DAYS = 365;
const SYNC_RETENTION_DAYS = 90;
/** Days after its start in which an interrupted run can be gone on with: well before its pages are removed. */
const RESUMABLE_DAYS = 60;

/** Requests that one read makes at most; 1 MB or `PAGE_SIZE` items each. */
const MAX_REQUESTS = 200;
const PAGE_SIZE = 100;

const lookSchema = z.object({ missingPaths: z.instanceof(Uint8Array).optional() });

/** Runs in DynamoDB. Many workers write to the same run: every write is a transaction that is tried again. */
export function runRepository(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
  /** Wait between attempts; milliseconds. */
  readonly pause?: (milliseconds: number) => Promise<void>;
}): RunRepository {
  const { table, tableName, pause } = options;

  const write = (items: readonly TransactionItem[]) => transact({ table, items, pause });

  const updateOf = (key: TableKey, update: Update): TransactionItem => ({
    Update: { TableName: tableName, Key: key, ...update },
  });

  const putOf = (item: Record<string, unknown>, condition?: string): TransactionItem => ({
    Put: {
      TableName: tableName,
      Item: item,
      ...(condition === undefined ? {} : { ConditionExpression: condition }),
    },
  });

  const failurePuts = (failures: readonly RunFailure[]): TransactionItem[] => {
    // A transaction refuses to write the same item twice.
    const items = failures.map(runFailureItemOf);
    return [...new Map(items.map((item) => [item.sk, item])).values()].map((item) => putOf(item));
  };

  async function read(key: TableKey): Promise<Record<string, unknown> | undefined> {
    const { Item } = await table.send(
      new GetCommand({ TableName: tableName, Key: { ...key }, ConsistentRead: true }),
    );
    return Item;
  }

  function query<Value>(
    wanted: Pick<PartitionQuery<Value>, 'partition' | 'sortKey' | 'filter' | 'lastFirst'> & {
      readonly limit: number;
    },
    parse: (item: unknown) => Value,
  ): Promise<Value[]> {
    return listPartition({
      ...{ table, tableName, ...wanted, parse },
      pageSize: PAGE_SIZE,
      maxRequests: MAX_REQUESTS,
    });
  }

  async function get(taskKey: string, runId: string): Promise<Run | undefined> {
    const item = await read(runKeyOf(taskKey, runId));
    return item === undefined ? undefined : runSchema.parse(item);
  }

  async function taskOf(taskKey: string): Promise<Task | undefined> {
    const item = await read(taskKeyOf(taskKey));
    return item === undefined ? undefined : taskSchema.parse(item);
  }

  /** The run that a repeated beginning began. */
  async function known(taskKey: string, by: { runId?: string | undefined; due?: string | undefined }) {
    if (by.runId !== undefined) {
      return get(taskKey, by.runId);
    }
    if (by.due === undefined) {
      return undefined;
    }
    const [run] = await query(
      {
        partition: runPartitionOf(taskKey),
        filter: { expression: 'due = :due', values: { ':due': by.due } },
        lastFirst: true,
        limit: 1,
      },
      (item) => runSchema.parse(item),
    );
    return run;
  }

  async function containers(runId: string): Promise<RunContainer[]> {
    return query(
      {
        partition: syncPartitionOf(runId),
        sortKey: {
          condition: 'begins_with(sk, :container)',
          values: { ':container': SYNC_CONTAINER_PREFIX },
        },
        limit: MAX_REQUESTS * PAGE_SIZE,
      },
      (item) => runContainerSchema.parse(item),
    );
  }

  function containerUpdate(
    runId: string,
    change: ContainerChange & { readonly pages: number },
    at: Date,
  ): TransactionItem {
    const { source, remote, error, planned, pages } = change;
    return updateOf(syncContainerKeyOf(runId, source), {
      UpdateExpression: [
        'SET kind = :kind, #source = :source, #remote = :remote, expiresAt = :expiresAt',
        error === undefined ? '' : ', #error = :error',
        planned === undefined ? '' : ', planned = :planned',
        ' ADD pagesPlanned :pages, pagesDone :none, failedNodes :none',
      ].join(''),
      ExpressionAttributeNames: {
        '#source': 'source',
        '#remote': 'remote',
        ...(error === undefined ? {} : { '#error': 'error' }),
      },
      ExpressionAttributeValues: {
        ':kind': source.repoName === '' ? 'PROJECT' : 'REPOSITORY',
        ':source': source,
        ':remote': remote,
        ':expiresAt': expiryOf(at, SYNC_RETENTION_DAYS),
        ':pages': pages,
        ':none': 0,
        ...(error === undefined ? {} : { ':error': error }),
        ...(planned === undefined ? {} : { ':planned': planned }),
      },
    });
  }

  return {
    async begin({ task, trigger, runId, due, at }) {
      const run = newRun({ task, runId: runId ?? newRunId(at), trigger, due, at });
      const isBegun = await write([
        putOf(runItemOf(run), 'attribute_not_exists(pk)'),
        updateOf(taskKeyOf(task.key), taskBegins({ task, run, at })),
      ]);
      if (isBegun) {
        return { begun: true, run };
      }
      const earlier = await known(task.key, { runId, due });
      if (earlier !== undefined && earlier.skipped === undefined) {
        return { begun: true, run: earlier };
      }
      const activeRunId = (await taskOf(task.key))?.activeRunId;
      return {
        begun: false,
        active: activeRunId === undefined ? undefined : await get(task.key, activeRunId),
      };
    },

    async resume({ task, runId, at }) {
      const oldest = new Date(at.getTime() - RESUMABLE_DAYS * DAY_MS).toISOString();
      const isResumed = await write([
        updateOf(runKeyOf(task.key, runId), {
          UpdateExpression:
            'SET #status = :replicating REMOVE endedAt, errorReason, containers ADD revision :one',
          ConditionExpression:
            '#status = :interrupted AND attribute_not_exists(skipped) AND policyVersion = :version AND startedAt > :oldest',
          ExpressionAttributeNames: { '#status': 'status' },
          ExpressionAttributeValues: {
            ':replicating': 'REPLICATING',
            ':interrupted': 'INTERRUPTED',
            ':version': task.policyVersion,
            ':oldest': oldest,
            ':one': 1,
          },
        }),
        updateOf(taskKeyOf(task.key), {
          UpdateExpression: 'SET #status = :replicating, activeRunId = :run ADD revision :one',
          ConditionExpression: IDLE,
          ExpressionAttributeNames: { '#status': 'status' },
          ExpressionAttributeValues: {
            ':replicating': 'REPLICATING',
            ':paused': 'PAUSED',
            ':run': runId,
            ':one': 1,
          },
        }),
      ]);
      const run = await get(task.key, runId);
      return isResumed || run?.status === 'REPLICATING' ? run : undefined;
    },

    async recordSkipped({ task, due, at, activeRunId }) {
      const run = skippedRun({ task, runId: newRunId(at), due, at, activeRunId });
      await write([
        putOf(runItemOf(run)),
        updateOf(taskKeyOf(task.key), {
          UpdateExpression: 'SET lastDue = :due ADD revision :one',
          ConditionExpression: `attribute_exists(pk) AND ${NOT_DEALT_WITH}`,
          ExpressionAttributeValues: { ':due': due, ':one': 1 },
        }),
      ]);
    },

    get,

    async latest(taskKey) {
      const [run] = await query(
        {
          partition: runPartitionOf(taskKey),
          filter: { expression: 'attribute_not_exists(skipped)' },
          lastFirst: true,
          limit: 1,
        },
        (item) => runSchema.parse(item),
      );
      return run;
    },

    list: (taskKey, { limit, before }) =>
      query(
        {
          partition: runPartitionOf(taskKey),
          ...(before === undefined
            ? {}
            : { sortKey: { condition: 'sk < :before', values: { ':before': before } } }),
          lastFirst: true,
          limit,
        },
        (item) => runSchema.parse(item),
      ),

    containers,

    async addPages(added) {
      const { taskKey, runId, from, pages, at, failures = [] } = added;
      const changes = containerChangesOf(added);
      if (
        pages.length > MAX_PAGES_AT_ONCE ||
        added.containers.length > MAX_CONTAINERS_AT_ONCE ||
        failures.length > MAX_CONTAINERS_AT_ONCE
      ) {
        throw new RangeError('This is more than one transaction takes');
      }
      const isAdded = await write([
        updateOf(runKeyOf(taskKey, runId), runPlanned(added)),
        ...changes.map((change) => containerUpdate(runId, change, at)),
        ...pages.map((page, index) => {
          const stored: Page = {
            ...page,
            runId,
            page: from + index + 1,
            nodesDone: 0,
            bytesDone: 0,
            done: false,
          };
          const key = syncPageKeyOf(runId, stored.page);
          return putOf({ ...key, ...stored, expiresAt: expiryOf(at, SYNC_RETENTION_DAYS) });
        }),
        ...failurePuts(failures),
      ]);
      if (isAdded) {
        return 'added';
      }
      return (await get(taskKey, runId))?.status === 'REPLICATING' ? 'contended' : 'ended';
    },

    async recordSent({ taskKey, runId, sent }) {
      await write([
        updateOf(runKeyOf(taskKey, runId), {
          UpdateExpression: 'SET pages.sent = :sent ADD revision :one',
          ConditionExpression: 'pages.sent < :sent',
          ExpressionAttributeValues: { ':sent': sent, ':one': 1 },
        }),
      ]);
    },

    pages: (runId, { fromPage, limit, onlyUndone = false }) =>
      query(
        {
          partition: syncPartitionOf(runId),
          sortKey: {
            condition: 'sk BETWEEN :from AND :last',
            values: { ':from': syncPageKeyOf(runId, fromPage).sk, ':last': `${SYNC_PAGE_PREFIX}~` },
          },
          ...(onlyUndone ? { filter: { expression: 'done = :done', values: { ':done': false } } } : {}),
          limit,
        },
        (item) => pageSchema.parse(item),
      ),

    async page(runId, page) {
      const item = await read(syncPageKeyOf(runId, page));
      return item === undefined ? undefined : pageSchema.parse(item);
    },

    async firstLook({ runId, page, missing }) {
      const key = syncPageKeyOf(runId, page);
      const look = encodePathSet(missing);
      const isFirst = await conditionHeld(
        table.send(
          new UpdateCommand({
            TableName: tableName,
            Key: { ...key },
            UpdateExpression: 'SET missingPaths = :missing',
            ConditionExpression: 'attribute_exists(pk) AND attribute_not_exists(missingPaths)',
            ExpressionAttributeValues: { ':missing': look },
          }),
        ),
      );
      const known = isFirst ? look : lookSchema.parse((await read(key)) ?? {}).missingPaths;
      return decodePathSet(known ?? look);
    },

    async advance({ taskKey, runId, page, source, from, to, done, counters, failures }) {
      if (failures.length > MAX_RUN_FAILURES_AT_ONCE) {
        throw new RangeError('These are more failures than one transaction takes');
      }
      const isAdvanced = await write([
        updateOf(syncPageKeyOf(runId, page), {
          UpdateExpression: `SET doneThrough = :to, done = :done${done ? ' REMOVE missingPaths' : ''} ADD nodesDone :nodes, bytesDone :bytes`,
          ConditionExpression: `done = :not AND ${from === undefined ? 'attribute_not_exists(doneThrough)' : 'doneThrough = :from'}`,
          ExpressionAttributeValues: {
            ':to': to,
            ':done': done,
            ':not': false,
            ':nodes': counters.successNode + counters.conflictedNode + counters.failedNode,
            ':bytes': counters.doneBytes,
            ...(from === undefined ? {} : { ':from': from }),
          },
        }),
        containerAdvance(syncContainerKeyOf(runId, source), counters.failedNode, done),
        updateOf(runKeyOf(taskKey, runId), runAdvances(counters, done)),
        ...failurePuts(failures),
      ]);
      return isAdvanced ? 'advanced' : 'contended';
    },

    async recordPermissionFailures({ taskKey, runId, failures }) {
      for (const failure of failures) {
        await write([
          putOf(runFailureItemOf(failure), 'attribute_not_exists(pk)'),
          updateOf(runKeyOf(taskKey, runId), {
            UpdateExpression: 'ADD permissionFailures :one, revision :one',
            ConditionExpression: 'attribute_exists(pk)',
            ExpressionAttributeValues: { ':one': 1 },
          }),
        ]);
      }
    },

    async end({ taskKey, runId, status, errorReason, at }) {
      const [run, task, found] = await Promise.all([get(taskKey, runId), taskOf(taskKey), containers(runId)]);
      if (run?.status !== 'REPLICATING' || task?.activeRunId !== runId) {
        return 'already';
      }
      const isSynced = task.type === 'INCREMENTAL' && status !== 'INTERRUPTED' && isComplete(run);
      const isEnded = await write([
        updateOf(runKeyOf(taskKey, runId), {
          UpdateExpression: `SET #status = :status, endedAt = :at, containers = :containers${errorReason === undefined ? '' : ', errorReason = :reason'} ADD revision :one`,
          ConditionExpression: '#status = :replicating',
          ExpressionAttributeNames: { '#status': 'status' },
          ExpressionAttributeValues: {
            ':status': status,
            ':replicating': 'REPLICATING',
            ':at': at.toISOString(),
            ':containers': containerCountersOf(found, run.planned),
            ':one': 1,
            ...(errorReason === undefined ? {} : { ':reason': errorReason }),
          },
        }),
        updateOf(taskKeyOf(taskKey), {
          UpdateExpression: `SET #status = :status${isSynced ? ', initialSync.endedAt = :at' : ''} REMOVE activeRunId ADD revision :one`,
          ConditionExpression: 'activeRunId = :run',
          ExpressionAttributeNames: { '#status': 'status' },
          ExpressionAttributeValues: {
            ':status': taskStatusAfter(task, run, status),
            ':run': runId,
            ':one': 1,
            ...(isSynced ? { ':at': at.toISOString() } : {}),
          },
        }),
      ]);
      return isEnded ? 'ended' : 'already';
    },
  };

  function containerAdvance(key: TableKey, failedNodes: number, done: boolean): TransactionItem {
    return updateOf(key, {
      UpdateExpression: 'ADD failedNodes :failed, pagesDone :done',
      ConditionExpression: 'attribute_exists(pk)',
      ExpressionAttributeValues: { ':failed': failedNodes, ':done': done ? 1 : 0 },
    });
  }
}

/** The parts of DynamoDB's update that differ. */
interface Update {
  readonly UpdateExpression: string;
  readonly ConditionExpression?: string;
  readonly ExpressionAttributeNames?: Record<string, string>;
  readonly ExpressionAttributeValues: Record<string, unknown>;
}

const DAY_MS = 86_400_000;

/** A task that may begin a run. */
const IDLE = 'attribute_exists(pk) AND attribute_not_exists(activeRunId) AND #status <> :paused';
/** ISO 8601 UTC sorts by time, and due times only grow. */
const NOT_DEALT_WITH = '(attribute_not_exists(lastDue) OR lastDue < :due)';

function taskBegins(start: { readonly task: Task; readonly run: Run; readonly at: Date }): Update {
  const { task, run, at } = start;
  const sync =
    task.type === 'INCREMENTAL'
      ? { runId: run.runId, startedAt: task.initialSync?.startedAt ?? at.toISOString() }
      : undefined;
  return {
    UpdateExpression: [
      'SET #status = :replicating, activeRunId = :run',
      run.due === undefined ? '' : ', lastDue = :due',
      sync === undefined ? '' : ', initialSync = :sync',
      ' ADD revision :one',
    ].join(''),
    ConditionExpression: run.due === undefined ? IDLE : `${IDLE} AND ${NOT_DEALT_WITH}`,
    ExpressionAttributeNames: { '#status': 'status' },
    ExpressionAttributeValues: {
      ':replicating': 'REPLICATING',
      ':paused': 'PAUSED',
      ':run': run.runId,
      ':one': 1,
      ...(run.due === undefined ? {} : { ':due': run.due }),
      ...(sync === undefined ? {} : { ':sync': sync }),
    },
  };
}

function runPlanned(added: PagesAdded): Update {
  const { from, pages, cursor, planned = false, currentRepository } = added;
  return {
    UpdateExpression: [
      'SET pages.planned = :planned, #cursor = :cursor, planned = :all',
      ', counters.totalNode = counters.totalNode + :nodes, counters.totalBytes = counters.totalBytes + :bytes',
      currentRepository === undefined ? '' : ', currentRepository = :repository',
      ' ADD revision :one',
    ].join(''),
    ConditionExpression: '#status = :replicating AND pages.planned = :from AND planned = :not',
    ExpressionAttributeNames: { '#status': 'status', '#cursor': 'cursor' },
    ExpressionAttributeValues: {
      ':replicating': 'REPLICATING',
      ':from': from,
      ':not': false,
      ':planned': from + pages.length,
      ':cursor': cursor,
      ':all': planned,
      ':nodes': sum(pages.map(({ nodes }) => nodes)),
      ':bytes': sum(pages.map(({ bytes }) => bytes)),
      ':one': 1,
      ...(currentRepository === undefined ? {} : { ':repository': currentRepository }),
    },
  };
}

function runAdvances(counters: RunCounters, done: boolean): Update {
  const names = runCountersSchema.keyof().options;
  return {
    UpdateExpression: `SET pages.done = pages.done + :done, ${names
      .map((name) => `counters.${name} = counters.${name} + :${name}`)
      .join(', ')} ADD revision :one`,
    ConditionExpression: 'attribute_exists(pk)',
    ExpressionAttributeValues: {
      ':done': done ? 1 : 0,
      ':one': 1,
      ...Object.fromEntries(names.map((name) => [`:${name}`, counters[name]])),
    },
  };
}

/** Each container that changes or gets pages, once. */
function containerChangesOf({
  containers,
  pages,
}: PagesAdded): readonly (ContainerChange & { readonly pages: number })[] {
  const changes = new Map<string, ContainerChange & { readonly pages: number }>();
  const idOf = ({ projectId, repoName }: Container) => `${projectId}/${repoName}`;
  for (const change of containers) {
    const id = idOf(change.source);
    changes.set(id, { pages: 0, ...changes.get(id), ...change });
  }
  for (const { source, remote } of pages) {
    const id = idOf(source);
    const known = changes.get(id) ?? { source, remote, pages: 0 };
    changes.set(id, { ...known, pages: known.pages + 1 });
  }
  return [...changes.values()];
}

/** A run as an item of the table. */
export function runItemOf(run: Run): TableKey & Record<string, unknown> {
  const expiresAt = expiryOf(new Date(run.startedAt), RUN_RETENTION_DAYS);
  return { ...runKeyOf(run.taskKey, run.runId), ...run, expiresAt };
}

/** Seconds since 1970. */
function expiryOf(at: Date, days: number): number {
  return Math.floor((at.getTime() + days * DAY_MS) / 1_000);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
