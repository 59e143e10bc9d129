import { describe, expect, it } from 'vitest';
import { RemoteOutageError, RemoteRefusalError } from '../../../functions/shared/remote/errors.ts';
import { MAX_FRUITLESS_DELIVERIES } from '../../../functions/shared/sync/give-up.ts';
import { CLAIM_TIME } from '../../../functions/shared/sync/page-claims.ts';
import { shareOf } from '../../../functions/shared/sync/replicate-page.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { SyncWorld } from './world.ts';

const NAME = 'alpha/files';

/** A run that is planned, with the pages of `count` files in the queue. */
async function plannedWorld(count: number, task: Partial<Task> = {}): Promise<SyncWorld> {
  const world = new SyncWorld(task);
  world.addRepository('alpha', 'files');
  for (let index = 0; index < count; index += 1) {
    world.file(NAME, `/f${String(index).padStart(3, '0')}`, `content ${index}`);
  }
  world.start();
  await world.deliver();
  await world.deliver();
  expect(world.run.planned).toBe(true);
  expect(world.sent.size).toBe(0);
  return world;
}

function interrupt(world: SyncWorld): Promise<unknown> {
  const { taskKey, runId } = world.run;
  return world.runs.repository.end({ taskKey, runId, status: 'INTERRUPTED', at: world.world.now });
}

it.each([
  [1, 0, 8],
  [12, 0, 2],
  [12, 10, 8],
  [12, 12, 8],
  [48, 0, 1],
])('of %i pages with %i done sends %i nodes at once', (planned, done, expected) => {
  expect(shareOf({ pages: { planned, sent: planned, done } })).toBe(expected);
});

describe('a page that is delivered twice', () => {
  it('at different times is replicated once', async () => {
    const world = await plannedWorld(3);
    world.sendPage(1);
    await world.drain();
    expect(world.run).toMatchObject({ status: 'SUCCESS', counters: { totalNode: 3, successNode: 3 } });
    expect([...world.sent.values()]).toEqual([1, 1, 1]);
  });

  it('at the same time is counted once', async () => {
    const world = await plannedWorld(250);
    world.sendPage(1);
    await Promise.all([world.deliver(), world.deliver()]);
    await world.drain();
    expect(world.run).toMatchObject({
      status: 'SUCCESS',
      counters: { totalNode: 250, successNode: 250 },
      pages: { planned: 1, done: 1 },
    });
    // The second waited for the first.
    expect(new Set(world.sent.values())).toEqual(new Set([1]));
  });

  it('waits for the message that has it, even one whose worker died, but not for ever', async () => {
    const world = await plannedWorld(30);
    await world.deliver({ before: (call) => call === 'runs.advance', after: () => false });
    const held = world.queued.findIndex(({ queue }) => queue === 'pages');
    const [message] = world.queued.splice(held, 1);
    expect(message?.deliveries).toBe(1);
    const sent = world.sent.size;
    world.sendPage(1);
    for (let times = 0; times < 3; times += 1) {
      await world.deliver();
      // It is another message now: these deliveries do not count against the page.
      expect(world.queued.filter(({ queue }) => queue === 'pages')).toMatchObject([{ deliveries: 0 }]);
    }
    expect(world.sent.size).toBe(sent);
    world.world.now = new Date(world.world.now.getTime() + CLAIM_TIME);
    await world.drain();
    expect(world.run).toMatchObject({ status: 'SUCCESS', counters: { totalNode: 30, successNode: 30 } });
    expect(new Set(world.sent.values())).toEqual(new Set([1]));
  });
});

describe('a run that is interrupted', () => {
  it('stops at the next node, stays interrupted, and goes on from where it was', async () => {
    const world = await plannedWorld(300);
    let isInterrupted = false;
    world.world.beforeCall = (call) => {
      if (call === 'upload' && !isInterrupted && world.sent.size === 150) {
        isInterrupted = true;
        void interrupt(world);
      }
    };
    await world.drain();
    const stoppedAt = world.sent.size;
    // The status is looked at every two seconds, and a call takes 50 ms of the clock.
    expect(stoppedAt).toBeLessThan(200);
    expect(world.run.status).toBe('INTERRUPTED');
    // Behind a node that was not begun, those that were are done and not yet counted.
    expect(world.run.counters.successNode).toBeGreaterThan(stoppedAt - 8);
    expect(world.run.counters.successNode).toBeLessThanOrEqual(stoppedAt);
    expect(world.task.status).toBe('INTERRUPTED');

    world.start();
    await world.drain();
    expect(world.runs.runs.size).toBe(1);
    expect(world.run).toMatchObject({ status: 'SUCCESS', counters: { totalNode: 300, successNode: 300 } });
    expect(new Set(world.sent.values())).toEqual(new Set([1]));
  });

  it('before anything was sent drops its pages, and has them sent again when it goes on', async () => {
    const world = await plannedWorld(3);
    await interrupt(world);
    await world.drain();
    expect(world.sent.size).toBe(0);
    world.start();
    await world.drain();
    expect(world.run).toMatchObject({ status: 'SUCCESS', counters: { successNode: 3 } });
  });
});

