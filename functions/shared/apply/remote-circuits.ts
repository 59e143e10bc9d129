import { createHash } from 'node:crypto';
import { DeleteCommand, type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { conditionHeld } from '../aws/conditions.ts';
import type { Clock } from '../clock.ts';
import { OUTAGE_TEXTS, type OutageReason, RemoteOutageError } from '../remote/errors.ts';
import { remoteKeyOf } from '../table.ts';

/** Longest time until a remote is tried again; milliseconds. */
const MAX_OPEN_MS = 900_000;
/** Ceiling of the first pause; it doubles with each failure. */
const FIRST_OPEN_MS = 4_000;
/** Time that whoever tries a remote has to find out, before another one may; milliseconds. */
const PROBE_MS = 60_000;
/** Time for which what was read of a circuit is believed; milliseconds. */
const CACHE_MS = 1_000;
/** A circuit that nobody asks for any more is forgotten; seconds. */
const KEPT_SECONDS = 7 * 86_400;

/** Outages that say something of a task's own settings, or of a part of its remote, and not of the remote. */
const NOT_OF_THE_REMOTE: ReadonlySet<OutageReason> = new Set([
  'ADDRESS_INVALID',
  'ADDRESS_FORBIDDEN',
  'TLS_FAILED',
  'UNAUTHORIZED',
  'FORBIDDEN',
  'STORE_REFUSED',
]);

/** A remote that was found down. Instants are milliseconds since 1970. */
const circuitStateSchema = z.object({
  since: z.number(),
  openUntil: z.number(),
  failures: z.number().int().positive(),
  reason: z.custom<OutageReason>((value) => typeof value === 'string' && Object.hasOwn(OUTAGE_TEXTS, value)),
  details: z.string().optional(),
});
export type CircuitState = z.infer<typeof circuitStateSchema>;

/** Where circuits are kept. */
export interface CircuitStore {
  load(url: string): Promise<CircuitState | undefined>;
  /** Replace a circuit that is as it was read: open until then, or (undefined) not there. False, and nothing written, otherwise. */
  put(url: string, state: CircuitState, expected: number | undefined): Promise<boolean>;
  /** Forget a circuit that is as it was read; another one is left alone. */
  remove(url: string, expected: number): Promise<void>;
}

/** The deployment's circuits: a remote that is down is called by one caller at a time, less and less often. */
export interface RemoteCircuits {
  /**
   * Whether a remote may be called now. Where its time to be tried again has come, it is one caller that may.
   *
   * @returns the outage that keeps it from being called, with the seconds until it is tried again.
   */
  pass(url: string): Promise<RemoteOutageError | undefined>;
  /** A call has found the remote down. */
  open(url: string, outage: RemoteOutageError): Promise<void>;
  /** A call was answered: ends the outage, if it was found out by who was to try. */
  close(url: string): Promise<void>;
  /** Have a remote tried at once: it has answered somebody who called it whatever its circuit said, or somebody asks for it. */
  end(url: string): Promise<void>;
}

/**
 * Circuits over a store, with what was read of it kept for a second: one for each execution environment.
 *
 * @param options `random`: from 0 (included) to 1 (excluded).
 */
export function remoteCircuits(options: {
  readonly store: CircuitStore;
  readonly clock: Clock;
  readonly random: () => number;
}): RemoteCircuits {
  const { store, clock, random } = options;
  const known = new Map<string, { readonly state: CircuitState | undefined; readonly readAt: number }>();
  /** What the circuits were set to by who tries now. */
  const trying = new Map<string, CircuitState>();

  const keep = (url: string, state: CircuitState | undefined): void => {
    known.set(url, { state, readAt: clock().getTime() });
  };

  async function read(url: string): Promise<CircuitState | undefined> {
    const kept = known.get(url);
    if (kept !== undefined && clock().getTime() - kept.readAt < CACHE_MS) {
      return kept.state;
    }
    const state = await store.load(url);
    keep(url, state);
    return state;
  }

  const outageOf = ({ reason, details, openUntil }: CircuitState): RemoteOutageError =>
    new RemoteOutageError(reason, {
      details,
      retryAfter: Math.max(1, Math.ceil((openUntil - clock().getTime()) / 1_000)),
    });

  async function close(url: string): Promise<void> {
    const tried = trying.get(url);
    if (tried !== undefined) {
      trying.delete(url);
      await store.remove(url, tried.openUntil);
      known.delete(url);
    }
  }

  return {
    async pass(url) {
      const state = await read(url);
      if (state === undefined) {
        return undefined;
      }
      const now = clock().getTime();
      if (now < state.openUntil) {
        return outageOf(state);
      }
      const claimed = { ...state, openUntil: now + PROBE_MS };
      if (await store.put(url, claimed, state.openUntil)) {
        keep(url, claimed);
        trying.set(url, claimed);
        return undefined;
      }
      known.delete(url);
      const present = await read(url);
      return present === undefined ? undefined : outageOf(present);
    },

    async open(url, outage) {
      if (NOT_OF_THE_REMOTE.has(outage.reason)) {
        // Whoever was to try has got an answer.
        await close(url);
        return;
      }
      const state = trying.get(url) ?? (await read(url));
      const now = clock().getTime();
      if (state !== undefined && state.openUntil > now && !trying.has(url)) {
        return;
      }
      trying.delete(url);
      const failures = (state?.failures ?? 0) + 1;
      const ceiling = Math.min(MAX_OPEN_MS, FIRST_OPEN_MS * 2 ** Math.min(failures - 1, 20));
      const wait = Math.min(MAX_OPEN_MS, Math.max(random() * ceiling, (outage.retryAfter ?? 0) * 1_000));
      const { reason, details } = outage;
      const opened: CircuitState = {
        since: state?.since ?? now,
        openUntil: Math.ceil(now + wait),
        failures,
        reason,
        ...(details === undefined ? {} : { details }),
      };
      if (await store.put(url, opened, state?.openUntil)) {
        keep(url, opened);
      } else {
        known.delete(url);
      }
    },

    close,

    async end(url) {
      trying.delete(url);
      known.delete(url);
      const state = await store.load(url);
      if (state !== undefined) {
        await store.remove(url, state.openUntil);
      }
    },
  };
}

/** Circuits in the one table. */
export function circuitStore(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
}): CircuitStore {
  const { table, tableName } = options;
  const keyOf = (url: string) => remoteKeyOf(createHash('sha256').update(url).digest('hex'));

  return {
    async load(url) {
      const { Item } = await table.send(
        new GetCommand({ TableName: tableName, Key: keyOf(url), ConsistentRead: true }),
      );
      return Item === undefined ? undefined : circuitStateSchema.parse(Item);
    },

    put: (url, state, expected) =>
      conditionHeld(
        table.send(
          new PutCommand({
            TableName: tableName,
            Item: { ...keyOf(url), ...state, expiresAt: Math.ceil(state.openUntil / 1_000) + KEPT_SECONDS },
            ...(expected === undefined
              ? { ConditionExpression: 'attribute_not_exists(pk)' }
              : {
                  ConditionExpression: 'openUntil = :expected',
                  ExpressionAttributeValues: { ':expected': expected },
                }),
          }),
        ),
      ),

    async remove(url, expected) {
      await conditionHeld(
        table.send(
          new DeleteCommand({
            TableName: tableName,
            Key: keyOf(url),
            ConditionExpression: 'openUntil = :expected',
            ExpressionAttributeValues: { ':expected': expected },
          }),
        ),
      );
    },
  };
}
