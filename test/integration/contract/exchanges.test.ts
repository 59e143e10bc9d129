import { randomBytes } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readEndpoints, type StageEndpoints } from '../../../bin/local/endpoints.ts';
import { ERROR_CATALOGUE } from '../../../functions/shared/http/error-catalogue.ts';
import { hashPassword } from '../../../functions/shared/principal/password.ts';
import { principalRepository } from '../../../functions/shared/principal/repository.ts';
import { principalKeyOf } from '../../../functions/shared/table.ts';
import { basic, callRaw } from '../../support/api-client.ts';
import { type ContractExchange, ContractRun, contracts } from '../../support/contract.ts';
import { multipartBody } from '../../support/multipart.ts';

const VIEWER = { username: 'contract-viewer', password: 'viewer' };
/** The deployed API answers within its own 30 s, a cold start included. */
const TIMEOUT_MS = 40_000;

let target: StageEndpoints;
let table: DynamoDBDocumentClient;
let tableName: string;

beforeAll(async () => {
  target = (await readEndpoints()).stages.target;
  const { endpoint, region, accessKeyId, secretAccessKey } = target.aws;
  table = DynamoDBDocumentClient.from(
    new DynamoDBClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } }),
  );
  tableName = target.resources['TableName'] ?? '';
  await principalRepository({ table, tableName }).put({
    username: VIEWER.username,
    role: 'viewer',
    passwordHash: await hashPassword(VIEWER.password),
  });
});
afterAll(async () => {
  await table.send(new DeleteCommand({ TableName: tableName, Key: principalKeyOf(VIEWER.username) }));
  table.destroy();
});

function credentialsOf(who: ContractExchange['as']): Readonly<Record<string, string>> {
  const { username, password } = target.admin;
  switch (who) {
    case 'admin':
      return basic(username, password);
    case 'viewer':
      return basic(VIEWER.username, VIEWER.password);
    case 'wrong':
      return basic(username, `${password}-not`);
    case 'stranger':
      return basic(`stranger-${username}`, password);
    case 'nobody':
      return {};
  }
}

const BOUNDARY = 'contract-boundary';

function bodyOf(exchange: ContractExchange, run: ContractRun): { type?: string; content?: Buffer } {
  if (exchange.form !== undefined) {
    const { fields, file } = exchange.form;
    const content = run.value(file);
    const parts = [
      {
        name: 'file',
        fileName: 'x',
        type: 'application/octet-stream',
        content: Buffer.from([content].flat().join('')),
      },
      ...Object.entries(fields).map(([name, value]) => ({ name, content: Buffer.from(run.text(value)) })),
    ];
    return { type: `multipart/form-data; boundary=${BOUNDARY}`, content: multipartBody(BOUNDARY, parts) };
  }
  if (exchange.json !== undefined) {
    return { type: 'application/json', content: Buffer.from(JSON.stringify(run.value(exchange.json))) };
  }
  return exchange.text === undefined ? {} : { content: Buffer.from(run.text(exchange.text)) };
}

async function send(exchange: ContractExchange, run: ContractRun, language: string) {
  const { type, content } = bodyOf(exchange, run);
  const answer = await callRaw({
    url: `${target.apiUrl}${run.text(exchange.path)}`,
    method: exchange.method,
    headers: {
      ...(type === undefined ? {} : { 'content-type': type }),
      ...credentialsOf(exchange.as),
      ...exchange.headers,
      'accept-language': language,
    },
    content,
  });
  return { status: answer.status, body: z.unknown().parse(JSON.parse(answer.text)) };
}

function expectedBody(exchange: ContractExchange, run: ContractRun, message: string | undefined): unknown {
  const { body, code, data = null } = exchange;
  const matching = (pattern: RegExp) => expect.stringMatching(pattern);
  const envelope =
    code === undefined
      ? { code: 0, message: null, data, traceId: null }
      : { code, message, data: null, traceId: '<text>' };
  return run.expected(body ?? envelope, matching, expect.anything());
}

describe.each(contracts())('the deployed API: $file', ({ exchanges }) => {
  const suffix = randomBytes(4).toString('hex');
  let run: ContractRun;

  beforeAll(() => {
    run = new ContractRun({
      project: `contract_${suffix}`,
      remote: `${target.apiUrl}/replication`,
      username: target.admin.username,
      password: target.admin.password,
    });
  });

  it.each(exchanges)('$name', { timeout: TIMEOUT_MS }, async (exchange) => {
    const { status, body } = await send(exchange, run, 'en');
    expect({ status, body }).toEqual({
      status: exchange.status,
      body: expectedBody(exchange, run, exchange.message),
    });
    const remembered = z.looseObject({ data: z.unknown().optional() }).parse(body);
    for (const [name, field] of Object.entries(exchange.remember)) {
      run.remember({ [name]: z.string().parse(Object(remembered.data)[field]) });
    }
    if (exchange.chinese !== undefined) {
      // A refusal changes nothing, so it can be asked for once more.
      expect(await send(exchange, run, 'zh-CN')).toEqual({
        status: exchange.status,
        body: expectedBody(exchange, run, exchange.chinese),
      });
    }
  });
});

describe('the exchanges', () => {
  /** Codes that no endpoint produces when it is asked, and where they are shown instead. */
  const NOT_ASKED_FOR: Readonly<Record<number, string>> = {
    250101: 'something must break for it: test/unit/http/endpoint.test.ts',
    250105: 'nothing that exists is refused for it',
    250109: 'nobody but administrators is let in',
    250303: 'only running full copies can be interrupted',
    251002: 'an existing project is answered as it is',
    251004: 'an existing repository is answered as it is',
  };

  it('have every coded error, in both languages', () => {
    const shown = new Set(
      contracts()
        .flatMap(({ exchanges }) => exchanges)
        .filter(({ message, chinese }) => message !== undefined && chinese !== undefined)
        .map(({ code }) => code),
    );
    const coded = new Set(Object.values(ERROR_CATALOGUE).map(({ code }) => code));
    expect([...coded].filter((code) => !shown.has(code)).sort()).toEqual(
      Object.keys(NOT_ASKED_FOR).map(Number).sort(),
    );
  });
});
