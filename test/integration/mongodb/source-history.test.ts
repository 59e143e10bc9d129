import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mongoSourceHistory } from '../../../functions/shared/conflict/source-history.ts';
import { nodeCollectionOf } from '../../../functions/shared/mongodb/sharding.ts';
import { openTestDatabase } from '../../support/test-database.ts';

const BEFORE = new Date('2026-11-22T01:00:00.000Z');
const earlier = new Date(BEFORE.getTime() - 1);
const later = new Date(BEFORE.getTime() + 1);

let test: Awaited<ReturnType<typeof openTestDatabase>>;

/** A file as bk-repo keeps it; one that is live has no `deleted` at all, or null. */
const file = (fullPath: string, fields: Readonly<Record<string, unknown>>) => ({
  projectId: 'ops',
  repoName: 'r',
  fullPath,
  folder: false,
  sha256: 'aa',
  createdDate: earlier,
  ...fields,
});

beforeAll(async () => {
  test = await openTestDatabase();
  await test.database
    .collection(nodeCollectionOf('ops'))
    .insertMany([
      file('/live-before', { lastModifiedDate: earlier }),
      file('/live-before-null', { lastModifiedDate: earlier, deleted: null }),
      file('/live-at', { lastModifiedDate: BEFORE }),
      file('/live-since', { lastModifiedDate: later, deleted: null }),
      file('/tombstone', { lastModifiedDate: earlier, deleted: earlier }),
      file('/tombstone-since', { lastModifiedDate: later, deleted: later }),
      file('/overwritten', { lastModifiedDate: later, deleted: later, sha256: 'bb' }),
      file('/overwritten', { lastModifiedDate: later, deleted: null, sha256: 'cc' }),
      file('/elsewhere', { lastModifiedDate: earlier, deleted: earlier, repoName: 'other' }),
      file('/elsewhere', { lastModifiedDate: earlier, deleted: earlier, projectId: 'pos' }),
      file('/was-folder', { lastModifiedDate: earlier, deleted: earlier, folder: true, sha256: null }),
    ]);
});
afterAll(() => test.close());

const had = (node: { fullPath: string; folder?: boolean; sha256?: string; before?: Date }) =>
  mongoSourceHistory(async () => test.database).had('ops', 'r', node);

describe('whether the source had a node before an instant', () => {
  it.each([
    ['/live-before', true],
    ['/live-before-null', true],
    ['/live-at', false],
    ['/live-since', false],
    // Deleted or overwritten at any time: it was there before that.
    ['/tombstone', true],
    ['/tombstone-since', true],
    ['/overwritten', true],
    ['/elsewhere', false],
    ['/never', false],
    // A path's children, or paths that begin like it, are others.
    ['/live', false],
  ])('%s: %s', async (fullPath, answer) => {
    expect(await had({ fullPath, before: BEFORE })).toBe(answer);
  });
});

describe('whether the source has, or has had, such content', () => {
  it.each([
    [{ fullPath: '/overwritten', folder: false, sha256: 'BB' }, true],
    [{ fullPath: '/overwritten', folder: false, sha256: 'cc' }, true],
    [{ fullPath: '/overwritten', folder: false, sha256: 'aa' }, false],
    [{ fullPath: '/overwritten', folder: true }, false],
    [{ fullPath: '/was-folder', folder: true }, true],
    [{ fullPath: '/elsewhere', folder: false, sha256: 'aa' }, false],
    [{ fullPath: '/overwritten', folder: false, sha256: 'cc', before: earlier }, false],
  ])('%j: %s', async (node, answer) => {
    expect(await had(node)).toBe(answer);
  });
});
