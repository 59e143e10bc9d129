/** A worker has died: none of its later calls reaches a port. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

/** Decides, with each call to a port (`port.method`), whether the worker dies before or after it. */
export interface Fate {
  before(call: string): boolean;
  after(call: string): boolean;
}

/** Wraps the ports of one worker. */
export type Mortal = <Port extends object>(name: string, port: Port) => Port;

/**
 * One worker's life: ports that it shares die together, as after SIGKILL. Their methods return promises.
 *
 * @param options `onCall`: before each call that is made. `onDeath`: once, at the moment.
 */
export function mortality(options: {
  readonly fate: Fate;
  readonly onCall?: () => void;
  readonly onDeath?: () => void;
}): Mortal {
  const { fate, onCall, onDeath } = options;
  let isDead = false;
  const dieWhere = (isStruck: () => boolean, call: string): void => {
    if (!isDead && isStruck()) {
      isDead = true;
      onDeath?.();
    }
    if (isDead) {
      throw new Killed(call);
    }
  };
  return (name, port) =>
    new Proxy(port, {
      get: (target, method) => {
        const original: unknown = Reflect.get(target, method);
        if (typeof original !== 'function') {
          return original;
        }
        return async (...args: unknown[]) => {
          const call = `${name}.${String(method)}`;
          dieWhere(() => fate.before(call), call);
          onCall?.();
          const result: unknown = await original.apply(target, args);
          dieWhere(() => fate.after(call), call);
          return result;
        };
      },
    });
}

/** Deterministic numbers from 0 (included) to 1 (excluded). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}
