import { isRunning, startLocalCloud, stopLocalCloud } from '../../bin/local/cloud.ts';

/**
 * The local cloud for the tiers that need it: one that is up already is used and left running; otherwise it is
 * started, and stopped afterwards.
 */
export default async function setUp(): Promise<(() => Promise<void>) | undefined> {
  if (await isRunning()) {
    return undefined;
  }
  await startLocalCloud({ log, detach: false });
  return async () => await stopLocalCloud({ log });
}

function log(line: string): void {
  process.stderr.write(`local cloud: ${line}\n`);
}
