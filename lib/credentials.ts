import type { RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { Grantee } from './grantee.ts';

export interface CredentialsProps {
  /** What becomes of the key when the stack goes: without it no stored password can be read again. */
  readonly removalPolicy: RemovalPolicy;
}

/**
 * The key under which the passwords of remotes are encrypted. Both permissions hold only for calls that name the
 * task in their encryption context, so that a ciphertext cannot be moved to another task.
 */
export class Credentials extends Construct {
  readonly key: Key;

  constructor(scope: Construct, id: string, props: CredentialsProps) {
    super(scope, id);
    this.key = new Key(this, 'Key', {
      description: 'logferry: passwords of remote clusters',
      enableKeyRotation: true,
      removalPolicy: props.removalPolicy,
    });
  }

  grantEncrypt(grantee: Grantee): void {
    this.#allow(grantee, 'kms:Encrypt');
  }

  grantDecrypt(grantee: Grantee): void {
    this.#allow(grantee, 'kms:Decrypt');
  }

  #allow(grantee: Grantee, action: string): void {
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({
        actions: [action],
        resources: [this.key.keyArn],
        conditions: { Null: { 'kms:EncryptionContext:taskKey': 'false' } },
      }),
    );
  }
}
