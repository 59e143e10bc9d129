import type { Clock } from './clock.ts';

/** Values that are remembered for a while; when there are too many, the oldest goes. */
export interface ExpiringCache<Value> {
  get(key: string): Value | undefined;
  /** @param until not longer than this, however long the cache would keep it. */
  set(key: string, value: Value, until?: Date): void;
}

export function expiringCache<Value>(options: {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly lifetime: number;
  readonly capacity: number;
}): ExpiringCache<Value> {
  const { clock, lifetime, capacity } = options;
  const entries = new Map<string, { readonly value: Value; readonly expiresAt: number }>();
  return {
    get(key) {
      const entry = entries.get(key);
      if (entry !== undefined && clock().getTime() < entry.expiresAt) {
        return entry.value;
      }
      entries.delete(key);
      return undefined;
    },

    set(key, value, until) {
      entries.delete(key);
      const [oldest] = entries.keys();
      if (entries.size >= capacity && oldest !== undefined) {
        entries.delete(oldest);
      }
      const expiresAt = clock().getTime() + lifetime;
      entries.set(key, { value, expiresAt: Math.min(expiresAt, until?.getTime() ?? expiresAt) });
    },
  };
}
