import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type Db, MongoClient } from 'mongodb';

let connection: Promise<MongoClient> | undefined;

/**
 * bk-repo's database, over one connection pool per execution environment. The connection string is a secret and
 * comes from Secrets Manager.
 */
export async function bkRepoDatabase(options: {
  readonly secrets: SecretsManagerClient;
  readonly secretId: string;
  readonly database: string;
}): Promise<Db> {
  connection ??= connect(options.secrets, options.secretId).catch((error: unknown) => {
    // A failed connection must not be remembered: the next invocation tries again.
    connection = undefined;
    throw error;
  });
  return (await connection).db(options.database);
}

async function connect(secrets: SecretsManagerClient, secretId: string): Promise<MongoClient> {
  const secret = await secrets.send(new GetSecretValueCommand({ SecretId: secretId }));
  if (secret.SecretString === undefined) {
    throw new Error('The MongoDB secret has no text');
  }
  return MongoClient.connect(secret.SecretString, {
    appName: 'logferry',
    maxPoolSize: 10,
    serverSelectionTimeoutMS: 5_000,
    connectTimeoutMS: 5_000,
  });
}
