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
 * The key under which the passwords of remotes and the secrets of access keys are encrypted. The permissions hold only for
 * calls that name the task, or the access key, in their encryption context, so that a ciphertext cannot be moved to another.
 */
export class Credentials extends Construct {
  readonly key: Key;

  constructor(scope: Construct, id: string, props: CredentialsProps) {
    super(scope, id);
    this.key = new Key(this, 'Key', {
      description: 'logferry: passwords of remote clusters, secrets of access keys',
      enableKeyRotation: true,
      removalPolicy: props.removalPolicy,
    });
  }

  grantEncrypt(grantee: Grantee): void {
    this.#allow(grantee, 'kms:Encrypt', 'taskKey');
  }

  grantDecrypt(grantee: Grantee): void {
    this.#allow(grantee, 'kms:Decrypt', 'taskKey');
  }

  grantEncryptSecrets(grantee: Grantee): void {
    this.#allow(grantee, 'kms:Encrypt', 'accessKey');
  }

  grantDecryptSecrets(grantee: Grantee): void {
    this.#allow(grantee, 'kms:Decrypt', 'accessKey');
  }

  #allow(grantee: Grantee, action: string, context: 'taskKey' | 'accessKey'): void {
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({
        actions: [action],
        resources: [this.key.keyArn],
        conditions: { Null: { [`kms:EncryptionContext:${context}`]: 'false' } },
      }),
    );
  }
}
