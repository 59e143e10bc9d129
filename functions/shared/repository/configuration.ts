import { z } from 'zod';
import { jacksonBoolean, jacksonInteger, jacksonString, withDefault } from '../http/jackson.ts';

/** What a repository is: bk-repo's names. */
export const REPOSITORY_CATEGORIES = ['LOCAL', 'REMOTE', 'VIRTUAL', 'COMPOSITE'] as const;
export type RepositoryCategory = (typeof REPOSITORY_CATEGORIES)[number];

export const REPOSITORY_TYPES = [
  'NONE',
  'GENERIC',
  'DOCKER',
  'MAVEN',
  'PYPI',
  'NPM',
  'HELM',
  'COMPOSER',
  'RPM',
  'NUGET',
] as const;
export type RepositoryType = (typeof REPOSITORY_TYPES)[number];

/** Free settings that every kind of repository has: any JSON under a name. */
const settings = withDefault(z.record(z.string(), z.unknown()), {});

const nullableText = z
  .union([jacksonString(), z.null()])
  .optional()
  .transform((value) => value ?? null);

const webHook = z
  .object({
    webHookList: withDefault(
      z.array(
        z.object({
          url: jacksonString(),
          headers: z
            .record(z.string(), jacksonString())
            .nullish()
            .transform((value) => value ?? null),
        }),
      ),
      [],
    ),
  })
  .nullish()
  .transform((value) => value ?? { webHookList: [] });

const channel = z.object({
  public: withDefault(jacksonBoolean(), false),
  channelId: nullableText,
  name: nullableText,
  url: nullableText,
  credentialKey: nullableText,
  username: nullableText,
  password: nullableText,
});

export type ProxyChannel = z.output<typeof channel>;

const local = z
  .object({ webHook, settings })
  .transform(({ webHook, settings }) => ({ type: 'rpm-local' as const, webHook, settings }));

const composite = z
  .object({
    proxy: z
      .object({ channelList: withDefault(z.array(channel), []) })
      .nullish()
      .transform((value) => value ?? { channelList: [] }),
    settings,
    webHook,
  })
  .transform(({ proxy, settings, webHook }) => ({ type: 'composite' as const, proxy, settings, webHook }));

const proxyServer = z.object({
  host: jacksonString(),
  port: jacksonInteger(),
  username: nullableText,
  password: nullableText,
});

const DEFAULT_TIMEOUT_MS = 10_000;

const remote = z
  .object({
    url: withDefault(jacksonString(), ''),
    credentials: z
      .object({ username: nullableText, password: nullableText })
      .nullish()
      .transform((value) => value ?? { username: null, password: null }),
    network: z
      .object({
        proxy: proxyServer.nullish().transform((value) => value ?? null),
        connectTimeout: withDefault(jacksonInteger(), DEFAULT_TIMEOUT_MS),
        readTimeout: withDefault(jacksonInteger(), DEFAULT_TIMEOUT_MS),
      })
      .nullish()
      .transform(
        (value) =>
          value ?? { proxy: null, connectTimeout: DEFAULT_TIMEOUT_MS, readTimeout: DEFAULT_TIMEOUT_MS },
      ),
    cache: z
      .object({
        enabled: withDefault(jacksonBoolean(), true),
        expiration: withDefault(jacksonInteger(), -1),
      })
      .nullish()
      .transform((value) => value ?? { enabled: true, expiration: -1 }),
    settings,
  })
  .transform(({ url, credentials, network, cache, settings }) => ({
    type: 'remote' as const,
    url,
    credentials,
    network,
    cache,
    settings,
  }));

const virtual = z
  .object({
    repositoryList: withDefault(z.array(z.object({ projectId: jacksonString(), name: jacksonString() })), []),
    settings,
  })
  .transform(({ repositoryList, settings }) => ({ type: 'virtual' as const, repositoryList, settings }));

/**
 * A repository's configuration: one of four kinds, told apart by `type`. What names none of `composite`, `remote`
 * and `virtual` (`local`, `rpm-local`, nothing, anything unknown) is a local one, which is written as `rpm-local`,
 * as bk-repo of January 2021 does. The fields come out in the order in which bk-repo writes them, with its defaults.
 */
export const repositoryConfiguration = z
  .looseObject({ type: z.unknown().optional() })
  .transform((value, context): RepositoryConfiguration => {
    const kind = KINDS.get(value.type) ?? local;
    const result = kind.safeParse(value);
    if (!result.success) {
      context.addIssue({ code: 'custom', message: 'not a configuration of its type' });
      return z.NEVER;
    }
    return result.data;
  });

export type RepositoryConfiguration =
  | z.output<typeof local>
  | z.output<typeof composite>
  | z.output<typeof remote>
  | z.output<typeof virtual>;

export type CompositeConfiguration = z.output<typeof composite>;

const KINDS: ReadonlyMap<unknown, z.ZodType<RepositoryConfiguration>> = new Map<
  unknown,
  z.ZodType<RepositoryConfiguration>
>([
  ['composite', composite],
  ['remote', remote],
  ['virtual', virtual],
]);

const KIND_OF_CATEGORY = {
  LOCAL: local,
  REMOTE: remote,
  VIRTUAL: virtual,
  COMPOSITE: composite,
} as const satisfies Record<RepositoryCategory, z.ZodType<RepositoryConfiguration>>;

/** The configuration of a repository that is created without one. */
export function defaultConfiguration(category: RepositoryCategory): RepositoryConfiguration {
  return KIND_OF_CATEGORY[category].parse({});
}
