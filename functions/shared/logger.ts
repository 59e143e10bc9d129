import { Logger } from '@aws-lambda-powertools/logger';

/** One structured logger per function; the request or batch adds its keys to a child of it. */
export const logger = new Logger({ serviceName: 'logferry' });
export type { Logger };
