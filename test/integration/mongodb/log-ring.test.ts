import { BSON, type Db } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectCreated } from '../../../bin/simulator/log-entries.ts';
import { inspectLog, measureLog, WINDOW } from '../../../functions/shared/operate-log/ring.ts';
import { openTestDatabase } from '../../support/test-database.ts';

const START = Date.parse('2026-11-22T00:00:00Z');

describe('the log’s collection, as a server describes it', () => {
  let database: Db;
  let close: () => Promise<void>;

  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
  });

  afterAll(() => close());

  const entries = (count: number) =>
    Array.from({ length: count }, (_, number) => ({
      createdDate: new Date(START + number * 1_000),
      ...projectCreated(`p${String(number).padStart(4, '0')}`),
    }));

  it('is missing, capped or not', async () => {
    await database.createCollection('plain');
    await database.createCollection('capped', { capped: true, size: 1_024 * 1_024 });
    await database.createCollection('counted', { capped: true, size: 1_024 * 1_024, max: 50 });
    const empty = { events: 0, averageBytes: null, oldestLoggedAt: null, newest: [] };
    const unlimited = { maxBytes: null, maxEvents: null };
    expect(await inspectLog({ database, collection: 'none' })).toEqual({
      kind: 'MISSING',
      ...empty,
      ...unlimited,
    });
    expect(await inspectLog({ database, collection: 'plain' })).toEqual({
      kind: 'UNCAPPED',
      ...empty,
      ...unlimited,
    });
    const capped = { kind: 'CAPPED', ...empty, maxBytes: 1_024 * 1_024 };
    expect(await inspectLog({ database, collection: 'capped' })).toEqual({ ...capped, maxEvents: null });
    expect(await inspectLog({ database, collection: 'counted' })).toEqual({ ...capped, maxEvents: 50 });
  });

  it('has its ends in the order of writing, and entries of their size', async () => {
    const collection = database.collection('filled');
    await database.createCollection('filled', { capped: true, size: 16 * 1_024 * 1_024 });
    const written = entries(WINDOW + 5);
    const { insertedIds } = await collection.insertMany(written);
    const ring = await inspectLog({ database, collection: 'filled' });
    const bytes = BSON.calculateObjectSize({ ...written[0], _id: insertedIds[0] });
    expect(ring).toMatchObject({
      events: WINDOW + 5,
      averageBytes: bytes,
      oldestLoggedAt: new Date(START).toISOString(),
    });
    const { kind, maxBytes, maxEvents, averageBytes } = ring;
    const size = { kind, maxBytes, maxEvents, averageBytes };
    expect(await measureLog({ database, collection: 'filled' })).toEqual(size);
    expect(ring.newest).toHaveLength(WINDOW);
    expect(ring.newest[0]).toEqual({
      lastId: insertedIds[WINDOW + 4]?.toHexString(),
      lastLoggedAt: new Date(START + (WINDOW + 4) * 1_000).toISOString(),
    });
    expect(ring.newest.at(-1)?.lastId).toBe(insertedIds[5]?.toHexString());
  });
});
