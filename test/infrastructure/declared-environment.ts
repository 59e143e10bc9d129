import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const IMPORT = /^(?:import|export) (?!type )[^;]*?from '(\.[^']+)';/gm;
const CALL = /\benvironment\(((?:\s*'[A-Z_]+',?\s*)+)\)/g;

/** Names of the environment variables that a handler and the modules it imports ask for. */
export function declaredEnvironment(handler: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const names = new Set<string>();
  const open = [handler];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (seen.has(path)) {
      continue;
    }
    seen.add(path);
    const source = readFileSync(path, 'utf8');
    for (const [, specifier] of source.matchAll(IMPORT)) {
      open.push(join(dirname(path), specifier ?? ''));
    }
    for (const [, list] of source.matchAll(CALL)) {
      for (const [name] of (list ?? '').matchAll(/[A-Z_]+/g)) {
        names.add(name);
      }
    }
  }
  return names;
}
