import { applyBatch } from '../../functions/shared/apply/apply-batch.ts';
import { circuit } from '../../functions/shared/apply/circuit.ts';
import type { BlobStore } from '../../functions/shared/blob/blob-store.ts';
import { systemClock } from '../../functions/shared/clock.ts';
import type { Failure } from '../../functions/shared/failure/failure.ts';
import type { Container } from '../../functions/shared/lane/message.ts';
import type { LaneCounters } from '../../functions/shared/lane/repository.ts';
import type { RemoteClient } from '../../functions/shared/remote/client.ts';
import { storedTask } from './tasks.ts';

export interface LaneFile {
  readonly fullPath: string;
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  readonly md5: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What came of a batch. */
export interface LaneReport {
  readonly counters: LaneCounters | undefined;
  readonly failures: readonly Failure[];
}

const LOGGED_AT = '2026-11-22T00:00:00.000Z';
const OPERATOR = 'ada';

/**
 * Apply the creation of files, in one batch of a lane that nothing was done in before, with a real client and store;
 * what else a worker reads and writes is played.
 *
 * @throws what `applyBatch` throws.
 */
export async function applyFiles(options: {
  readonly repository: Container;
  readonly files: readonly LaneFile[];
  readonly client: RemoteClient;
  readonly blobs: Pick<BlobStore, 'open'>;
}): Promise<LaneReport> {
  const { repository, files, client, blobs } = options;
  const task = storedTask();
  let report: LaneReport = { counters: undefined, failures: [] };
  await applyBatch({
    message: {
      version: 1,
      taskKey: task.key,
      slotName: task.slotName,
      policyVersion: 1,
      source: repository,
      remote: repository,
      previousOrdinal: 0,
      entries: files.map((file, index) => ({
        ordinal: index + 1,
        eventId: String(index + 1),
        loggedAt: LOGGED_AT,
        operation: { kind: 'FILE_CREATE', ...file, operator: OPERATOR, overwrite: true, expires: 0 },
      })),
    },
    deliveries: 1,
    circuit: circuit(),
    signal: AbortSignal.timeout(600_000),
    dependencies: {
      tasks: { get: async () => task },
      lanes: {
        load: async () => undefined,
        recordApplied: async ({ counters, failures }) => {
          report = { counters, failures };
          return { recorded: true };
        },
        recordOutage: async () => undefined,
        recordOwnWork: async () => true,
        recordReplaced: async () => undefined,
      },
      remotes: { clientFor: async () => client },
      catalog: {
        project: async () => ({ displayName: repository.projectId, createdBy: OPERATOR }),
        repository: async () => ({ type: 'GENERIC', category: 'LOCAL', public: false, createdBy: OPERATOR }),
        node: async (_projectId, _repoName, fullPath) => {
          const file = files.find((candidate) => candidate.fullPath === fullPath);
          return file === undefined ? undefined : { ...file, folder: false, createdBy: OPERATOR };
        },
        nodesUnder: async () => [],
      },
      history: { had: async () => true },
      conflictStops: { stop: async () => false },
      blobs,
      loadOperation: () => Promise.reject(new Error('Nothing is archived')),
      clock: systemClock,
      timeZone: 'UTC',
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    },
  });
  return report;
}
