import { randomBytes } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll } from 'vitest';
import { readEndpoints } from '../../../bin/local/endpoints.ts';
import { runRepository } from '../../../functions/shared/run/table-runs.ts';
import { failurePartitionOf } from '../../../functions/shared/table.ts';
import { taskRepository } from '../../../functions/shared/task/repository.ts';
import { describeRunRepository, type RunStore } from '../../support/run-contract.ts';
import { storedTask } from '../../support/tasks.ts';

const created: string[] = [];
let store: RunStore;
let tasks: ReturnType<typeof taskRepository>;

beforeAll(async () => {
  const { aws, resources } = (await readEndpoints()).stages.source;
  const { endpoint, region, accessKeyId, secretAccessKey } = aws;
  const table = DynamoDBDocumentClient.from(
    new DynamoDBClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } }),
    { marshallOptions: { removeUndefinedValues: true } },
  );
  const tableName = resources['TableName'] ?? '';
  tasks = taskRepository({ table, tableName });
  store = {
    runs: runRepository({ table, tableName }),
    newTask: async (fields) => {
      // Of a slot that is not there, so that no tailer sees it.
      const task = storedTask({ key: randomBytes(16).toString('hex'), slotName: 'none', ...fields });
      await tasks.put(task);
      created.push(task.key);
      return task;
    },
    task: (taskKey) => tasks.get(taskKey),
    failures: async (taskKey) => {
      const { Count = 0 } = await table.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': failurePartitionOf(taskKey) },
          Select: 'COUNT',
          ConsistentRead: true,
        }),
      );
      return Count;
    },
  };
});

afterAll(async () => {
  for (const key of created) {
    await tasks.delete(key);
  }
});

describeRunRepository(() => store);