describe('a node that the remote refuses', () => {
  const refusing = async (task: Partial<Task> = {}) => {
    const world = await plannedWorld(3, task);
    world.world.beforeCall = (call, path) => {
      if (call === 'upload' && path === '/f001') {
        throw new RemoteRefusalError({ status: 400, code: 250103, text: 'no' });
      }
    };
    return world;
  };

  it('is recorded after three tries, and the run goes on', async () => {
    const world = await refusing();
    let tries = 0;
    const refuse = world.world.beforeCall;
    world.world.beforeCall = (call, path) => {
      tries += call === 'upload' && path === '/f001' ? 1 : 0;
      refuse(call, path);
    };
    await world.drain();
    expect(tries).toBe(3);
    expect(world.run).toMatchObject({
      status: 'FAILED',
      errorReason: 'Could not replicate 1 nodes',
      counters: { totalNode: 3, successNode: 2, failedNode: 1, totalBytes: 27, doneBytes: 27 },
    });
    expect([...world.runs.failures.values()]).toEqual([
      expect.objectContaining({
        kind: 'NODE',
        fullPath: '/f001',
        code: 'REMOTE_REFUSED',
        reason: 'HTTP 400, code 250103: no',
      }),
    ]);
  });

  it('ends the run where the task says so', async () => {
    const world = await refusing({ errorStrategy: 'FAST_FAIL' });
    await world.drain();
    expect(world.run).toMatchObject({
      status: 'FAILED',
      errorReason: '/f001: HTTP 400, code 250103: no',
      counters: { failedNode: 1 },
    });
    expect(world.run.planned).toBe(true);
  });
});

describe('a remote that is down', () => {
  it('for a while costs nothing but time', async () => {
    const world = await plannedWorld(20);
    let isDown = false;
    let downFor = 0;
    world.world.beforeCall = (call) => {
      isDown ||= call === 'upload' && world.sent.size === 10 && downFor === 0;
      if (isDown) {
        downFor += 1;
        isDown = downFor < 12;
        throw new RemoteOutageError('TIMED_OUT');
      }
    };
    await world.drain();
    expect(world.run).toMatchObject({ status: 'SUCCESS', counters: { totalNode: 20, successNode: 20 } });
    expect(new Set(world.sent.values())).toEqual(new Set([1]));
  });

  it('for too long fails what is left of the page, with the reason', async () => {
    const world = await plannedWorld(120);
    let deliveries = 0;
    world.world.beforeCall = (call) => {
      deliveries += call === 'existing' ? 1 : 0;
      if (call !== 'version' && world.sent.size >= 110) {
        throw new RemoteOutageError('TIMED_OUT');
      }
    };
    await world.drain();
    expect(world.run.counters).toMatchObject({ totalNode: 120, successNode: 110, failedNode: 10 });
    expect(world.run.status).toBe('FAILED');
    const [failure] = world.runs.failures.values();
    expect(failure).toMatchObject({
      code: 'REMOTE_DOWN',
      reason: expect.stringMatching(/^Given up after several attempts: .*time/i),
    });
    // The first delivery made progress, so its message does not count.
    expect(deliveries).toBe(1 + MAX_FRUITLESS_DELIVERIES);
  });
});

describe('a worker that dies each time', () => {
  it('has its page given up without being worked on', async () => {
    const world = await plannedWorld(2);
    await world.drain({ before: (call) => call === 'remote.existing', after: () => false });
    expect(world.run).toMatchObject({ status: 'FAILED', counters: { totalNode: 2, failedNode: 2 } });
    expect([...world.runs.failures.values()].map(({ code }) => code)).toEqual(['ABANDONED', 'ABANDONED']);
  });
});

describe('workers that die one after the other', () => {
  it('do not count against a page that they bring forward', async () => {
    const world = await plannedWorld(400);
    let calls = 0;
    let kills = 0;
    const isDying = () => {
      calls += 1;
      if (calls < 30) {
        return false;
      }
      calls = 0;
      kills += 1;
      return true;
    };
    await world.drain({ before: isDying, after: () => false });
    expect(kills).toBeGreaterThan(MAX_FRUITLESS_DELIVERIES);
    expect(world.run).toMatchObject({ status: 'SUCCESS', counters: { totalNode: 400, successNode: 400 } });
    expect(new Set(world.sent.values())).toEqual(new Set([1]));
  });
});

