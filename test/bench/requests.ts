import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { MongoClient } from 'mongodb';
import { z } from 'zod';

/** What this process asked of everything around it. */
export interface Requests {
  readonly remote: number;
  readonly dynamoDb: number;
  readonly s3: number;
  readonly sqs: number;
  /** Of the client that was given; 0 without one. */
  readonly mongoDb: number;
}

/** What Node and undici publish of the requests that they make, as far as it is looked at. */
const awsRequest = z.object({
  request: z.custom<{ getHeader(name: string): unknown }>((request) => request !== undefined),
});

/**
 * Counts what this process asks for between `start` and `stop`: the SDK is on node:http, the remote's client on undici.
 *
 * @param mongo a client that monitors its commands.
 */
export function countRequests(mongo?: MongoClient) {
  const counts = { remote: 0, dynamoDb: 0, s3: 0, sqs: 0, mongoDb: 0 };
  const toRemote = () => {
    counts.remote += 1;
  };
  const toAws = (published: unknown) => {
    const target = String(awsRequest.parse(published).request.getHeader('x-amz-target'));
    const service = target.startsWith('DynamoDB')
      ? 'dynamoDb'
      : target.startsWith('AmazonSQS')
        ? 'sqs'
        : 's3';
    counts[service] += 1;
  };
  const toMongo = () => {
    counts.mongoDb += 1;
  };
  return {
    counts,
    start: () => {
      subscribe('undici:request:create', toRemote);
      subscribe('http.client.request.start', toAws);
      mongo?.on('commandStarted', toMongo);
    },
    stop: () => {
      unsubscribe('undici:request:create', toRemote);
      unsubscribe('http.client.request.start', toAws);
      mongo?.off('commandStarted', toMongo);
    },
  };
}
