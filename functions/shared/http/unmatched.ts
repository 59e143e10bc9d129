import { DomainError } from '../errors.ts';

/** bk-repo's answer to an address that nothing is behind: not its envelope, but that of its web framework. */
export interface NotFound {
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly status: 404;
  readonly error: 'Not Found';
  readonly message: '';
  readonly path: string;
}

/**
 * What to answer to a request that no route matches (golden/replica_http.jsonl, "unknown.path" and "ping.POST").
 *
 * @param routes every route as `METHOD /path`, the path in API Gateway's notation (`{name}`, `{name+}` at the end).
 * @throws DomainError METHOD_NOT_ALLOWED when the path exists with another method.
 */
export function unmatched(options: {
  readonly routes: readonly string[];
  readonly path: string;
  readonly now: Date;
}): NotFound {
  const segments = options.path.split('/');
  if (options.routes.some((route) => matches(pathOf(route).split('/'), segments))) {
    throw new DomainError('METHOD_NOT_ALLOWED');
  }
  return {
    timestamp: options.now.getTime(),
    status: 404,
    error: 'Not Found',
    message: '',
    path: options.path,
  };
}

function pathOf(route: string): string {
  return route.slice(route.indexOf(' ') + 1);
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  const greedy = pattern.at(-1)?.endsWith('+}') ?? false;
  if (greedy ? segments.length < pattern.length : segments.length !== pattern.length) {
    return false;
  }
  return pattern.every((expected, index) => {
    const segment = segments[index] ?? '';
    if (!expected.startsWith('{')) {
      return segment === expected;
    }
    return expected.endsWith('+}') ? segments.slice(index).some((part) => part !== '') : segment !== '';
  });
}
