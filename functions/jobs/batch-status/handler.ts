import { dynamoDb } from '../../shared/aws/clients.ts';
import { environment } from '../../shared/environment.ts';
import { v3Endpoint } from '../../shared/http/v3-endpoint.ts';
import { faultAnswer, jobList, statusAnswer } from '../../shared/job/answers.ts';
import { forEachJob, jobIdsRequest, taskOfJob } from '../../shared/job/batch.ts';
import { taskRepository } from '../../shared/task/repository.ts';

const env = environment('TABLE_NAME');
const tasks = taskRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `POST jobs/batch-status`: the state of each job. */
export const handler = v3Endpoint({
  requiredRole: 'viewer',
  schema: jobIdsRequest,
  handle: async (items, { projectId, language, logger }) => {
    const outcomes = await forEachJob({
      items,
      logger,
      work: ({ taskKey }) => taskOfJob({ taskKey, projectId, tasks }),
    });
    return jobList(outcomes, statusAnswer, faultAnswer(language));
  },
});
