import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { z } from 'zod';

/** A request as a test writes it; everything not named is as in a plain GET. */
export interface ApiRequest {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly pathParameters?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** API Gateway's event (payload format 2.0) for a request; a Buffer's content is sent in base64, as the gateway does. */
export function apiEvent(request: ApiRequest): APIGatewayProxyEventV2 {
  const { method = 'GET', path = '/replication/replica/ping', headers = {}, body } = request;
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: new URLSearchParams({ ...request.query }).toString(),
    headers: { ...headers },
    ...(request.query === undefined ? {} : { queryStringParameters: { ...request.query } }),
    ...(request.pathParameters === undefined ? {} : { pathParameters: { ...request.pathParameters } }),
    requestContext: {
      accountId: '000000000000',
      apiId: 'api',
      domainName: 'api.test',
      domainPrefix: 'api',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'test' },
      requestId: 'request-1',
      routeKey: '$default',
      stage: '$default',
      time: '22/Nov/2026:01:00:00 +0000',
      timeEpoch: 1_795_309_200_000,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : body.toString('base64') }),
    isBase64Encoded: Buffer.isBuffer(body),
  };
}

export const lambdaContext: Context = {
  callbackWaitsForEmptyEventLoop: false,
  functionName: 'endpoint',
  functionVersion: '$LATEST',
  invokedFunctionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:endpoint',
  memoryLimitInMB: '256',
  awsRequestId: 'invocation-1',
  logGroupName: 'group',
  logStreamName: 'stream',
  getRemainingTimeInMillis: () => 30_000,
  done: () => undefined,
  fail: () => undefined,
  succeed: () => undefined,
};

const envelopeSchema = z.strictObject({
  code: z.number(),
  message: z.string().nullable(),
  data: z.unknown(),
  traceId: z.string().nullable(),
});
export type Envelope = z.infer<typeof envelopeSchema>;

/** The envelope in an answer's text; it has exactly bk-repo's four fields. */
export function parseEnvelope(text: string): Envelope {
  return envelopeSchema.parse(JSON.parse(text));
}

export function envelopeOf(response: APIGatewayProxyStructuredResultV2): Envelope {
  return parseEnvelope(response.body ?? '');
}
