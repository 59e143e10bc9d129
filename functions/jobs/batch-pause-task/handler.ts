import { dynamoDb } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { v3Endpoint } from '../../shared/http/v3-endpoint.ts';
import { pauseJob } from '../../shared/job/actions.ts';
import { forEachJob, jobResults, jobsRequest } from '../../shared/job/batch.ts';
import { runRepository } from '../../shared/run/table-runs.ts';
import { taskRepository } from '../../shared/task/repository.ts';
import { deployedRunQueue } from '../../tasks/run-queue.ts';
import { deployedTaskSchedule } from '../../tasks/task-schedule.ts';

const env = environment('TABLE_NAME', 'TIME_ZONE');
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const services = {
  tasks: taskRepository(table),
  runs: runRepository(table),
  clock: systemClock,
  timeZone: env.TIME_ZONE,
};

/** `POST jobs/batch-pause-task`: pause many jobs, each on its own. */
export const handler = v3Endpoint({
  requiredRole: 'operator',
  schema: jobsRequest,
  handle: async (items, { principal, projectId, language, logger }) => {
    const starter = { queue: deployedRunQueue(), schedule: deployedTaskSchedule() };
    const by = principal.username;
    const outcomes = await forEachJob({
      items,
      logger,
      work: ({ taskKey }) => pauseJob({ ...services, starter, taskKey, projectId, by }),
    });
    return jobResults(outcomes, language);
  },
});
