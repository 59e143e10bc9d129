import { sqs } from '../shared/aws/clients.ts';
import { environment } from '../shared/environment.ts';
import { type RunQueue, sqsRunQueue } from '../shared/sync/queue.ts';

/** The deployment's queue of starts. */
export function deployedRunQueue(): RunQueue {
  return sqsRunQueue({ sqs: sqs(), queueUrl: environment('RUN_QUEUE_URL').RUN_QUEUE_URL });
}
