import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { dynamoDb } from '../../../functions/shared/aws/clients.ts';
import { bkrepoEndpoint } from '../../../functions/shared/http/endpoint.ts';
import { logger } from '../../../functions/shared/logger.ts';
import { createTask } from '../../../functions/shared/task/create.ts';
import { taskRepository } from '../../../functions/shared/task/repository.ts';
import { taskRequestSchema } from '../../../functions/shared/task/request.ts';
import { apiEvent, envelopeOf, lambdaContext } from '../../support/api.ts';

process.env['AWS_REGION'] = 'eu-central-1';

/** The endpoint's own parts, over a table that has the key that is drawn. */
const handler = bkrepoEndpoint(
  {
    unauthenticated: 'challenge',
    schema: taskRequestSchema('UTC'),
    input: (request) => request.json(),
    handle: (request) =>
      createTask({
        request,
        createdBy: 'admin',
        tasks: taskRepository({ table: dynamoDb(), tableName: 'table' }),
        credentials: { encrypt: async () => 'c2VjcmV0' },
        probe: async () => undefined,
        slots: { open: async () => undefined },
        clock: () => new Date(0),
      }),
  },
  { logger, authenticator: () => ({ authenticate: async () => ({ username: 'admin', role: 'admin' }) }) },
);

test.each([['en'], ['zh-CN']])('a task whose key is taken is refused, asked in %s', async (language) => {
  const dynamo = mockClient(DynamoDBDocumentClient);
  dynamo
    .on(PutCommand)
    .rejects(Object.assign(new Error('taken'), { name: 'ConditionalCheckFailedException' }));
  const remoteClusterInfo = { url: 'http://remote/replication', username: 'admin', password: 'password' };
  const response = await handler(
    apiEvent({
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from('admin:password').toString('base64')}`,
        'content-type': 'application/json',
        'accept-language': language,
      },
      body: JSON.stringify({ includeAllProject: true, setting: { remoteClusterInfo } }),
    }),
    lambdaContext,
  );
  const [put] = dynamo.commandCalls(PutCommand);
  const { key } = z.object({ key: z.string() }).parse(put?.args[0].input.Item);
  expect(response.statusCode).toBe(400);
  expect(envelopeOf(response)).toEqual({
    code: 250_105,
    // bk-repo has no Chinese text for it.
    message: `Resource ${key} existed`,
    data: null,
    traceId: 'request-1',
  });
});
