import { setTimeout as wait } from 'node:timers/promises';
import type { ObjectId } from 'mongodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readEndpoints } from '../../bin/local/endpoints.ts';
import { projectCreated } from '../../bin/simulator/log-entries.ts';
import { inspectLog } from '../../functions/shared/operate-log/ring.ts';
import { lagOf } from '../../functions/shared/slot/headroom.ts';
import { openSlot } from '../../functions/shared/slot/open.ts';
import { preflight } from '../../functions/shared/slot/preflight.ts';
import { tail } from '../../functions/shared/tail/tail.ts';
import { expectAccountCloses } from '../support/account.ts';
import { SANDBOX_LOG, Sandbox } from '../support/sandbox.ts';
import { burst, sandboxedTail } from '../support/sandboxed-tail.ts';
import { storedTask } from '../support/tasks.ts';

/** The size that bk-repo's documentation gives the log: it holds some twenty entries. */
const DOCUMENTED_BYTES = 10_000;

describe('a log of the documented size', () => {
  let sandbox: Sandbox;

  beforeEach(async () => {
    const { stages } = await readEndpoints();
    sandbox = await Sandbox.create(stages.source, { logBytes: DOCUMENTED_BYTES });
    await openSlot({ slotName: 'default', slots: sandbox.slots, log: sandbox.log });
    await sandbox.tasks.put(storedTask());
  });

  afterEach(() => sandbox.destroy());

  /** The server evicts when it likes (FerretDB by its own clock): write on until an entry is gone. */
  async function overwrite(lost: ObjectId): Promise<void> {
    const log = sandbox.database.collection(SANDBOX_LOG);
    for (let round = 0; (await log.findOne({ _id: lost })) !== null; round += 1) {
      expect(round).toBeLessThan(60);
      for (let entry = 0; entry < 40; entry += 1) {
        await write(`lost_${round}_${entry}`);
      }
      await wait(500);
    }
  }

  async function write(name: string): Promise<ObjectId> {
    const log = sandbox.database.collection(SANDBOX_LOG);
    return (await log.insertOne({ createdDate: new Date(), ...projectCreated(name) })).insertedId;
  }

  it('goes round before a slot on it, opened when it was empty, is read for the first time: that shows as a gap', async () => {
    await overwrite(await write('first'));
    await tail(sandboxedTail(sandbox), burst('one'));

    const slot = await sandbox.slots.get('default');
    expect(slot?.gaps).toBe(1);
    const committed = await sandbox.archive.load('default', 1);
    expect(committed?.gap).toMatchObject({
      after: { lastId: null, lastLoggedAt: slot?.createdDate },
      before: { lastId: committed?.documents[0]?.id },
    });
  });

  it('is overtaken between two reads: reading goes on from the oldest entry, and the slot shows the gap', async () => {
    const lastRead = await write('first');
    await tail(sandboxedTail(sandbox), burst('one'));
    await overwrite(lastRead);
    const newest = await write('kept');
    const behind = await sandbox.slots.get('default');
    const ring = await inspectLog({ database: sandbox.database, collection: SANDBOX_LOG });
    const position = behind?.position ?? { lastId: null, lastLoggedAt: null };
    expect(lagOf({ ring, position, now: new Date() })).toMatchObject({ events: ring.events });
    expect(preflight({ ring, collection: SANDBOX_LOG, rate: null })).toMatchObject([
      { code: 'LOG_TOO_SMALL' },
    ]);
    const [outcome] = await tail(sandboxedTail(sandbox), burst('two'));

    const slot = await sandbox.slots.get('default');
    expect(slot).toMatchObject({ gaps: 1, position: { lastId: newest.toHexString() } });
    expect(slot?.nextOrdinal).toBe(2 + (outcome?.events ?? 0));
    const committed = await sandbox.archive.load('default', 2);
    expect(committed?.gap).toMatchObject({
      after: { lastId: lastRead.toHexString() },
      before: { lastId: committed?.documents[0]?.id },
    });

    // And nothing is counted again when all is well.
    await write('later');
    await tail(sandboxedTail(sandbox), burst('three'));
    const last = await sandbox.slots.get('default');
    expect(last).toMatchObject({ gaps: 1, writing: { drainedAt: expect.any(String), unmeasured: 0 } });
    // What was overwritten is no event of anybody's.
    const read = (last?.nextOrdinal ?? 0) - 1;
    await expectAccountCloses({ stores: sandbox, taskKey: storedTask().key, isIdle: false, read });
  });
});
