import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  defaultConfiguration,
  REPOSITORY_CATEGORIES,
  repositoryConfiguration,
} from '../../../functions/shared/repository/configuration.ts';
import { prettyJson } from '../../../functions/shared/repository/pretty-json.ts';
import contract from '../../contract/repository-configurations.json' with { type: 'json' };
import { goldenLines, hasGolden } from '../../support/golden.ts';

describe('a repository’s configuration', () => {
  it.for(contract.cases)('is stored as the contract says: $given', ({ given, stored }) => {
    const configuration = repositoryConfiguration.parse(given);
    expect(prettyJson(configuration)).toBe(stored.join('\n'));
    expect(repositoryConfiguration.parse(JSON.parse(stored.join('\n')))).toEqual(configuration);
  });

  it.for([
    [{ type: 'composite', proxy: { channelList: [{ public: 'perhaps' }] } }],
    [{ type: 'remote', cache: { expiration: 'soon' } }],
    [{ type: 'virtual', repositoryList: [{ projectId: 'harbour' }] }],
    [{ type: 'local', webHook: { webHookList: [{}] } }],
    [{ type: 'local', settings: [] }],
    ['local'],
    [null],
  ])('is refused when it does not fit its type: %j', ([given]) => {
    expect(repositoryConfiguration.safeParse(given).success).toBe(false);
  });

  it.for(REPOSITORY_CATEGORIES)('has a default for %s that reads back as itself', (category) => {
    const configuration = defaultConfiguration(category);
    expect(repositoryConfiguration.parse(JSON.parse(prettyJson(configuration)))).toEqual(configuration);
    expect(configuration.type).toBe({ LOCAL: 'rpm-local' }[category as string] ?? category.toLowerCase());
  });
});

describe('prettyJson', () => {
  it('is the same JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(prettyJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

const repositorySchema = z.object({
  collection: z.literal('repository'),
  doc: z.object({ name: z.string(), configuration: z.string() }),
});

describe.skipIf(!hasGolden)('the captured configurations', () => {
  const stored = hasGolden
    ? goldenLines('collections.jsonl').flatMap((line) => {
        const result = repositorySchema.safeParse(line);
        return result.success ? [result.data.doc] : [];
      })
    : [];

  it('are several', () => {
    expect(stored.length).toBeGreaterThan(4);
  });

  it.for(stored)('of $name are written again byte for byte', ({ configuration }) => {
    expect(prettyJson(repositoryConfiguration.parse(JSON.parse(configuration)))).toBe(configuration);
  });
});
