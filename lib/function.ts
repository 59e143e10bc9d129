import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type IPrincipal, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledgeWildcardResource } from './acknowledge.ts';
import type { Capability } from './capabilities.ts';
import type { FunctionCode } from './function-code.ts';
import type { Grantee } from './grantee.ts';
import { InlineRole } from './inline-role.ts';
import type { Network } from './network.ts';

export interface LogferryFunctionProps {
  /** Folder under functions/. */
  readonly folder: string;
  readonly description: string;
  readonly code: FunctionCode;
  readonly timeout: Duration;
  /** What the function may do; each capability brings its environment variables and permissions. */
  readonly uses: readonly Capability[];
  /** Variables that are this function's alone. */
  readonly environment?: Readonly<Record<string, string>>;
  /** VPC of the deployment, entered only by a function with a capability that needs it. */
  readonly network: Network | undefined;
  /** MiB; default 512. */
  readonly memorySize?: number;
}

/**
 * One Lambda function with a role and a log group of its own. Its environment and permissions are the sum of its
 * capabilities, so that no variable is given without the permission it stands for, nor the reverse.
 */
export class LogferryFunction extends Construct implements Grantee {
  readonly function: LambdaFunction;
  readonly role: InlineRole;
  readonly grantPrincipal: IPrincipal;

  constructor(scope: Construct, id: string, props: LogferryFunctionProps) {
    super(scope, id);
    // Logs can be spared when a deployment goes; the retention holds while it lives.
    const logGroup = new LogGroup(this, 'Logs', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new InlineRole(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `logferry ${props.folder}`,
    });
    this.grantPrincipal = this.role;
    // In place of AWSLambdaBasicExecutionRole, which may write every log group of the account.
    this.role.addToPolicy(
      new PolicyStatement({
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [logGroup.logGroupArn],
      }),
    );
    acknowledgeWildcardResource(
      this.role,
      logGroup.logGroupArn,
      'A log group is written by its streams, whose names Lambda makes up: the ARN of a log group ends with :*.',
    );

    const network = props.uses.some((capability) => capability.inNetwork) ? props.network : undefined;
    if (network !== undefined) {
      this.#allowNetworkInterfaces();
    }
    this.function = new LambdaFunction(this, 'Function', {
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      handler: 'index.handler',
      code: props.code(props.folder),
      memorySize: props.memorySize ?? 512,
      timeout: props.timeout,
      role: this.role,
      logGroup,
      environment: Object.fromEntries(
        [...props.uses.map((capability) => capability.environment), props.environment ?? {}].flatMap(
          (variables) => Object.entries(variables),
        ),
      ),
      ...(network === undefined
        ? {}
        : {
            vpc: network.vpc,
            vpcSubnets: { subnets: [...network.subnets] },
            securityGroups: [...network.securityGroups],
          }),
    });
    for (const capability of props.uses) {
      capability.grant(this);
    }
  }

  #allowNetworkInterfaces(): void {
    // The actions of AWSLambdaVPCAccessExecutionRole that concern interfaces. EC2 knows no narrower resource for
    // describing them, and an interface's id is not known before it is made.
    this.role.addToPolicy(
      new PolicyStatement({
        actions: [
          'ec2:CreateNetworkInterface',
          'ec2:DescribeNetworkInterfaces',
          'ec2:DescribeSubnets',
          'ec2:DeleteNetworkInterface',
          'ec2:AssignPrivateIpAddresses',
          'ec2:UnassignPrivateIpAddresses',
        ],
        resources: ['*'],
      }),
    );
    acknowledgeWildcardResource(
      this.role,
      '*',
      'Lambda makes the network interfaces of a function in a VPC with its role, before their ids are known.',
    );
  }
}

/** Timeout of an endpoint: API Gateway waits 30 s; the function ends first and logs what it was doing. */
export const ENDPOINT_TIMEOUT = Duration.seconds(29);
