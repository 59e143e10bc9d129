import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { LocalCloudError } from './errors.ts';
import { paths } from './paths.ts';

const admin = z.object({ username: z.string(), password: z.string() });

const stageEndpoints = z.object({
  /** Where and with what any AWS client reaches this stage's cloud. */
  aws: z.object({
    endpoint: z.url(),
    region: z.string(),
    accessKeyId: z.string(),
    secretAccessKey: z.string(),
  }),
  /** Plain origin of the API, without a path and without a slash at its end. */
  apiUrl: z.string().regex(/^http:\/\/127\.0\.0\.1:\d+$/),
  mongoUri: z.string(),
  mongoDatabase: z.string(),
  operateLogCollection: z.string(),
  blobBucket: z.string(),
  projectId: z.string(),
  admin,
  /** All outputs of the stage's stack, for this project's own tests; not part of the stable interface. */
  resources: z.record(z.string(), z.string()),
});

const endpointsSchema = z.object({
  stages: z.object({ source: stageEndpoints, target: stageEndpoints }),
});

export type Admin = z.output<typeof admin>;
export type StageEndpoints = z.output<typeof stageEndpoints>;
export type Endpoints = z.output<typeof endpointsSchema>;

/** Check the content of `.local/endpoints.json` (docs/local-cloud.md). */
export function parseEndpoints(content: unknown): Endpoints {
  return endpointsSchema.parse(content);
}

/**
 * Every address and credential of the running local cloud.
 *
 * @throws LocalCloudError when none is running.
 */
export async function readEndpoints(): Promise<Endpoints> {
  let text: string;
  try {
    text = await readFile(paths.endpoints, 'utf8');
  } catch {
    throw new LocalCloudError('The local cloud is not running: start it with npm run local -- --detach.');
  }
  return parseEndpoints(JSON.parse(text));
}
