import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { HttpApi, HttpMethod, HttpStage, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Capabilities } from './capabilities.ts';
import { type Endpoint, pathsOf, routesOf } from './endpoints.ts';
import { ENDPOINT_TIMEOUT, LogferryFunction } from './function.ts';
import type { FunctionCode } from './function-code.ts';
import { Invocation } from './invocation.ts';
import type { Network } from './network.ts';

export interface ApiProps {
  readonly endpoints: readonly Endpoint[];
  readonly capabilities: Capabilities;
  readonly code: FunctionCode;
  readonly network: Network | undefined;
}

/**
 * Requests that the whole API takes: guessing passwords costs scrypt, and era senders poll once a second per event.
 * Beyond it API Gateway answers 429 by itself.
 */
const THROTTLE = { rateLimit: 200, burstLimit: 400 } as const;

/** The HTTP API: one function for each endpoint, all routes of an endpoint to the same one. */
export class Api extends Construct {
  readonly api: HttpApi;
  readonly #invocation: Invocation;

  constructor(scope: Construct, id: string, props: ApiProps) {
    super(scope, id);
    const fallback = new LogferryFunction(this, 'Fallback', {
      folder: 'fallback',
      description: 'logferry: answers what no route matches',
      code: props.code,
      network: undefined,
      timeout: ENDPOINT_TIMEOUT,
      memorySize: 256,
      uses: [],
      environment: { ROUTES: JSON.stringify(routesOf(props.endpoints)) },
    });
    this.#invocation = new Invocation(this, 'Invocation');
    this.api = new HttpApi(this, 'Api', {
      apiName: this.node.path.replaceAll('/', '-'),
      description: 'logferry: task API and replica API',
      createDefaultStage: false,
      defaultIntegration: this.#invocation.integration('Fallback', fallback.function),
    });
    const accessLog = new LogGroup(this, 'AccessLog', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    new HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      throttle: THROTTLE,
      accessLogSettings: {
        destination: new LogGroupLogDestination(accessLog),
        // No header is logged: credentials travel in one.
        format: AccessLogFormat.custom(
          JSON.stringify({
            requestId: '$context.requestId',
            time: '$context.requestTimeEpoch',
            ip: '$context.identity.sourceIp',
            method: '$context.httpMethod',
            path: '$context.path',
            route: '$context.routeKey',
            status: '$context.status',
            bytes: '$context.responseLength',
            milliseconds: '$context.responseLatency',
            error: '$context.error.message',
            integrationError: '$context.integrationErrorMessage',
          }),
        ),
      },
    });
    for (const endpoint of props.endpoints) {
      this.#addEndpoint(endpoint, props);
    }
    Validations.of(this.api).acknowledge({
      id: 'AwsSolutions-APIG4',
      reason:
        'An authorizer answers in API Gateway’s own envelope, which neither contract allows: every function ' +
        'authenticates its caller itself (functions/shared/http).',
    });
  }

  #addEndpoint(endpoint: Endpoint, props: ApiProps): void {
    const id = constructIdOf(endpoint.folder);
    const handler = new LogferryFunction(this, id, {
      folder: endpoint.folder,
      description: `logferry: ${endpoint.methods.join('/')} ${endpoint.path}`,
      code: props.code,
      network: props.network,
      timeout: ENDPOINT_TIMEOUT,
      uses: endpoint.uses.map((name) => props.capabilities[name]),
      ...(endpoint.memorySize === undefined ? {} : { memorySize: endpoint.memorySize }),
    });
    const integration = this.#invocation.integration(id, handler.function);
    for (const path of pathsOf(endpoint)) {
      this.api.addRoutes({
        path,
        methods: endpoint.methods.map((method) => HttpMethod[method]),
        integration,
      });
    }
  }
}

/** `replica/node-exist` → `ReplicaNodeExist`. */
function constructIdOf(folder: string): string {
  return folder
    .split(/[/-]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}