describe('a worker whose time is up', () => {
  it('hands the rest of the page on in a message of its own', async () => {
    const world = await plannedWorld(150);
    const controller = new AbortController();
    world.world.beforeCall = () => {
      if (world.sent.size === 120 && !controller.signal.aborted) {
        controller.abort();
      }
    };
    world.signal = controller.signal;
    await world.deliver();
    expect(world.queued.filter(({ queue }) => queue === 'pages')).toMatchObject([{ deliveries: 0 }]);
    world.signal = new AbortController().signal;
    await world.drain();
    expect(world.run).toMatchObject({ status: 'SUCCESS', counters: { totalNode: 150, successNode: 150 } });
    expect(new Set(world.sent.values())).toEqual(new Set([1]));
  });

  it('for one node alone gives that node up, and no other', async () => {
    const world = await plannedWorld(3);
    for (let delivery = 1; delivery <= 3; delivery += 1) {
      const controller = new AbortController();
      world.signal = controller.signal;
      world.world.beforeCall = (call) => {
        if (call === 'upload') {
          controller.abort();
          controller.signal.throwIfAborted();
        }
      };
      await world.deliver();
    }
    world.signal = new AbortController().signal;
    world.world.beforeCall = () => undefined;
    await world.drain();
    expect(world.run).toMatchObject({
      status: 'FAILED',
      counters: { totalNode: 3, successNode: 2, failedNode: 1 },
    });
    expect([...world.runs.failures.values()]).toMatchObject([
      { fullPath: '/f000', reason: expect.stringContaining('longer than a worker has') },
    ]);
  });
});

describe('a source that changes', () => {
  it('between planning and replicating has its totals corrected to the node', async () => {
    const world = await plannedWorld(600);
    const nodes = world.nodes.get(NAME);
    for (const path of ['/f000', '/f499', '/f500', '/f599']) {
      nodes?.delete(path);
    }
    for (let index = 0; index < 700; index += 1) {
      world.file(NAME, `/f100-${index}`, `new ${index}`);
    }
    await world.drain();
    const expected = nodes?.size ?? 0;
    const bytes = [...(nodes?.values() ?? [])].reduce((sum, node) => sum + (node.folder ? 0 : node.size), 0);
    expect(expected).toBe(600 - 4 + 700);
    expect(world.remoteTree(NAME)).toEqual(world.sourceTree(NAME));
    expect(world.run).toMatchObject({
      status: 'SUCCESS',
      counters: { totalNode: expected, successNode: expected, totalBytes: bytes, doneBytes: bytes },
    });
  });

  it('under the worker’s hands is no failure', async () => {
    const world = await plannedWorld(3);
    const nodes = world.nodes.get(NAME);
    world.world.contents.clear();
    world.file(NAME, '/f002', 'content 2');
    const original = world.catalog.node;
    Object.assign(world.catalog, {
      node: async (projectId: string, repoName: string, fullPath: string) => {
        // By the time that the content is found to be gone the one is deleted, the other replaced.
        nodes?.delete('/f000');
        if (fullPath === '/f001') {
          world.file(NAME, '/f001', 'replaced');
        }
        return original(projectId, repoName, fullPath);
      },
    });
    await world.drain();
    expect(world.run).toMatchObject({ status: 'SUCCESS', counters: { totalNode: 2, successNode: 2 } });
    expect(world.remoteTree(NAME)).toEqual(world.sourceTree(NAME));
  });

  it('but has lost content fails that node', async () => {
    const world = await plannedWorld(2);
    world.world.contents.clear();
    await world.drain();
    expect([...world.runs.failures.values()].map(({ code }) => code)).toEqual([
      'BLOB_MISSING',
      'BLOB_MISSING',
    ]);
  });
});

describe('folders', () => {
  it('above a page are made as the source has them, whichever page comes first', async () => {
    const world = new SyncWorld();
    world.addRepository('alpha', 'files');
    world.folder(NAME, '/a', { deep: 1 });
    for (let index = 0; index < 600; index += 1) {
      world.file(NAME, `/a/${String(index).padStart(3, '0')}`);
    }
    world.start();
    // The last message first: the second page before the first.
    await world.drain(undefined, (count) => count - 1);
    expect(world.remote(NAME).get('/a')?.metadata).toEqual({ deep: 1 });
    expect(world.run).toMatchObject({ status: 'SUCCESS', counters: { totalNode: 601, conflictedNode: 0 } });
  });

  it('that the source does not have are not made above its files', async () => {
    const world = new SyncWorld();
    world.addRepository('alpha', 'files');
    world.file(NAME, '/gone/apart');
    world.file(NAME, '/usual');
    world.start();
    await world.drain();
    expect(world.remoteTree(NAME)).toEqual(world.sourceTree(NAME));
    expect(world.run.status).toBe('SUCCESS');
  });
});
