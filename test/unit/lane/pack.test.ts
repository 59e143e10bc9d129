import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BatchEntry, batchMessageSchema } from '../../../functions/shared/lane/message.ts';
import {
  type LaneBatch,
  MAX_MESSAGE_BYTES,
  MAX_MESSAGE_ENTRIES,
  packLane,
} from '../../../functions/shared/lane/pack.ts';
import { roundsOf } from '../../../functions/shared/lane/queue.ts';

const entry = (ordinal: number, length: number): BatchEntry => ({
  ordinal,
  eventId: `e${ordinal}`,
  loggedAt: '2026-11-22T00:00:00.000Z',
  operation: { kind: 'NODE_DELETE', fullPath: `/${'目'.repeat(length)}`, operator: 'admin' },
});

const lane = (previousOrdinal: number, entries: readonly BatchEntry[]): LaneBatch => ({
  taskKey: 'k'.repeat(32),
  slotName: 'default',
  policyVersion: 1,
  source: { projectId: 'p', repoName: 'r' },
  remote: { projectId: 'p', repoName: 'r' },
  previousOrdinal,
  entries,
});

/** A lane's operations: rising ordinals, small and large. */
const batches = fc
  .tuple(
    fc.nat(1_000_000),
    fc.array(
      fc.record({ step: fc.integer({ min: 1, max: 9_999 }), length: fc.oneof(fc.nat(60), fc.nat(30_000)) }),
      {
        minLength: 1,
        maxLength: 250,
      },
    ),
  )
  .map(([previous, steps]) => {
    let ordinal = previous;
    const entries = steps.map(({ step, length }) => {
      ordinal += step;
      return entry(ordinal, length);
    });
    return lane(previous, entries);
  });

describe('packLane', () => {
  it('keeps every operation in order, in an unbroken chain, within the limits', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const messages = packLane(batch);
        const bodies = messages.map(({ body }) => batchMessageSchema.parse(JSON.parse(body)));
        expect(bodies.flatMap(({ entries }) => entries)).toEqual(batch.entries);
        let previous = batch.previousOrdinal;
        for (const [index, body] of bodies.entries()) {
          expect(body.previousOrdinal).toBe(previous);
          previous = body.entries.at(-1)?.ordinal ?? Number.NaN;
          expect(body.entries.length).toBeLessThanOrEqual(MAX_MESSAGE_ENTRIES);
          expect(Buffer.byteLength(messages[index]?.body ?? '')).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('wastes no message: two neighbours would not fit into one', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const bodies = packLane(batch).map(({ body }) => batchMessageSchema.parse(JSON.parse(body)));
        for (const [index, body] of bodies.entries()) {
          const following = bodies[index + 1];
          if (following !== undefined) {
            const [next] = following.entries;
            const joined = { ...body, entries: [...body.entries, next] };
            const tooMany = joined.entries.length > MAX_MESSAGE_ENTRIES;
            // Sixteen bytes are kept for an ordinal that grows.
            expect(tooMany || Buffer.byteLength(JSON.stringify(joined)) > MAX_MESSAGE_BYTES - 32).toBe(true);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it('names the same operations by the same deduplication id, and others by others', () => {
    const ids = (batch: LaneBatch) => packLane(batch).map(({ deduplicationId }) => deduplicationId);
    const batch = lane(0, [entry(1, 1), entry(2, 1)]);
    expect(ids(batch)).toEqual(ids(lane(0, [entry(1, 1), entry(2, 1)])));
    expect(ids(batch)).not.toEqual(ids(lane(0, [entry(1, 1)])));
    expect(ids(batch)).not.toEqual(ids({ ...batch, source: { projectId: 'p', repoName: 's' } }));
  });

  it('refuses an operation that fits no message', () => {
    expect(() => packLane(lane(0, [entry(1, MAX_MESSAGE_BYTES)]))).toThrow(RangeError);
  });
});

describe('roundsOf', () => {
  it('puts at most one message of a lane into a round, and keeps each lane in order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c')), (groups) => {
        const messages = groups.map((groupId, index) => ({
          groupId,
          body: String(index),
          deduplicationId: String(index),
        }));
        const rounds = roundsOf(messages);
        for (const round of rounds) {
          expect(new Set(round.map(({ groupId }) => groupId)).size).toBe(round.length);
        }
        for (const group of ['a', 'b', 'c']) {
          expect(rounds.flat().filter(({ groupId }) => groupId === group)).toEqual(
            messages.filter(({ groupId }) => groupId === group),
          );
        }
      }),
    );
  });
});
