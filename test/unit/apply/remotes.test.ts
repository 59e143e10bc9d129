import { expect, it } from 'vitest';
import { remotePool } from '../../../functions/shared/apply/remotes.ts';
import { storedTask } from '../../support/tasks.ts';
import { World } from './world.ts';

function pool() {
  const made: { readonly url: string; readonly password: string; closed: boolean }[] = [];
  let faults = 0;
  const remotes = remotePool({
    credentials: {
      decrypt: async ({ taskKey, encryptedPassword }) => {
        if (faults > 0) {
          faults -= 1;
          throw new Error('KMS is away');
        }
        return `${taskKey}:${encryptedPassword}`;
      },
    },
    create: ({ url, password }) => {
      const entry = { url, password, closed: false };
      made.push(entry);
      return {
        ...new World().client,
        close: async () => {
          entry.closed = true;
        },
      };
    },
  });
  return {
    remotes,
    made,
    fail: () => {
      faults = 1;
    },
  };
}

const keyOf = (index: number) => index.toString(16).padStart(32, '0');

it('keeps a client while its settings stay, also for those who ask at once', async () => {
  const { remotes, made } = pool();
  const [first, second] = await Promise.all([
    remotes.clientFor(storedTask()),
    remotes.clientFor(storedTask()),
  ]);
  expect(first).toBe(second);
  expect(await remotes.clientFor(storedTask({ revision: 9 }))).toBe(first);
  expect(made).toEqual([
    { url: 'http://remote.example/replication', password: `${storedTask().key}:c2VjcmV0`, closed: false },
  ]);
});

it('makes a new one when they change, and closes the old one', async () => {
  const { remotes, made } = pool();
  await remotes.clientFor(storedTask());
  const { setting } = storedTask();
  const remoteClusterInfo = { ...setting.remoteClusterInfo, encryptedPassword: 'bmV3' };
  await remotes.clientFor(storedTask({ setting: { ...setting, remoteClusterInfo } }));
  await expect.poll(() => made.map(({ closed }) => closed)).toEqual([true, false]);
});

it('keeps no failure', async () => {
  const { remotes, made, fail } = pool();
  fail();
  await expect(remotes.clientFor(storedTask())).rejects.toThrow('KMS is away');
  await remotes.clientFor(storedTask());
  expect(made).toHaveLength(1);
});

it('keeps a bounded number, and closes the oldest', async () => {
  const { remotes, made } = pool();
  for (let index = 0; index < 40; index += 1) {
    await remotes.clientFor(storedTask({ key: keyOf(index) }));
  }
  await expect.poll(() => made.filter(({ closed }) => !closed)).toHaveLength(32);
  expect(made[0]?.closed).toBe(true);
  expect(made[39]?.closed).toBe(false);
});
