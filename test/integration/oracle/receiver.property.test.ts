import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readEndpoints } from '../../../bin/local/endpoints.ts';
import { Model } from '../../oracle/model.ts';
import { type Draft, MIN_OPERATIONS, PLAYED, sequence } from '../../oracle/operations.ts';
import {
  type Ask,
  codeOf,
  modelTrees,
  openProjects,
  openRepositories,
  play,
  type Step,
  storedTrees,
  transcript,
} from '../../oracle/play.ts';
import { requestOf } from '../../oracle/requests.ts';
import { basic, callApi } from '../../support/api-client.ts';
import { ADMIN, openProduct, type Product } from '../../support/product.ts';
import { connectStages } from '../../support/stages.ts';

/** A search for a smaller counterexample ends in time to report the one that it has. */
const LIMITS = { interruptAfterTimeLimit: 150_000, markInterruptAsFailure: true } as const;
const TIMEOUT_MS = 180_000;

/** Plays a sequence and compares the answers; the trees are left to the caller. */
async function playAndCompare(options: {
  readonly drafts: readonly Draft[];
  readonly name: string;
  readonly projects: readonly [string, string];
  readonly ask: Ask;
  readonly tick: () => Date;
}) {
  const { drafts, ask, tick, ...names } = options;
  const model = new Model();
  const repositories = await openRepositories({ ...names, ask, model });
  const act = (operation: Step['operation']) => ask(requestOf(operation));
  const steps = await play({ drafts, repositories, model, act, tick });
  expect(
    steps.map(({ actual }) => actual),
    transcript(steps),
  ).toEqual(steps.map(({ expected }) => expected));
  return { model, repositories, steps };
}

describe('the receiver in this process, beside the model', () => {
  const PROJECTS = ['alpha', 'beta'] as const;
  /** Apart, so that every operation has dates of its own; and close, so that a sign-in is remembered for long. */
  const TICK_MS = 5;

  let product: Product;
  let now = Date.parse('2026-11-22T01:00:00.000Z');

  const ask: Ask = async ({ path, body }) => {
    const answer = await product.call({
      method: 'POST',
      target: `/replication/replica/${path}`,
      headers: { ...basic(ADMIN.username, ADMIN.password), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return codeOf(answer.body);
  };
  const tick = () => {
    now += TICK_MS;
    vi.setSystemTime(now);
    return new Date(now);
  };

  beforeAll(async () => {
    product = await openProduct();
    vi.useFakeTimers({ toFake: ['Date'], now });
    await openProjects(ask, PROJECTS);
  });
  afterAll(async () => {
    vi.useRealTimers();
    await product.close();
  });

  it('does what the model does: answers, trees, digests, metadata, dates, tombstones', {
    timeout: TIMEOUT_MS,
  }, async () => {
    let run = 0;
    const played: Step[] = [];
    const property = fc.asyncProperty(sequence, async (drafts) => {
      run += 1;
      const outcome = await playAndCompare({ drafts, name: String(run), projects: PROJECTS, ask, tick });
      const { model, repositories, steps } = outcome;
      played.push(...steps);
      expect(await storedTrees(product.database, repositories), transcript(steps)).toEqual(
        modelTrees(model, repositories),
      );
    });
    await fc.assert(property, { ...PLAYED, ...LIMITS });
    process.stdout.write(`oracle: ${run} sequences in this process, ${account(played)}\n`);
    expect(played.length).toBeGreaterThanOrEqual(MIN_OPERATIONS);
  });
});

describe('the deployed receiver, beside the model', () => {
  const SEQUENCES = 20;

  it('does what the model does', { timeout: TIMEOUT_MS }, async () => {
    const { target } = (await readEndpoints()).stages;
    const stages = await connectStages();
    const suffix = Date.now().toString(36);
    const projects = [`one_${suffix}`, `two_${suffix}`] as const;
    const ask: Ask = async ({ path, body }) => {
      const answer = await callApi(target.apiUrl, {
        method: 'POST',
        path: `/replication/replica/${path}`,
        headers: basic(target.admin.username, target.admin.password),
        body,
      });
      return answer.code;
    };
    await openProjects(ask, projects);
    let run = 0;
    const played: Step[] = [];
    const property = fc.asyncProperty(sequence, async (drafts) => {
      run += 1;
      const tick = () => new Date();
      const outcome = await playAndCompare({ drafts, name: String(run), projects, ask, tick });
      const { model, repositories, steps } = outcome;
      played.push(...steps);
      expect(
        withoutDates(await storedTrees(stages.target.cluster.database, repositories)),
        transcript(steps),
      ).toEqual(withoutDates(modelTrees(model, repositories)));
    });
    try {
      await fc.assert(property, { ...PLAYED, numRuns: SEQUENCES, endOnFailure: true, ...LIMITS });
    } finally {
      await stages.close();
    }
    process.stdout.write(`oracle: ${run} sequences at the deployed API, ${account(played)}\n`);
  });
});

/** That a date is there is compared, not which one: the deployed receiver has a clock of its own. */
function withoutDates(trees: unknown): unknown {
  return JSON.parse(JSON.stringify(trees).replaceAll(/"20\d\d-\d\d-\d\dT[\d:.]+Z"/g, '"<date>"'));
}

/** How many operations were played, and how many of each kind were done and not refused. */
function account(steps: readonly Step[]): string {
  const done = Map.groupBy(
    steps.filter(({ actual }) => actual === 0),
    ({ operation }) => operation.kind,
  );
  const kinds = [...done].map(([kind, all]) => `${all.length} ${kind}`).sort();
  return `${steps.length} operations; done: ${kinds.join(', ')}`;
}
