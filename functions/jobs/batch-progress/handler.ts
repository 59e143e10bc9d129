import { dynamoDb } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { v3Endpoint } from '../../shared/http/v3-endpoint.ts';
import { jobList, progressAnswer, progressFaultAnswer } from '../../shared/job/answers.ts';
import { forEachJob, jobIdsRequest } from '../../shared/job/batch.ts';
import { progressOfJob } from '../../shared/job/progress.ts';
import { laneRepository } from '../../shared/lane/repository.ts';
import { runRepository } from '../../shared/run/table-runs.ts';
import { slotRepository } from '../../shared/slot/repository.ts';
import { taskRepository } from '../../shared/task/repository.ts';

const env = environment('TABLE_NAME');
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const sources = {
  tasks: taskRepository(table),
  runs: runRepository(table),
  lanes: laneRepository(table),
  slots: slotRepository({ ...table, clock: systemClock }),
  clock: systemClock,
};

/** `POST jobs/batch-progress`: how far each job is. */
export const handler = v3Endpoint({
  requiredRole: 'viewer',
  schema: jobIdsRequest,
  handle: async (items, { projectId, language, logger }) => {
    const outcomes = await forEachJob({
      items,
      logger,
      work: ({ taskKey }) => progressOfJob({ ...sources, taskKey, projectId }),
    });
    return jobList(outcomes, progressAnswer, progressFaultAnswer(language));
  },
});
