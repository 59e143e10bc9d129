import { z } from 'zod';
import type { Logger } from '../logger.ts';

const requestSchema = z.object({
  RequestType: z.enum(['Create', 'Update', 'Delete']),
  ResponseURL: z.url(),
  StackId: z.string(),
  RequestId: z.string(),
  LogicalResourceId: z.string(),
  PhysicalResourceId: z.string().optional(),
});

/** What CloudFormation wants done with a custom resource. */
export interface CustomResourceRequest {
  readonly type: 'Create' | 'Update' | 'Delete';
  /** The id that the last Create or Update returned. */
  readonly physicalResourceId: string | undefined;
}

export interface CustomResourceServices {
  /** Does the work and returns the resource's id. A message that it throws is shown to whoever deploys. */
  readonly perform: (request: CustomResourceRequest) => Promise<string>;
  /** Puts the answer where CloudFormation waits for it. */
  readonly answer: (responseUrl: string, body: Uint8Array<ArrayBuffer>) => Promise<void>;
  readonly logger: Pick<Logger, 'info' | 'error'>;
}

/**
 * Serve one event of a CloudFormation custom resource. Success or failure, CloudFormation gets an answer: without one
 * a deployment hangs until its timeout.
 *
 * @throws Error only when the event names no place for an answer, or the answer could not be put there.
 */
export async function serveCustomResource(event: unknown, services: CustomResourceServices): Promise<void> {
  const request = requestSchema.parse(event);
  const outcome = await perform(request, services);
  const body = {
    ...outcome,
    StackId: request.StackId,
    RequestId: request.RequestId,
    LogicalResourceId: request.LogicalResourceId,
  };
  await services.answer(request.ResponseURL, Buffer.from(JSON.stringify(body)));
  services.logger.info('Custom resource answered', { type: request.RequestType, status: outcome.Status });
}

async function perform(
  request: z.output<typeof requestSchema>,
  services: CustomResourceServices,
): Promise<{
  readonly Status: 'SUCCESS' | 'FAILED';
  readonly PhysicalResourceId: string;
  readonly Reason?: string;
}> {
  try {
    const id = await services.perform({
      type: request.RequestType,
      physicalResourceId: request.PhysicalResourceId,
    });
    return { Status: 'SUCCESS', PhysicalResourceId: id };
  } catch (error) {
    services.logger.error('Custom resource failed', { type: request.RequestType, error });
    return {
      Status: 'FAILED',
      // A failed Create has no id yet, and CloudFormation wants one.
      PhysicalResourceId: request.PhysicalResourceId ?? request.RequestId,
      Reason: error instanceof Error ? error.message : 'The function failed: its log says how',
    };
  }
}

const ANSWER_TRIES = 3;
const ANSWER_TIMEOUT_MS = 10_000;

/**
 * PUT an answer to CloudFormation's presigned URL, up to three times. The body is bytes, so that no content type is
 * sent: the URL is signed for none.
 */
export async function putAnswer(responseUrl: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
  let failure: unknown;
  for (let attempt = 0; attempt < ANSWER_TRIES; attempt += 1) {
    try {
      const response = await fetch(responseUrl, {
        method: 'PUT',
        body,
        redirect: 'error',
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      });
      if (response.ok) {
        return;
      }
      failure = new Error(`HTTP ${response.status}`);
    } catch (error) {
      failure = error;
    }
  }
  throw new Error('CloudFormation did not take the answer', { cause: failure });
}
