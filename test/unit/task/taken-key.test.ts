import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { dynamoDb } from '../../../functions/shared/aws/clients.ts';
import { bkrepoEndpoint } from '../../../functions/shared/http/endpoint.ts';
import { logger } from '../../../functions/shared/logger.ts';
import { taskRepository } from '../../../functions/shared/task/repository.ts';
import { apiEvent, envelopeOf, lambdaContext } from '../../support/api.ts';
import { storedTask } from '../../support/tasks.ts';

process.env['AWS_REGION'] = 'eu-central-1';

const task = storedTask();

/** What of `task/create` is left when everything before has gone well. */
const handler = bkrepoEndpoint(
  {
    unauthenticated: 'challenge',
    schema: z.object({}),
    input: () => ({}),
    handle: () => taskRepository({ table: dynamoDb(), tableName: 'table' }).put(task),
  },
  { logger, authenticator: () => ({ authenticate: async () => ({ username: 'admin', role: 'admin' }) }) },
);

test.each([['en'], ['zh-CN']])('a task whose key is taken is refused, asked in %s', async (language) => {
  mockClient(DynamoDBDocumentClient)
    .on(PutCommand)
    .rejects(Object.assign(new Error('taken'), { name: 'ConditionalCheckFailedException' }));
  const response = await handler(
    apiEvent({
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from('admin:password').toString('base64')}`,
        'accept-language': language,
      },
    }),
    lambdaContext,
  );
  expect(response.statusCode).toBe(400);
  expect(envelopeOf(response)).toEqual({
    code: 250_105,
    // bk-repo has no Chinese text for it.
    message: `Resource ${task.key} existed`,
    data: null,
    traceId: 'request-1',
  });
});
