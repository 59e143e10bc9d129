import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';

/**
 * AWS clients, built in one place and shared by every invocation of an execution environment.
 *
 * SQSClient sends to the queue URL's host and ignores `AWS_ENDPOINT_URL` unless the constructor is given an
 * endpoint, so the standard variable is passed on here.
 */
const sqsEndpoint = process.env['AWS_ENDPOINT_URL_SQS'] ?? process.env['AWS_ENDPOINT_URL'];

let tableClient: DynamoDBDocumentClient | undefined;
let s3Client: S3Client | undefined;
let sqsClient: SQSClient | undefined;
let kmsClient: KMSClient | undefined;
let secretsClient: SecretsManagerClient | undefined;
let schedulerClient: SchedulerClient | undefined;

export function dynamoDb(): DynamoDBDocumentClient {
  tableClient ??= DynamoDBDocumentClient.from(new DynamoDBClient({}), {
    marshallOptions: { removeUndefinedValues: true },
  });
  return tableClient;
}

export function s3(): S3Client {
  s3Client ??= new S3Client({});
  return s3Client;
}

export function sqs(): SQSClient {
  sqsClient ??= new SQSClient(sqsEndpoint === undefined ? {} : { endpoint: sqsEndpoint });
  return sqsClient;
}

export function kms(): KMSClient {
  kmsClient ??= new KMSClient({});
  return kmsClient;
}

export function secretsManager(): SecretsManagerClient {
  secretsClient ??= new SecretsManagerClient({});
  return secretsClient;
}

export function scheduler(): SchedulerClient {
  schedulerClient ??= new SchedulerClient({});
  return schedulerClient;
}
