import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Grantee } from './grantee.ts';

export interface DatabaseProps {
  /** Name of the existing secret whose text is the connection string of bk-repo's MongoDB. */
  readonly secretName: string;
}

/** Access to bk-repo's MongoDB, which exists outside this stack. */
export class Database extends Construct {
  readonly secret: ISecret;

  constructor(scope: Construct, id: string, props: DatabaseProps) {
    super(scope, id);
    this.secret = Secret.fromSecretNameV2(this, 'Secret', props.secretName);
  }

  /** Read the connection string. */
  grantConnect(grantee: Grantee): void {
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['secretsmanager:GetSecretValue'],
        // Secrets Manager ends every ARN with six characters of its own: `??????` matches exactly those.
        resources: [`${this.secret.secretArn}-??????`],
      }),
    );
  }
}
