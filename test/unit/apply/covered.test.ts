import { beforeEach, describe, expect, it, test } from 'vitest';
import { applyBatch } from '../../../functions/shared/apply/apply-batch.ts';
import { circuit } from '../../../functions/shared/apply/circuit.ts';
import { aheadAtFirst, isCovered } from '../../../functions/shared/apply/covered.ts';
import type { Operation } from '../../../functions/shared/lane/operation.ts';
import { storedTask } from '../../support/tasks.ts';
import { batch, fileCreate, sha256Of, World } from './world.ts';

const SYNC = { startedAt: '2026-11-22T01:00:00.000Z', endedAt: '2026-11-22T01:10:00.000Z' };
const BEFORE = '2026-11-22T00:59:00.000Z';
const DURING = '2026-11-22T01:05:00.000Z';
const AFTER = '2026-11-22T01:20:00.000Z';
const operator = 'admin';

test.each([
  ['before it began', '2026-11-22T00:59:49.999Z', true],
  ['as long before as clocks may differ', '2026-11-22T00:59:50.000Z', false],
  ['while it ran', DURING, false],
  ['after it', AFTER, false],
])('what was logged %s is in the first synchronization or not', (_when, loggedAt, covered) => {
  expect(isCovered({ initialSync: SYNC }, loggedAt)).toBe(covered);
  expect(isCovered({}, loggedAt)).toBe(false);
  expect(isCovered({ initialSync: { startedAt: SYNC.startedAt } }, loggedAt)).toBe(false);
});

test('a new lane takes for ahead what was copied until the copy ended', () => {
  expect(aheadAtFirst({ initialSync: SYNC })).toEqual([{ fullPath: '/', until: SYNC.endedAt }]);
  expect(aheadAtFirst({ initialSync: {} })).toEqual([]);
  expect(aheadAtFirst({})).toEqual([]);
});

describe('after a first synchronization, what the log repeats', () => {
  let world: World;
  let applied: number;

  beforeEach(() => {
    world = new World();
    world.now = new Date('2026-11-22T01:30:00Z');
    world.tasks.set(storedTask().key, storedTask({ initialSync: SYNC }));
    applied = 0;
  });

  async function apply(loggedAt: string, ...operations: Operation[]): Promise<void> {
    const whole = batch(applied, operations);
    applied += operations.length;
    await applyBatch({
      message: { ...whole, entries: whole.entries.map((entry) => ({ ...entry, loggedAt })) },
      deliveries: 1,
      circuit: circuit(),
      signal: new AbortController().signal,
      dependencies: world.dependencies,
    });
  }

  const atTarget = (fullPath: string, content: string) =>
    world.target.set(fullPath, {
      folder: false,
      sha256: sha256Of(content),
      expires: 0,
      metadata: { k: 'v' },
    });
  const atSource = (fullPath: string, content: string) => {
    const date = new Date('2026-11-20T00:00:00Z');
    world.putFile(fullPath, content, { createdDate: date, lastModifiedDate: date });
  };

  it('from before it brings nothing once more', async () => {
    atSource('/new', 'new');
    await apply(
      BEFORE,
      fileCreate('/new', 'new'),
      { kind: 'FOLDER_CREATE', fullPath: '/folder', operator, metadata: {} },
      { kind: 'NODE_COPY', fullPath: '/a', destFullPath: '/b', overwrite: true, operator },
      { kind: 'NODE_CONVERGE', fullPath: '/c', name: 'c', operator },
      { kind: 'REPOSITORY_CREATE', type: 'GENERIC', category: 'LOCAL', public: false, operator },
    );
    expect(world.calls).toEqual([]);
    expect(world.state()).toMatchObject({ appliedOrdinal: 5, applied: 0, superseded: 5, failed: 0 });
  });

  it.each<Operation>([
    { kind: 'NODE_DELETE', fullPath: '/old', operator },
    { kind: 'NODE_RENAME', fullPath: '/old', newFullPath: '/new', operator },
    { kind: 'NODE_MOVE', fullPath: '/old', destFullPath: '/new', overwrite: false, operator },
  ])('from before it takes away what went then: $kind', async (operation) => {
    atTarget('/old', 'old');
    atTarget('/new', 'new');
    await apply(BEFORE, operation);
    expect([...world.target.live.keys()]).toEqual(['/new']);
    expect(world.state()).toMatchObject({ applied: 0, superseded: 1 });
  });

  it('from before it leaves what has come in its place since', async () => {
    atSource('/again', 'again');
    atTarget('/again', 'again');
    await apply(BEFORE, { kind: 'NODE_DELETE', fullPath: '/again', operator });
    expect(world.calls).toEqual([]);
    expect(world.state()).toMatchObject({ superseded: 1 });
  });

  it('from before it does not delete a repository that exists again, and does one that does not', async () => {
    world.repositories.set('ops/generic-local', {
      type: 'GENERIC',
      category: 'LOCAL',
      public: false,
      createdBy: 'admin',
      createdDate: new Date('2026-11-22T00:59:30Z'),
    });
    const operation: Operation = { kind: 'REPOSITORY_DELETE', forced: true, operator };
    await apply(BEFORE, operation);
    expect(world.calls).toEqual([]);
    world.repositories.clear();
    await apply(BEFORE, operation, { kind: 'NODE_DELETE', fullPath: '/x', operator });
    expect(world.calls).toEqual(['delete-repository-forced generic-remote']);
    expect(world.state()).toMatchObject({ applied: 1, superseded: 2 });
  });

  it('from before it takes keys away, which the copy does not', async () => {
    atSource('/file', 'file');
    atTarget('/file', 'file');
    await apply(BEFORE, { kind: 'METADATA_DELETE', fullPath: '/file', keys: ['k'], operator });
    expect(world.target.get('/file')).toMatchObject({ metadata: {} });
  });

  it('from while it ran is settled, for it may be in the copy or not', async () => {
    atSource('/to', 'new');
    atTarget('/from', 'old');
    atTarget('/to', 'old');
    await apply(DURING, { kind: 'NODE_RENAME', fullPath: '/from', newFullPath: '/to', operator });
    expect(world.calls.filter((call) => call.startsWith('rename'))).toEqual([]);
    expect([...world.target.live.keys()]).toEqual(['/to']);
    expect(world.target.get('/to')).toMatchObject({ sha256: sha256Of('new') });
    // Of the lane that is new no more, too.
    await apply(DURING, { kind: 'NODE_RENAME', fullPath: '/to', newFullPath: '/from', operator });
    expect(world.calls.filter((call) => call.startsWith('rename'))).toEqual([]);
  });

  it('from after it is done as any other', async () => {
    atSource('/to', 'old');
    atTarget('/from', 'old');
    await apply(AFTER, { kind: 'NODE_RENAME', fullPath: '/from', newFullPath: '/to', operator });
    expect(world.calls.at(-1)).toBe('rename /from');
    expect(world.state()?.ahead.filter(({ fullPath }) => fullPath === '/')).toEqual([]);
  });
});
