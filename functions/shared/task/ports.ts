import type { RemoteCluster } from './request.ts';

/**
 * Asks a remote cluster whether it is there and lets us in.
 *
 * @throws DomainError REMOTE_CONNECT_FAILED with the cause, or REMOTE_TLS_FAILED.
 */
export type RemoteProbe = (remote: RemoteCluster) => Promise<void>;

/** Makes sure of a slot: from then on, what is written to the log is read from it, with this ordinal or a later one. */
export interface SlotOpener {
  open(slotName: string): Promise<{ readonly nextOrdinal: number }>;
}
