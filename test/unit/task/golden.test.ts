import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { DomainError } from '../../../functions/shared/errors.ts';
import { bkrepoEndpoint } from '../../../functions/shared/http/endpoint.ts';
import { logger } from '../../../functions/shared/logger.ts';
import { taskAnswer } from '../../../functions/shared/task/answer.ts';
import { createTask } from '../../../functions/shared/task/create.ts';
import type { RemoteProbe } from '../../../functions/shared/task/ports.ts';
import { remoteClusterSchema, taskRequestSchema } from '../../../functions/shared/task/request.ts';
import { apiEvent, envelopeOf, lambdaContext, parseEnvelope } from '../../support/api.ts';
import { type GoldenExchange, goldenExchanges, hasGolden } from '../../support/golden.ts';

/** What differs from the captured answers, and why. All else agrees: status, code, text and data. */
const DIFFERENT: Readonly<Record<string, { readonly status: number; readonly code: number }>> = {
  // Quartz refuses hour 25 and lets hour 99 through; and bk-repo checks an expression only when it will use it.
  'task.create.badcron.zh': { status: 400, code: 250103 },
  'task.create.badcron.immediate': { status: 400, code: 250103 },
  // It knows no reason for a failure of TLS.
  'task.create.badcertificate': { status: 400, code: 250302 },
  'connect.POST.badcert': { status: 400, code: 250302 },
  // A missing scheme and blanks around an address are what users paste.
  'connect.POST.noscheme': { status: 200, code: 0 },
  'connect.POST.spaces': { status: 200, code: 0 },
  // The caller's role is asked before the content.
  'task.create.notjson.nonadmin': { status: 403, code: 403 },
};

/** Its reason is always the same sentence; ours names the cause. */
const REASON = /(reason|错误原因): .*/;

/** The remote that the exchanges were captured with, as it looks to a caller. */
const probe: RemoteProbe = async ({ url, username, password }) => {
  const known =
    url === 'http://127.0.0.1:26002/replication' && username === 'admin' && password === 'password';
  if (!known) {
    throw new DomainError('REMOTE_CONNECT_FAILED', ['a cause']);
  }
};

const services = {
  logger,
  authenticator: () => ({
    authenticate: async ({ username, password }: { username: string; password: string }) =>
      password === 'password'
        ? ({ username, role: username === 'admin' ? 'admin' : 'viewer' } as const)
        : undefined,
  }),
};

const endpoints = {
  '/replication/task/create': bkrepoEndpoint(
    {
      unauthenticated: 'challenge',
      schema: taskRequestSchema('UTC'),
      input: (request) => request.json(),
      handle: async (request, { principal }) => {
        const task = await createTask({
          request,
          createdBy: principal.username,
          probe,
          credentials: { encrypt: async () => 'c2VjcmV0' },
          slots: { open: async () => ({ nextOrdinal: 1 }) },
          tasks: { put: async () => undefined, delete: async () => undefined },
          starter: {
            queue: { start: async () => undefined },
            schedule: { arm: async () => undefined, disarm: async () => undefined },
          },
          clock: () => new Date('2026-11-22T01:13:36.189Z'),
          timeZone: 'UTC',
        });
        return taskAnswer(task, 'UTC');
      },
    },
    services,
  ),
  '/replication/task/connect/test': bkrepoEndpoint(
    {
      unauthenticated: 'challenge',
      schema: remoteClusterSchema,
      input: (request) => request.json(),
      handle: probe,
    },
    services,
  ),
};

const dataSchema = z.looseObject({
  setting: z.looseObject({
    remoteClusterInfo: z.looseObject({ url: z.string() }),
    executionPlan: z.looseObject({ nextExecuteTimes: z.unknown(), roundedUpTo: z.unknown() }).partial(),
  }),
});

/** An answered task without what is chosen anew for each, and what we answer otherwise on purpose. */
function comparableTask(data: unknown): unknown {
  if (data === null) {
    return null;
  }
  const task = dataSchema.parse(data);
  const { remoteClusterInfo } = task.setting;
  // The plan's next times are said here alone.
  const { nextExecuteTimes: _times, roundedUpTo: _unit, ...executionPlan } = task.setting.executionPlan;
  return {
    fields: Object.keys(task),
    ...task,
    id: null,
    key: null,
    createdDate: null,
    lastModifiedDate: null,
    // An incremental task follows the log here; there it waits for ever.
    status: null,
    setting: {
      ...task.setting,
      executionPlan,
      remoteClusterInfo: {
        ...remoteClusterInfo,
        url: remoteClusterInfo.url.replace(/\/+$/, ''),
        password: null,
      },
    },
  };
}

async function replay({ request }: GoldenExchange) {
  const { method, path, headers, body } = request;
  const handler = Object.entries(endpoints).find(([served]) => served === path)?.[1];
  if (handler === undefined) {
    throw new Error(`No endpoint here serves ${path}`);
  }
  const response = await handler(
    apiEvent({ method, path, headers, ...(body === null ? {} : { body }) }),
    lambdaContext,
  );
  return { status: response.statusCode, ...envelopeOf(response) };
}

describe.skipIf(!hasGolden)('the captured exchanges about tasks', () => {
  beforeAll(() => {
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  });
  afterAll(() => {
    vi.restoreAllMocks();
  });

  const exchanges = (hasGolden ? goldenExchanges() : []).filter(
    ({ request }) => Object.hasOwn(endpoints, request.path) && request.method === 'POST',
  );

  test('are there', () => {
    expect(exchanges.length).toBeGreaterThan(45);
    const names = new Set(exchanges.map(({ name }) => name));
    expect(Object.keys(DIFFERENT).filter((name) => !names.has(name))).toEqual([]);
  });

  test.each(exchanges)('$name', async (exchange) => {
    const answer = await replay(exchange);
    const captured = { status: exchange.response.status, ...parseEnvelope(exchange.response.body) };
    const different = DIFFERENT[exchange.name];
    if (different !== undefined) {
      expect(captured).not.toMatchObject(different);
      expect(answer).toMatchObject(different);
      return;
    }
    expect({ status: answer.status, code: answer.code }).toEqual({
      status: captured.status,
      code: captured.code,
    });
    expect(answer.message?.replace(REASON, '')).toEqual(captured.message?.replace(REASON, ''));
    if (exchange.name === 'task.create.executeTime.zoned') {
      // The offset is honoured here and dropped there.
      expect(answer.data).toMatchObject({
        setting: { executionPlan: { executeTime: '2098-12-31T16:00:00' } },
      });
      return;
    }
    expect(comparableTask(answer.data)).toEqual(comparableTask(captured.data));
  });
});
