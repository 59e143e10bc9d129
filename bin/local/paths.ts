import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root directory, without a trailing separator. */
export const projectRoot = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '');

const local = join(projectRoot, '.local');

/**
 * Everything that the local cloud writes. `tools` is a cache and `logs` is for reading afterwards: both outlive a
 * stop; the rest is runtime state, which a stop removes.
 */
export const paths = {
  local,
  tools: join(local, 'tools'),
  logs: join(local, 'logs'),
  run: join(local, 'run'),
  endpoints: join(local, 'endpoints.json'),
  state: join(local, 'state.json'),
  lock: join(local, 'lock'),
  outputs: (stage: string): string => join(local, `${stage}-outputs.json`),
  log: (name: string): string => join(local, 'logs', `${name}.log`),
} as const;
