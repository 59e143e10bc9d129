import { dynamoDb, kms } from '../aws/clients.ts';
import { systemClock } from '../clock.ts';
import { environment } from '../environment.ts';
import { principalRepository } from '../principal/repository.ts';
import { accessKeyRepository } from './access-key-repository.ts';
import { type CallerAuthenticator, callerAuthenticator } from './caller.ts';
import { guardedFetch } from './guarded-fetch.ts';
import { kmsAccessKeySecrets } from './kms-secrets.ts';
import { oidcVerifier } from './oidc.ts';
import { tokenRepository } from './token-repository.ts';

let sharedCallers: CallerAuthenticator | undefined;

/** The execution environment's authenticator, made at the first request: its cache outlives the requests. */
export function deployedCallers(): CallerAuthenticator {
  sharedCallers ??= newDeployedCallers();
  return sharedCallers;
}

function newDeployedCallers(): CallerAuthenticator {
  const env = environment('TABLE_NAME', 'CREDENTIALS_KEY_ID', 'TRUST_FORWARDED_HOST', 'OIDC');
  const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
  return callerAuthenticator({
    principals: principalRepository(table),
    tokens: tokenRepository(table),
    keys: accessKeyRepository(table),
    secrets: kmsAccessKeySecrets({ kms: kms(), keyId: env.CREDENTIALS_KEY_ID }),
    oidc:
      env.OIDC === null
        ? undefined
        : oidcVerifier({ ...env.OIDC, fetch: guardedFetch(env.OIDC), clock: systemClock }),
    trustForwardedHost: env.TRUST_FORWARDED_HOST,
    clock: systemClock,
  });
}
