import {
  type HttpRouteIntegrationBindOptions,
  type HttpRouteIntegrationConfig,
  IntegrationCredentials,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { type IRole, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { InlineRole } from './inline-role.ts';

/**
 * Functions that one role may invoke. The policies of a role hold 10,240 characters, and the ARN of a function has up to
 * 120 of them.
 */
const FUNCTIONS_PER_ROLE = 60;

/**
 * Integrations of an API with functions that it invokes by a role, in place of a permission (and so a resource) at each
 * function.
 */
export class Invocation extends Construct {
  #functions = 0;
  #role: InlineRole | undefined;

  integration(id: string, handler: IFunction): HttpLambdaIntegration {
    const role = this.#nextRole();
    role.addToPolicy(
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [handler.functionArn] }),
    );
    return new IntegrationByRole(id, handler, role);
  }

  #nextRole(): InlineRole {
    const index = Math.floor(this.#functions / FUNCTIONS_PER_ROLE);
    if (this.#role === undefined || this.#functions % FUNCTIONS_PER_ROLE === 0) {
      this.#role = new InlineRole(this, `Role${index + 1}`, {
        assumedBy: new ServicePrincipal('apigateway.amazonaws.com'),
        description: 'logferry: invokes the functions of the API',
      });
    }
    this.#functions += 1;
    return this.#role;
  }
}

class IntegrationByRole extends HttpLambdaIntegration {
  readonly #role: IRole;

  constructor(id: string, handler: IFunction, role: IRole) {
    super(id, handler);
    this.#role = role;
  }

  /** Would add the permission. */
  protected override completeBind(): void {}

  override bind(options: HttpRouteIntegrationBindOptions): HttpRouteIntegrationConfig {
    return { ...super.bind(options), credentials: IntegrationCredentials.fromRole(this.#role) };
  }
}
