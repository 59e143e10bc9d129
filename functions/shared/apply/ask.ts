import type { Container } from '../lane/message.ts';
import { ROOT } from '../node/path.ts';
import type { RemoteClient, RemoteNode } from '../remote/client.ts';
import { RemoteAmbiguousError, RemoteRefusalError } from '../remote/errors.ts';

/** A healthy remote's answer could still be a passing fault: the message comes back for another try. */
export class RemoteUndecidedError extends Error {
  constructor(cause: RemoteAmbiguousError) {
    super(`The remote may be refusing for good: ${cause.message}`, { cause });
    this.name = 'RemoteUndecidedError';
  }
}

/**
 * Make a call, and find out what an answer means that may be a refusal or an outage: ask the
 * remote its ping and for the node. If either does not answer it is an outage. If the node's presence explains a
 * refusal it is one. Else the call is made again; what is ambiguous even then is a passing fault while there is
 * patience, and after that a refusal.
 *
 * @throws RemoteOutageError, RemoteRefusalError, RemoteUndecidedError, and whatever else the call throws.
 */
async function askBeforeBelieving<Result>(options: {
  readonly call: () => Promise<Result>;
  readonly client: Pick<RemoteClient, 'ping' | 'nodeExists'>;
  /** Node whose existence is asked for; it needs not exist. */
  readonly node: RemoteNode;
  /** Whether the node's being there or not is reason enough for a refusal. */
  readonly explains?: ((exists: boolean) => boolean) | undefined;
  /** Whether the message may come back for the sake of this answer. */
  readonly patient: boolean;
}): Promise<Result> {
  const { call, client, node, explains, patient } = options;
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof RemoteAmbiguousError)) {
      throw error;
    }
    const exists = await confirmHealth(client, node);
    if (exists !== undefined && explains?.(exists) === true) {
      throw error.asRefusal;
    }
  }
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof RemoteAmbiguousError)) {
      throw error;
    }
    throw patient ? new RemoteUndecidedError(error) : error.asRefusal;
  }
}

/**
 * @returns whether the node exists; undefined when the remote refuses to say, which is an answer too.
 * @throws RemoteOutageError when the remote does not answer what any healthy one does.
 */
async function confirmHealth(
  client: Pick<RemoteClient, 'ping' | 'nodeExists'>,
  node: RemoteNode,
): Promise<boolean | undefined> {
  await client.ping();
  try {
    return await client.nodeExists(node);
  } catch (error) {
    if (error instanceof RemoteAmbiguousError) {
      throw error.asOutage;
    }
    if (error instanceof RemoteRefusalError) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Makes a call that may be answered ambiguously.
 *
 * @param fullPath path to ask for when the answer is ambiguous; any will do where the call names none.
 * @param explains whether the node's being there or not is reason enough for a refusal.
 */
export type Perform = <Result>(
  call: () => Promise<Result>,
  fullPath?: string,
  explains?: (exists: boolean) => boolean,
) => Promise<Result>;

/** Asked for where a call names no path of its own; the root would be answered without looking. */
const UNLIKELY_PATH = `${ROOT}.logferry`;

/** `askBeforeBelieving` in one of the remote's repositories. */
export function asking(options: {
  readonly client: Pick<RemoteClient, 'ping' | 'nodeExists'>;
  readonly remote: Container;
  readonly patient: boolean;
}): Perform {
  const { client, remote, patient } = options;
  return (call, fullPath = UNLIKELY_PATH, explains = undefined) =>
    askBeforeBelieving({ call, client, node: { ...remote, fullPath }, explains, patient });
}

/** Whether a refusal says that the operation does not fit what is at the target now. */
export function isMisfit(refusal: RemoteRefusalError): boolean {
  return refusal.code !== undefined && MISFIT_CODES.has(refusal.code);
}

/**
 * Codes by which a remote says that what an operation builds on is missing or taken: project or repository missing
 * (404 from an upload), node missing, existing or in conflict. 250101 is here as what is left of the others in an era
 * remote that turns them all into it.
 */
const MISFIT_CODES: ReadonlySet<number> = new Set([404, 250101, 251001, 251003, 251006, 251008, 251009]);
