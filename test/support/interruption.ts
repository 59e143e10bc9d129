import type { TailDependencies } from '../../functions/shared/tail/tail.ts';

/** Every call that a tailer makes to a store, as `port.method`: between any two of them it may be stopped. */
export const TAIL_STEPS = [
  'slots.acquire',
  'archive.load',
  'tasks.list',
  'tasks.recordStart',
  'lanes.heads',
  'slots.renew',
  'archive.create',
  'queue.send',
  'lanes.recordSent',
  'slots.advance',
  'slots.release',
] as const;

/** The calls that it makes for a task that changes its slot. */
export const SLOT_SWITCH_STEPS = ['catchUps.leave', 'tasks.update', 'slots.get', 'slots.create'] as const;

/** The calls that it makes beside those for a task that is left out of reads and catches up. */
export const CATCH_UP_STEPS = ['catchUps.begin', 'catchUps.fix', 'catchUps.move', 'catchUps.end'] as const;

/** The same dependencies, with every call to a port (`port.method`) in the hands of `around`. */
export function surrounded(
  dependencies: TailDependencies,
  around: (step: string, call: () => Promise<unknown>) => Promise<unknown>,
): TailDependencies {
  const wrap = <Port extends object>(name: string, port: Port): Port =>
    new Proxy(port, {
      get: (target, method) => {
        const original: unknown = Reflect.get(target, method);
        return typeof original === 'function'
          ? (...args: unknown[]) =>
              around(`${name}.${String(method)}`, async () => original.apply(target, args))
          : original;
      },
    });
  return {
    ...dependencies,
    slots: wrap('slots', dependencies.slots),
    tasks: wrap('tasks', dependencies.tasks),
    catchUps: wrap('catchUps', dependencies.catchUps),
    archive: wrap('archive', dependencies.archive),
    lanes: wrap('lanes', dependencies.lanes),
    queue: wrap('queue', dependencies.queue),
    repairs: wrap('repairs', dependencies.repairs),
  };
}

/**
 * The same dependencies, with something happening before or after a step (`port.method`), skipping its first calls. When
 * it rejects, the tailer is dead: none of its later calls reaches a port, as after SIGKILL.
 */
export function interrupted(
  dependencies: TailDependencies,
  step: string,
  when: string,
  happening: () => Promise<unknown>,
  skip = 0,
): TailDependencies {
  let calls = 0;
  let dead = false;
  const strike = async () => {
    try {
      await happening();
    } catch (error) {
      dead = true;
      throw error;
    }
  };
  return surrounded(dependencies, async (name, call) => {
    if (dead) {
      throw new Error('dead');
    }
    const struck = name === step && calls++ >= skip;
    if (struck && when === 'before') {
      await strike();
    }
    const result = await call();
    if (struck && when === 'after') {
      await strike();
    }
    return result;
  });
}
