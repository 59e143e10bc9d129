import { BSON } from 'mongodb';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { archivedForm, parseLogDocument } from '../../../functions/shared/operate-log/event.ts';
import { goldenLines, hasGolden } from '../../support/golden.ts';

const receiverLineSchema = z.object({ doc: z.unknown() });

describe.skipIf(!hasGolden)('the captured log documents of a real bk-repo', () => {
  it('are understood, all of them', () => {
    const atSource = goldenLines('operate_log.jsonl');
    const atReceiver = goldenLines('replica_operate_log.jsonl').map(
      (line) => receiverLineSchema.parse(line).doc,
    );
    const documents = [...atSource, ...atReceiver];
    const unreadable = documents
      .map((line) => BSON.EJSON.deserialize(Object(line), { relaxed: false }))
      .map((document) => parseLogDocument(archivedForm(Object(document))))
      .filter((event) => 'unreadable' in event);
    expect(atSource).toHaveLength(96);
    expect(atReceiver.length).toBeGreaterThan(100);
    expect(unreadable).toEqual([]);
    process.stdout.write(`conformance: ${documents.length} log documents: all understood\n`);
  });
});
