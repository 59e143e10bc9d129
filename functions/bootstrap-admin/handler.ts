import type { Context } from 'aws-lambda';
import { dynamoDb, secretsManager } from '../shared/aws/clients.ts';
import { putAnswer, serveCustomResource } from '../shared/cloudformation/custom-resource.ts';
import { environment } from '../shared/environment.ts';
import { logger } from '../shared/logger.ts';
import { establishFirstAdmin, readFirstAdminSecret } from '../shared/principal/first-admin.ts';
import { hashPassword } from '../shared/principal/password.ts';
import { principalRepository } from '../shared/principal/repository.ts';

const env = environment('TABLE_NAME', 'ADMIN_SECRET_ID');

/**
 * Trigger: CloudFormation, when the stack's first administrator is created, updated or deleted. Effect: the
 * administrator of the secret can sign in; CloudFormation is answered in any case.
 */
export async function handler(event: unknown, context: Context): Promise<void> {
  logger.addContext(context);
  const principals = principalRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });
  const secret = () => readFirstAdminSecret({ secrets: secretsManager(), secretId: env.ADMIN_SECRET_ID });
  await serveCustomResource(event, {
    perform: (request) => establishFirstAdmin(request, { principals, secret, hashPassword }),
    answer: putAnswer,
    logger,
  });
}
