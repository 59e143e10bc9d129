import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readEndpoints } from '../../bin/local/endpoints.ts';
import { cloudEnvironment } from '../../bin/local/toolbox.ts';
import { Stage } from '../../bin/simulator/stage.ts';

const run = promisify(execFile);
const hasCurl = await run('curl', ['--version']).then(
  () => true,
  () => false,
);

/** The commands of the documentation, as a user would type them; what they need is in variables. */
function documentedCommands(): string {
  const documentation = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
  const [, section = ''] = documentation.split('\n### With curl\n');
  const [, , , commands = ''] = section.split(/^```(?:sh)?\n/m);
  return commands;
}

describe('jobs by the commands of the documentation', () => {
  let stage: Stage;
  let job: string;

  beforeAll(async () => {
    stage = await Stage.connect((await readEndpoints()).stages.source);
    const task = await stage.call('POST', '/replication/task/create', {
      type: 'INCREMENTAL',
      localProjectId: `curl_${randomBytes(3).toString('hex')}`,
      validateConnectivity: false,
      setting: { remoteClusterInfo: { url: 'http://127.0.0.1:9', username: 'u', password: 'p' } },
    });
    job = z.object({ key: z.string() }).parse(task).key;
  });
  afterAll(async () => {
    await stage.call('DELETE', `/replication/task/delete/${job}`);
    await stage.close();
  });

  /** @returns what each call after the first was answered. */
  async function answersTo(password: string): Promise<unknown[]> {
    const { apiUrl, projectId } = stage.endpoints;
    // A password that is generated on AWS has no punctuation. The local cloud's has: it goes into JSON text.
    const escaped = JSON.stringify(password).slice(1, -1);
    const { stdout } = await run('sh', ['-eu', '-c', documentedCommands()], {
      env: cloudEnvironment({ ORIGIN: apiUrl, PROJECT_ID: projectId, PASSWORD: escaped, JOB: job }),
      timeout: 60_000,
    });
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  }

  it('set policies and show the job’s state and details, with a token', async ({ skip }) => {
    skip(!hasCurl, 'There is no curl on this machine.');
    const [policies, status, detail] = await answersTo(stage.endpoints.admin.password);
    expect(policies).toEqual({ results: [{ id: job, status: 'success' }], count: 1 });
    expect(status).toEqual({ count: 1, results: [{ id: job, status: 'INCRE_TRANSFER_STARTED' }] });
    expect(detail).toMatchObject({
      count: 1,
      results: [{ id: job, conflict_policy: 'stop', ddl_trans: false, index_trans: true, policy_version: 2 }],
    });
  });

  it('do nothing without the right password', async ({ skip }) => {
    skip(!hasCurl, 'There is no curl on this machine.');
    const refused = { error_code: 'DRS.M00100', error_msg: 'Invalid token.' };
    expect(await answersTo('wrong')).toEqual([refused, refused, refused]);
  });
});
