import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readEndpoints } from '../../bin/local/endpoints.ts';
import { projectCreated } from '../../bin/simulator/log-entries.ts';
import { openSlot } from '../../functions/shared/slot/open.ts';
import { LeaseLostError } from '../../functions/shared/slot/slot.ts';
import { tail } from '../../functions/shared/tail/tail.ts';
import { expectAccountCloses } from '../support/account.ts';
import { interrupted } from '../support/interruption.ts';
import { SANDBOX_LOG, Sandbox } from '../support/sandbox.ts';
import { burst, sandboxedTail } from '../support/sandboxed-tail.ts';
import { storedTask } from '../support/tasks.ts';

describe('the lease of a slot, on the real table and bucket', () => {
  let sandbox: Sandbox;

  beforeAll(async () => {
    const { stages } = await readEndpoints();
    sandbox = await Sandbox.create(stages.source);
    await openSlot({ slotName: 'default', slots: sandbox.slots, log: sandbox.log });
    await sandbox.tasks.put(storedTask());
  });

  afterAll(() => sandbox.destroy());

  beforeEach(async () => {
    await sandbox.database
      .collection(SANDBOX_LOG)
      .insertOne({ createdDate: new Date(), ...projectCreated('p') });
  });

  afterEach(async () => {
    await expectAccountCloses({ stores: sandbox, taskKey: storedTask().key, isIdle: false });
  });

  it('lets one of two tailers work; the other leaves', async () => {
    const before = (await sandbox.slots.get('default'))?.nextOrdinal ?? 0;
    let other: unknown;
    // The second tailer comes while the first is in the middle of its read.
    const first = interrupted(sandboxedTail(sandbox), 'lanes.heads', 'before', async () => {
      other ??= await tail(sandboxedTail(sandbox), burst('two'));
    });
    const [outcome] = await tail(first, burst('one'));
    expect(outcome).toEqual({ slotName: 'default', end: 'drained', events: 1 });
    expect(other).toEqual([{ slotName: 'default', end: 'held', events: 0 }]);
    expect((await sandbox.slots.get('default'))?.nextOrdinal).toBe(before + 1);
  });

  it('is fenced: who lost it archives nothing and moves nothing', async () => {
    const before = await sandbox.slots.get('default');
    const ordinal = before?.nextOrdinal ?? 0;
    const stale = interrupted(sandboxedTail(sandbox), 'lanes.heads', 'after', async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await sandbox.slots.acquire('default', 'two', 1)).toBeDefined();
    });
    const [outcome] = await tail(stale, burst('one', { leaseMs: 1 }));
    expect(outcome).toMatchObject({ end: 'lost', events: 0 });
    expect(await sandbox.archive.load('default', ordinal)).toBeUndefined();
    expect(await sandbox.slots.get('default')).toMatchObject({
      nextOrdinal: ordinal,
      position: before?.position,
      lease: { owner: 'two' },
    });
  });

  it('is fenced behind the commit too: the position is the new holder’s to move', async () => {
    const slot = await sandbox.slots.acquire('default', 'three', 30_000);
    if (slot === undefined) {
      throw new Error('The lease of the test before has not run out');
    }
    const step = {
      slotName: 'default',
      fromOrdinal: slot.nextOrdinal,
      toOrdinal: slot.nextOrdinal + 1,
      position: slot.position,
      unreadable: 0,
      gaps: 0,
      writing: { unmeasured: 0, events: 0, seconds: 0 },
    };
    await expect(sandbox.slots.advance({ ...step, epoch: slot.epoch - 1 })).rejects.toThrow(LeaseLostError);
    await expect(
      sandbox.slots.advance({ ...step, fromOrdinal: step.fromOrdinal - 1, epoch: slot.epoch }),
    ).rejects.toThrow(LeaseLostError);
    await sandbox.slots.release('default', slot.epoch);
  });

  it('gives an ordinal once: a second read cannot be committed at it', async () => {
    const slot = await sandbox.slots.get('default');
    const object = {
      version: 1 as const,
      slotName: 'twice',
      firstOrdinal: 1,
      readDate: new Date().toISOString(),
      epoch: 1,
      position: slot?.position ?? { lastId: null, lastLoggedAt: null },
      routes: [],
      lanes: [],
      documents: [{ id: 'a', loggedAt: new Date().toISOString(), text: '{}' }],
    };
    const commits = await Promise.all([1, 2, 3].map((epoch) => sandbox.archive.create({ ...object, epoch })));
    expect(commits.filter(Boolean)).toHaveLength(1);
  });
});
