import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import type { CustomResourceRequest } from '../cloudformation/custom-resource.ts';
import type { PrincipalRepository } from './repository.ts';

/** Basic authentication ends the user name at the first colon. */
const credentialsSchema = z.object({ username: z.string().regex(/^[^:]+$/), password: z.string().min(1) });

/** The first administrator's credentials, and the version of the secret that they come from. */
export interface FirstAdminSecret {
  readonly username: string;
  readonly password: string;
  readonly versionId: string;
}

/**
 * Read the first administrator's secret `{"username", "password"}`.
 *
 * @throws Error that says nothing of the content.
 */
export async function readFirstAdminSecret(options: {
  readonly secrets: SecretsManagerClient;
  readonly secretId: string;
}): Promise<FirstAdminSecret> {
  const secret = await options.secrets.send(new GetSecretValueCommand({ SecretId: options.secretId }));
  const credentials = credentialsSchema.safeParse(parseJson(secret.SecretString));
  if (!credentials.success || secret.VersionId === undefined) {
    throw new Error('The secret of the first administrator is not {"username", "password"}');
  }
  return { ...credentials.data, versionId: secret.VersionId };
}

/** The parser's own error would repeat the beginning of the text. */
function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

/**
 * Make the secret's user an administrator with the secret's password.
 *
 * The resource's id holds the secret's version, so that an update of the stack writes again only when the secret has
 * changed: a password that was changed in the table meanwhile stays. Deletion leaves the principal: the table may
 * outlive the stack.
 *
 * @returns the custom resource's id, `<user name>@<version of the secret>`.
 */
export async function establishFirstAdmin(
  request: CustomResourceRequest,
  services: {
    readonly principals: Pick<PrincipalRepository, 'get' | 'put'>;
    readonly secret: () => Promise<FirstAdminSecret>;
    readonly hashPassword: (password: string) => Promise<string>;
  },
): Promise<string> {
  if (request.type === 'Delete') {
    return request.physicalResourceId ?? 'none';
  }
  const { username, password, versionId } = await services.secret();
  const id = `${username}@${versionId}`;
  const established = request.physicalResourceId === id && (await services.principals.get(username));
  if (!established) {
    const passwordHash = await services.hashPassword(password);
    await services.principals.put({ username, role: 'admin', passwordHash });
  }
  return id;
}
