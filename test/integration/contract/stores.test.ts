import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseEnvelope } from '../../support/api.ts';
import { basic } from '../../support/api-client.ts';
import { ADMIN, openProduct, type Product } from '../../support/product.ts';

/** What no request brings about alone: the database of the cluster's owner is part of it. */

const PROJECT = { name: 'harbour', displayName: 'Harbour' };
const REPOSITORY = { projectId: 'harbour', name: 'crates', type: 'GENERIC', category: 'LOCAL' };

let product: Product;

beforeAll(async () => {
  product = await openProduct();
  expect(await ask('project/create', PROJECT)).toMatchObject({ status: 200 });
  expect(await ask('repo/create', { ...REPOSITORY, description: 'all' })).toMatchObject({ status: 200 });
});
afterAll(() => product.close());

async function ask(path: string, body: unknown, language = 'en') {
  const { status, body: text } = await product.call({
    method: 'POST',
    target: `/replication/replica/${path}`,
    headers: {
      ...basic(ADMIN.username, ADMIN.password),
      'content-type': 'application/json',
      'accept-language': language,
    },
    body: JSON.stringify(body),
  });
  return { status, ...parseEnvelope(text) };
}

async function expectRefusal(
  path: string,
  body: unknown,
  refusal: { readonly status: number; readonly code: number; readonly texts: readonly [string, string] },
): Promise<void> {
  const { status, code, texts } = refusal;
  const answer = { status, code, data: null, traceId: expect.stringMatching(/./) };
  expect(await ask(path, body, 'en')).toEqual({ ...answer, message: texts[0] });
  expect(await ask(path, body, 'zh-CN')).toEqual({ ...answer, message: texts[1] });
}

it('what an index of the owner keeps unique is refused, and answered as it is by its own name', async () => {
  const { database } = product;
  await database.collection('project').createIndex({ displayName: 1 }, { name: 'mine', unique: true });
  await expectRefusal(
    'project/create',
    { ...PROJECT, name: 'port' },
    {
      status: 400,
      code: 251_002,
      texts: ['Project port existed', '项目port已存在'],
    },
  );
  expect(await ask('project/create', PROJECT)).toMatchObject({ status: 200, data: PROJECT });

  await database.collection('repository').createIndex({ description: 1 }, { name: 'mine', unique: true });
  await expectRefusal(
    'repo/create',
    { ...REPOSITORY, name: 'boxes', description: 'all' },
    {
      status: 400,
      code: 251_004,
      texts: ['Repository boxes existed', '仓库boxes已存在'],
    },
  );
  expect(await ask('repo/create', REPOSITORY)).toMatchObject({ status: 200, data: { name: 'crates' } });
});

it('what cannot be read is nobody’s fault who asks', async () => {
  await product.database
    .collection('repository')
    .insertOne({ projectId: 'harbour', name: 'broken', configuration: 'not JSON' });
  await expectRefusal(
    'repo/create',
    { ...REPOSITORY, name: 'broken' },
    {
      status: 500,
      code: 250_101,
      texts: ['System service is busy, please try again later', '系统繁忙，请稍后再试'],
    },
  );
});
