import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEndpoints } from '../../../bin/local/endpoints.ts';
import { CLAIM_TIME, type PageClaims } from '../../../functions/shared/sync/page-claims.ts';
import { memoryClaims } from '../../support/memory-claims.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { storedTask } from '../../support/tasks.ts';

const AT = new Date('2026-11-22T00:00:00Z');
const later = (milliseconds: number) => new Date(AT.getTime() + milliseconds);

let sandbox: Sandbox;
let runId: string;

beforeAll(async () => {
  sandbox = await Sandbox.create((await readEndpoints()).stages.source);
  const task = storedTask({ type: 'FULL', status: 'WAITING' });
  await sandbox.tasks.put(task);
  const begun = await sandbox.runs.begin({ task, trigger: 'EXECUTE', at: AT });
  if (!begun.begun) {
    throw new Error('The run did not begin');
  }
  ({ runId } = begun.run);
  const names = { source: { projectId: 'p', repoName: 'r' }, remote: { projectId: 'p', repoName: 'r' } };
  const pages = [{ ...names, through: '/z', nodes: 1, bytes: 1 }];
  const taskKey = task.key;
  await sandbox.runs.addPages({ taskKey, runId, from: 0, pages, containers: [], cursor: {}, at: AT });
});
afterAll(() => sandbox.destroy());

describe.each([
  ['memory', memoryClaims()],
  ['DynamoDB', undefined],
])('the claim of a page in %s', (_name, memory) => {
  const claims = (): PageClaims => memory ?? sandbox.claims;

  it('is one message’s until that lets go of it, or is heard of no more', async () => {
    const [mine, other] = ['mine', 'other'].map((holder) => ({ runId, page: 1, holder }));
    if (mine === undefined || other === undefined) {
      throw new Error('There are two');
    }
    expect(await claims().claim({ ...mine, at: AT })).toBe(true);
    expect(await claims().claim({ ...other, at: AT })).toBe(false);
    await claims().release(other);
    expect(await claims().claim({ ...other, at: AT })).toBe(false);
    await claims().release(mine);
    expect(await claims().claim({ ...other, at: AT })).toBe(true);
    expect(await claims().claim({ ...other, at: later(1_000) })).toBe(true);
    expect(await claims().claim({ ...mine, at: later(CLAIM_TIME) })).toBe(false);
    expect(await claims().claim({ ...mine, at: later(CLAIM_TIME + 1_000) })).toBe(true);
    expect(await sandbox.runs.page(runId, 1)).toMatchObject({ page: 1, done: false });
  });
});
