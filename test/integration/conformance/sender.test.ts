import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { basic } from '../../support/api-client.ts';
import {
  Comparison,
  type Differences,
  differencesOnPurpose,
  statedFigures,
} from '../../support/conformance.ts';
import { goldenSenderRequests, goldenUsers, hasGolden } from '../../support/golden.ts';
import { ADMIN, openProduct, type Product } from '../../support/product.ts';

const GENERIC = { type: 'GENERIC', category: 'LOCAL' } as const;

/**
 * What the captured receiver had or was done to it beside these requests: repositories that were made there by hand, and a
 * file that was deleted there so that a request would miss it.
 */
const BESIDE: readonly { readonly before: number; readonly path: string; readonly body: unknown }[] = [
  ...[
    { projectId: 'fsrc', name: 'ink' },
    { projectId: 'fsrc', name: 'ink2' },
  ].map((repository) => ({ before: 74, path: 'repo/create', body: { ...repository, ...GENERIC } })),
  { before: 74, path: 'project/create', body: { name: 'rproj', displayName: 'rproj' } },
  { before: 74, path: 'repo/create', body: { projectId: 'rproj', name: 'rrepo', ...GENERIC } },
  {
    before: 110,
    path: 'node/delete',
    body: { projectId: 'fsrc', repoName: 'ink', fullPath: '/dm.txt', operator: 'admin' },
  },
];

describe.skipIf(!hasGolden)('the captured requests of a real sender', () => {
  let product: Product;

  beforeAll(async () => {
    product = await openProduct();
    await product.database.collection('user').insertMany(goldenUsers());
  });
  afterAll(() => product.close());

  it('are accepted where a real receiver accepted them, but for what the documentation names', async () => {
    const comparison = new Comparison();
    const found = new Map<string, Differences>();
    let accepted = 0;
    const requests = goldenSenderRequests();
    const doBeside = async (n: number) => {
      for (const { path, body } of BESIDE.filter(({ before }) => before === n)) {
        const { status } = await product.call({
          method: 'POST',
          target: `/replication/replica/${path}`,
          headers: { ...basic(ADMIN.username, ADMIN.password), 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
        expect(status).toBe(200);
      }
    };
    for (const { n, method, path, headers, body, response } of requests) {
      await doBeside(n);
      const answer = await product.call({
        method,
        target: path,
        headers,
        ...(body === '' ? {} : { body }),
      });
      accepted += answer.status === 200 ? 1 : 0;
      const differences = comparison.differences(response, answer);
      if (differences.length > 0) {
        found.set(String(n), differences);
      }
    }
    expect(requests).toHaveLength(206);
    expect(Object.fromEntries(found)).toEqual(
      Object.fromEntries(differencesOnPurpose('Requests of a sender')),
    );
    expect(statedFigures()[1]).toEqual({ compared: requests.length, different: found.size });
    process.stdout.write(
      `conformance: ${requests.length} requests of a sender: ${accepted} accepted, ` +
        `${requests.length - found.size} answered as by a real receiver, ${found.size} otherwise on purpose\n`,
    );
  });
});
