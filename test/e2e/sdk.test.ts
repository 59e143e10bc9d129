import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readEndpoints } from '../../bin/local/endpoints.ts';
import { preparePython } from '../../bin/local/python.ts';
import { cloudEnvironment, installOnce } from '../../bin/local/toolbox.ts';
import { Stage } from '../../bin/simulator/stage.ts';
import { taskRepository } from '../../functions/shared/task/repository.ts';
import { basic, callRaw } from '../support/api-client.ts';
import { JobsClient } from '../support/jobs-client.ts';
import { storedTask } from '../support/tasks.ts';

const credentialSchema = z.object({ credential: z.object({ access: z.string(), secret: z.string() }) });

/** The second contract as deployed, by the programs that speak it. */
describe('jobs', () => {
  let stage: Stage;
  let table: DynamoDBDocumentClient;
  let token: string;
  let accessKey: z.output<typeof credentialSchema>['credential'];

  const answerTo = async (method: string, path: string, body: unknown, headers: Record<string, string>) => {
    const { apiUrl } = stage.endpoints;
    const answer = await callRaw({
      url: `${apiUrl}${path}`,
      method,
      headers,
      content: Buffer.from(JSON.stringify(body)),
    });
    return { ...answer, body: answer.text === '' ? undefined : JSON.parse(answer.text) };
  };
  const asAdmin = () => basic(stage.endpoints.admin.username, stage.endpoints.admin.password);
  const newTask = async () => {
    const task = await stage.call('POST', '/replication/task/create', {
      type: 'INCREMENTAL',
      localProjectId: `sdk_${randomBytes(3).toString('hex')}`,
      validateConnectivity: false,
      setting: { remoteClusterInfo: { url: 'http://127.0.0.1:9', username: 'u', password: 'p' } },
    });
    return z.object({ key: z.string() }).parse(task).key;
  };
  const jobsPath = (call: string) => `/v3/${stage.endpoints.projectId}/jobs/${call}`;

  beforeAll(async () => {
    stage = await Stage.connect((await readEndpoints()).stages.source);
    const { aws, admin } = stage.endpoints;
    const { endpoint, region, accessKeyId, secretAccessKey } = aws;
    table = DynamoDBDocumentClient.from(
      new DynamoDBClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } }),
    );
    ({ token } = await JobsClient.signIn(stage));
    const credentials = '/v3.0/OS-CREDENTIAL/credentials';
    const created = await answerTo(
      'POST',
      credentials,
      { credential: { user_id: admin.username } },
      asAdmin(),
    );
    accessKey = credentialSchema.parse(created.body).credential;
  });
  afterAll(async () => {
    const withdrawal = `/v3.0/OS-CREDENTIAL/credentials/${accessKey.access}`;
    const { status } = await answerTo('DELETE', withdrawal, {}, { 'x-auth-token': token });
    expect(status).toBe(204);
    table.destroy();
    await stage.close();
  });

  it('are driven by the service’s own Python SDK, unmodified, with signed requests', async () => {
    const job = await newTask();
    const unknown = '19557d51-1ee6-4507-97a6-8f69164jb201';
    // The SDK has null for what an answer leaves out.
    const succeeded = { id: job, status: 'success', error_code: null, error_msg: null };
    const success = { results: [succeeded], count: 1 };
    const missing = { id: unknown, status: 'failed', error_code: 'DRS.M05003' };
    const answers = await drive(job);
    expect(answers).toEqual({
      set: {
        results: [succeeded, { ...missing, error_msg: 'Task information not found.' }],
        count: 2,
      },
      chinese: { results: [{ ...missing, error_msg: '任务信息不存在。' }], count: 1 },
      begun: 'INCRE_TRANSFER_STARTED',
      detail: {
        id: job,
        conflict_policy: 'overwrite',
        filter_ddl_policy: 'drop_database',
        index_trans: false,
        task_type: 'INCR_TRANS',
      },
      progress: [job, 'INCRE_TRANSFER_STARTED', 'INCR_TRANS'],
      pause: success,
      paused: 'PAUSING',
      retry: success,
      resumed: 'INCRE_TRANSFER_STARTED',
      invalid: { status: 400, code: 'DRS.M00201', message: 'The parameter jobs is empty.' },
      forged: {
        status: 401,
        code: 'DRS.M00103',
        message: 'You do not have operation permissions. Check account permissions on IAM.',
      },
      delete: success,
      deleted: 'DRS.M05003',
    });
  });

  it('get the published answer to the published request, with a token', async () => {
    const key = await newTask();
    const uuid = key.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    const request = {
      jobs: [
        {
          conflict_policy: 'ignore',
          ddl_trans: true,
          filter_ddl_policy: 'drop_database',
          index_trans: true,
          job_id: uuid,
        },
      ],
    };
    const { status, text } = await answerTo('POST', jobsPath('batch-sync-policy'), request, {
      'x-auth-token': token,
      'content-type': 'application/json',
      'x-language': 'en-us',
    });
    expect(status).toBe(200);
    expect(text).toBe(`{"results":[{"id":"${uuid}","status":"success"}],"count":1}`);
    await stage.call('DELETE', `/replication/task/delete/${key}`);
  });

  it('are a hundred at once, of which those that are bad say why', async () => {
    const tasks = taskRepository({ table, tableName: stage.endpoints.resources['TableName'] ?? '' });
    const faults = [
      [{ conflict_policy: 'perhaps' }, 'DRS.M00202'],
      [{ filter_ddl_policy: 'drop_table' }, 'DRS.M00202'],
      [{ ddl_trans: 'maybe' }, 'DRS.M00202'],
      [{ slot_name: 'Not a slot' }, 'DRS.M00202'],
      ['unknown', 'DRS.M05003'],
      ['ended', 'DRS.M00304'],
    ] as const;
    const jobs = Array.from({ length: 100 }, (_, index) => {
      const [fault, code] = (index % 10 < 3 && faults[index % faults.length]) || [undefined, 'success'];
      return { key: randomBytes(16).toString('hex'), fault, code };
    });
    const stored = jobs.filter(({ fault }) => fault !== 'unknown');
    await Promise.all(
      stored.map(({ key, fault }) => {
        const ended = { type: 'FULL', status: 'SUCCESS' } as const;
        return tasks.put(storedTask({ key, status: 'PAUSED', ...(fault === 'ended' ? ended : {}) }));
      }),
    );
    const request = jobs.map(({ key, fault }) => ({
      job_id: key,
      index_trans: false,
      ...(typeof fault === 'object' ? fault : {}),
    }));
    const headers = { 'x-auth-token': token };
    const { body } = await answerTo('POST', jobsPath('batch-sync-policy'), { jobs: request }, headers);
    const { results, count } = z
      .object({
        results: z.array(z.object({ id: z.string(), status: z.string(), error_code: z.string().optional() })),
        count: z.number(),
      })
      .parse(body);
    expect(count).toBe(100);
    expect(results.map(({ id, status, error_code }) => [id, error_code ?? status])).toEqual(
      jobs.map(({ key, code }) => [key, code]),
    );
    expect(results.filter(({ status }) => status === 'success')).toHaveLength(70);
    await Promise.all(
      stored.map(async ({ key, code }) => {
        const task = await tasks.get(key);
        expect(task?.policyVersion).toBe(code === 'success' ? 2 : 1);
        expect(task?.policy?.indexTrans).toBe(code === 'success' ? false : undefined);
        await tasks.delete(key);
      }),
    );
  });

  /** Run the Python program; its libraries are installed privately once, the SDK by its digest. */
  async function drive(job: string): Promise<unknown> {
    const file = (name: string) => fileURLToPath(new URL(`sdk/${name}`, import.meta.url));
    const [sdk, dependencies] = [file('requirements.txt'), file('dependencies.txt')];
    const python = await preparePython({ log: () => undefined });
    const libraries = await installOnce({
      name: 'sdk',
      madeFrom: [readFileSync(sdk, 'utf8'), readFileSync(dependencies, 'utf8')],
      install: async (directory) => {
        await python.installInto(directory, ['--no-deps', '--requirement', dependencies]);
        await python.installInto(directory, ['--no-deps', '--require-hashes', '--requirement', sdk]);
      },
    });
    const running = promisify(execFile)(python.interpreter, [file('drive_jobs.py')], {
      env: cloudEnvironment({ PYTHONPATH: libraries, PYTHONDONTWRITEBYTECODE: '1' }),
      timeout: 100_000,
    });
    running.child.stdin?.end(
      JSON.stringify({
        api: stage.endpoints.apiUrl,
        project_id: stage.endpoints.projectId,
        access_key: accessKey.access,
        secret_key: accessKey.secret,
        job_id: job,
      }),
    );
    return JSON.parse((await running).stdout);
  }
});
