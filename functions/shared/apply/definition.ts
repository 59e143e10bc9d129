import { isDeepStrictEqual } from 'node:util';
import type { RemoteDefinition } from '../remote/client.ts';
import { typedConfiguration } from './repository-configuration.ts';
import type { SourceRepository } from './source-catalog.ts';

/** What of a repository's definition is to be changed at the remote. */
export interface DefinitionChange {
  readonly public?: boolean;
  readonly description?: string;
  readonly configuration?: Readonly<Record<string, unknown>>;
}

/**
 * What is to be changed at the remote to make a repository's definition the source's: everything where the remote does not
 * tell its own.
 *
 * A configuration of another type is left out, for the contract refuses to change that. Nulls and absent values are one, and
 * fields that only one side has are not compared: remotes fill in their defaults, and leave out what their version does not know.
 *
 * @returns undefined when nothing is to be changed.
 */
export function definitionChange(
  present: Pick<SourceRepository, 'public' | 'description' | 'configuration'>,
  there: RemoteDefinition | undefined,
): DefinitionChange | undefined {
  const description = present.description ?? '';
  const configuration = typedConfiguration(present.configuration, undefined);
  const change = {
    ...(there?.public === present.public ? {} : { public: present.public }),
    ...(there !== undefined && (there.description ?? '') === description ? {} : { description }),
    ...(configuration === undefined || !isChanged(configuration, there?.configuration)
      ? {}
      : { configuration }),
  };
  return Object.keys(change).length === 0 ? undefined : change;
}

type Configuration = Readonly<Record<string, unknown>>;

function isChanged(own: Configuration, answered: Configuration | undefined): boolean {
  const there = typedConfiguration(answered, undefined);
  if (there === undefined) {
    return true;
  }
  return (
    own['type'] === there['type'] &&
    Object.entries(own).some(
      ([name, value]) =>
        Object.hasOwn(there, name) && !isDeepStrictEqual(withoutNulls(value), withoutNulls(there[name])),
    )
  );
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(withoutNulls);
  }
  if (typeof value !== 'object' || value === null) {
    return value ?? undefined;
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== null && each !== undefined)
      .map(([name, each]) => [name, withoutNulls(each)]),
  );
}
