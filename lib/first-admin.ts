import { CustomResource, Duration, type RemovalPolicy, Validations } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { LogferryFunction } from './function.ts';
import type { FunctionCode } from './function-code.ts';
import type { Storage } from './storage.ts';

export interface FirstAdminProps {
  readonly storage: Storage;
  readonly code: FunctionCode;
  /** Raised to make a password that was changed in the secret the administrator's. */
  readonly revision: number;
  readonly removalPolicy: RemovalPolicy;
}

/**
 * The first administrator: generated into Secrets Manager, and written (as a hash) to the table by a custom resource
 * when the stack is deployed.
 */
export class FirstAdmin extends Construct {
  readonly secret: Secret;

  constructor(scope: Construct, id: string, props: FirstAdminProps) {
    super(scope, id);
    this.secret = new Secret(this, 'Secret', {
      description: 'logferry: first administrator, {"username", "password"}',
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ username: 'admin' }),
        generateStringKey: 'password',
        passwordLength: 32,
        // Old bk-repo clients split the credentials at every colon; the rest is awkward in shells and URLs.
        excludePunctuation: true,
      },
      removalPolicy: props.removalPolicy,
    });
    Validations.of(this.secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason:
        'Other clusters sign in with this password: only their operators can change both ends. docs/deployment.md ' +
        'says how it is changed.',
    });

    const bootstrap = new LogferryFunction(this, 'Bootstrap', {
      folder: 'bootstrap-admin',
      description: 'logferry: writes the first administrator into the table',
      code: props.code,
      network: undefined,
      timeout: Duration.seconds(60),
      uses: [
        {
          environment: { TABLE_NAME: props.storage.table.tableName },
          inNetwork: false,
          grant: (grantee) => props.storage.grantWritePrincipals(grantee),
        },
        {
          environment: { ADMIN_SECRET_ID: this.secret.secretArn },
          inNetwork: false,
          grant: (grantee) =>
            grantee.grantPrincipal.addToPrincipalPolicy(
              new PolicyStatement({
                actions: ['secretsmanager:GetSecretValue'],
                resources: [this.secret.secretArn],
              }),
            ),
        },
      ],
    });
    new CustomResource(this, 'Admin', {
      resourceType: 'Custom::LogferryFirstAdmin',
      serviceToken: bootstrap.function.functionArn,
      serviceTimeout: Duration.minutes(2),
      properties: { Secret: this.secret.secretArn, Revision: String(props.revision) },
    });
  }
}
