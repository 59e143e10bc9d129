import type { BlobStore } from '../blob/blob-store.ts';
import type { Clock } from '../clock.ts';
import type { ConflictGuard } from '../conflict/guard.ts';
import type { AheadPaths } from '../lane/ahead.ts';
import type { Container } from '../lane/message.ts';
import type { RemoteClient } from '../remote/client.ts';
import type { ContentKnowledge } from '../remote/content.ts';
import { RemoteRefusalError } from '../remote/errors.ts';
import type { SyncPolicy } from '../task/sync-policy.ts';
import { asking, type Perform } from './ask.ts';
import { type Containers, laneContainers, NO_CONTAINERS } from './containers.ts';
import { type NodeWriter, nodeWriter } from './node-writer.ts';
import { failed, failureOf, type Outcome } from './outcome.ts';
import { leavingOut, telling } from './policy-writer.ts';
import { type Settler, settler } from './settle.ts';
import type { SourceCatalog } from './source-catalog.ts';

/** Codes for a repository that is not there: as bk-repo says it, and as its uploads do. */
const REPOSITORY_MISSING: ReadonlySet<number> = new Set([404, 251001, 251003]);

/** What is known of a lane while it is worked on; changed by what works on it. */
export interface LaneKnowledge {
  /** The lane's project and repository are known to be at the remote. */
  containersEnsured: boolean;
  /** Why they cannot be made: it holds for the rest of the message and is not asked for again with each operation. */
  containersRefused: RemoteRefusalError | undefined;
  readonly ahead: AheadPaths;
}

/** What work on a lane is done with. */
export interface LaneWork {
  readonly source: Container;
  readonly remote: Container;
  readonly includeMetadata: boolean;
  readonly client: RemoteClient;
  readonly catalog: SourceCatalog;
  readonly blobs: Pick<BlobStore, 'open'>;
  readonly content: ContentKnowledge;
  readonly clock: Clock;
  /** IANA zone of the contract's zone-less dates. */
  readonly timeZone: string;
  readonly signal: AbortSignal;
  /** Whether the message may come back because of an ambiguous answer. */
  readonly patient: boolean;
  readonly lane: LaneKnowledge;
  /** Absent: everything is replayed. */
  readonly policy: SyncPolicy | undefined;
  /** Keeps what others have put at the target; absent: it is replaced. */
  readonly guard: ConflictGuard | undefined;
  /** Paths that the task's policies leave as they are at the target. */
  readonly isLeftOut: (fullPath: string) => boolean;
}

/** How a lane's paths are settled under the task's policies: by its operations, and by sweeps. */
export interface LaneSettling {
  readonly perform: Perform;
  readonly containers: Containers;
  /** Whether the task makes projects and repositories at all. */
  readonly makesContainers: boolean;
  readonly writer: NodeWriter;
  readonly settle: Settler;
  /**
   * Make sure of the lane's project and repository, once.
   *
   * @throws RemoteRefusalError the same each time when they cannot be made.
   */
  ensureContainers(): Promise<void>;
  /** A repository that is gone at the source, and whose deletion is not replayed, is kept with what it holds. */
  keepsGone(): Promise<boolean>;
  /** `failureOf`, where a missing repository is a failure of its own. */
  failureHere(error: unknown, fullPath?: string): Outcome;
}

export function laneSettling(work: LaneWork): LaneSettling {
  const { source, remote, client, catalog, lane, policy, guard, isLeftOut } = work;
  const makesContainers = policy?.ddlTrans !== false;
  const perform = asking(work);
  const containers = makesContainers
    ? laneContainers({ source, remote, catalog, client, perform })
    : NO_CONTAINERS;
  const writer = leavingOut(telling(nodeWriter({ ...work, perform }), guard), isLeftOut);

  async function keepsGone(): Promise<boolean> {
    return (
      policy?.filterDdl === 'drop_database' &&
      (await catalog.repository(source.projectId, source.repoName)) === undefined
    );
  }

  function failureHere(error: unknown, fullPath?: string): Outcome {
    return !makesContainers && error instanceof RemoteRefusalError && isMissingRepository(error)
      ? failed(
          'REPOSITORY_MISSING',
          `${remote.projectId}/${remote.repoName} is not at the remote, and container definitions are not replayed (${error.message})`,
        )
      : failureOf(error, fullPath);
  }

  return {
    perform,
    containers,
    makesContainers,
    writer,
    settle: settler({ ...work, writer, perform, keepsGone, failure: failureHere }),

    async ensureContainers() {
      if (lane.containersEnsured || !makesContainers) {
        return;
      }
      if (lane.containersRefused !== undefined) {
        throw lane.containersRefused;
      }
      try {
        await containers.repository();
        lane.containersEnsured = true;
      } catch (error) {
        if (error instanceof RemoteRefusalError) {
          lane.containersRefused = error;
        }
        throw error;
      }
    },

    keepsGone,
    failureHere,
  };
}

export function isMissingRepository(error: unknown): boolean {
  return (
    error instanceof RemoteRefusalError && error.code !== undefined && REPOSITORY_MISSING.has(error.code)
  );
}
