import type { FailureRepository } from '../failure/repository.ts';
import type { Container } from '../lane/message.ts';

/** Failures that are looked at, the newest ones; and how many are read at once. */
const MAX_FAILURES = 2_000;
const FAILURES_AT_ONCE = 100;

/** Paths of a repository at which something could not be done, as failure records have them. */
export type FailedPaths = (source: Container) => readonly string[];

/** What a task's failure records are about: there the remote is not what the source is, whenever it was changed. */
export async function failedPathsOf(options: {
  readonly taskKey: string;
  readonly failures: Pick<FailureRepository, 'list'>;
}): Promise<FailedPaths> {
  const { taskKey, failures } = options;
  const paths = new Map<string, Set<string>>();
  for (let number = 1; number <= MAX_FAILURES / FAILURES_AT_ONCE; number += 1) {
    const page = await failures.list(taskKey, { number, size: FAILURES_AT_ONCE });
    for (const { failure } of page.failures) {
      const known = paths.get(idOf(failure.source)) ?? new Set();
      paths.set(idOf(failure.source), known);
      const destination = 'destFullPath' in failure ? failure.destFullPath : undefined;
      for (const fullPath of [failure.fullPath, destination]) {
        if (fullPath !== undefined) {
          known.add(fullPath);
        }
      }
    }
    if (page.total <= number * FAILURES_AT_ONCE) {
      break;
    }
  }
  return (source) => [...(paths.get(idOf(source)) ?? [])];
}

function idOf({ projectId, repoName }: Container): string {
  return `${projectId}/${repoName}`;
}
