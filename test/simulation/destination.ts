import { remotePool } from '../../functions/shared/apply/remotes.ts';
import { s3BlobStore } from '../../functions/shared/blob/s3-blob-store.ts';
import { createRemoteClient } from '../../functions/shared/remote/client.ts';
import type { Extension } from '../../functions/shared/remote/version.ts';
import type { Task } from '../../functions/shared/task/task.ts';
import { storedTask } from '../support/tasks.ts';
import type { Cloud } from './cloud.ts';
import { MemoryMongo } from './memory-mongodb.ts';
import type { MemoryS3 } from './memory-s3.ts';
import { receiver } from './receiver.ts';
import { SimulatedTransport } from './transport.ts';

/** How a target speaks. */
export type RemoteKind = 'era' | 'base' | 'extended';
const EXTENSIONS: Readonly<Record<RemoteKind, readonly Extension[] | undefined>> = {
  era: undefined,
  base: [],
  extended: ['blob', 'digests', 'ranges'],
};

export interface DestinationOptions {
  /** From 1. */
  readonly number: number;
  readonly kind: RemoteKind;
  readonly conflictStrategy: 'OVERWRITE' | 'SKIP';
  readonly cloud: Cloud;
  readonly s3: MemoryS3;
  /** Told what a request has failed with. */
  readonly onError: (error: unknown) => void;
}

/** A cluster that is replicated to, and the task that does. */
export class Destination {
  readonly kind: RemoteKind;
  readonly target: MemoryMongo;
  readonly bucket: string;
  readonly transport: SimulatedTransport;
  readonly task: Task;

  constructor({ number, kind, conflictStrategy, cloud, s3, onError }: DestinationOptions) {
    this.kind = kind;
    this.target = new MemoryMongo(cloud);
    this.bucket = `target-blobs-${number}`;
    const { clock } = cloud.simulation;
    this.transport = new SimulatedTransport({
      cloud,
      serve: receiver({
        connect: () => this.target.connect(),
        blobs: s3BlobStore({ s3: s3.client, bucket: this.bucket }),
        clock,
        clusterId: 'b'.repeat(31) + number,
        extensions: EXTENSIONS[kind],
        onError,
      }),
    });
    const { setting } = storedTask();
    this.task = storedTask({
      key: 'f'.repeat(31) + number,
      setting: {
        ...setting,
        remoteClusterInfo: {
          ...setting.remoteClusterInfo,
          url: `http://remote-${number}.example/replication`,
        },
        conflictStrategy,
        sweepPeriod: 5,
        maxDeletionShare: 1,
      },
    });
  }

  /** Whether the remote says what a node is, or only whether there is one. */
  get tellsDigests(): boolean {
    return EXTENSIONS[this.kind]?.includes('digests') === true;
  }
}

/** One execution environment's clients of the tasks' remotes. */
export function clientsOf(destinations: readonly Destination[], { simulation }: Cloud) {
  const transportOf = (url: string) =>
    destinations.find(({ task }) => task.setting.remoteClusterInfo.url === url)?.transport;
  return remotePool({
    credentials: { decrypt: async () => 'password' },
    create: (remote) => {
      const dispatcher = transportOf(remote.url);
      if (dispatcher === undefined) {
        throw new Error(`No remote at ${remote.url}`);
      }
      const clusterId = 'a'.repeat(32);
      const { clock } = simulation;
      return createRemoteClient({ ...remote, allowPrivate: true, clusterId, clock, dispatcher });
    },
  });
}
