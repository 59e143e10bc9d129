import { z } from 'zod';
import { LocalCloudError } from './errors.ts';

/** The environment variables that a person may set (docs/local-cloud.md). Empty counts as not set. */
const variables = z.object({
  MONGODB_URI: z.preprocess(
    (value) => (value === '' ? undefined : value),
    z
      .string()
      .regex(/^mongodb(\+srv)?:\/\//, 'must begin with mongodb:// or mongodb+srv://')
      .optional(),
  ),
  LOGFERRY_OPERATE_LOG_BYTES: z.preprocess(
    (value) => (value === '' ? undefined : value),
    z.coerce
      .number('must be a number of bytes')
      .int('must be a whole number of bytes')
      .min(4_096, 'must be 4096 or more')
      .default(2 * 1_024 * 1_024),
  ),
});

export interface Settings {
  readonly mongodbUri: string | undefined;
  /** Size of a newly created `operate_log`, in bytes. */
  readonly operateLogBytes: number;
}

/** @throws LocalCloudError naming the variable that is malformed (never its value). */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const parsed = variables.safeParse(environment);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new LocalCloudError(`The environment variable ${issue?.path.join('.')} ${issue?.message}.`);
  }
  return {
    mongodbUri: parsed.data.MONGODB_URI,
    operateLogBytes: parsed.data.LOGFERRY_OPERATE_LOG_BYTES,
  };
}
