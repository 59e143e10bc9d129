import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONFLICT_STRATEGIES } from '../../../functions/shared/task/sync-policy.ts';
import { type Bench, type Contract, type Met, openBench, POLICY_VERSION, sideOf } from './bench.ts';
import { BASE_ROWS, ROWS, type Row, tree } from './rows.ts';

type Strategy = (typeof CONFLICT_STRATEGIES)[number];

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(async () => {
  await bench.close();
});

const cellsOf = (rows: readonly Row[]) =>
  rows.flatMap((row) => CONFLICT_STRATEGIES.map((policy) => ({ ...row, policy, row })));

const APPLIED = { applied: 1, superseded: 0, filtered: 0, conflicted: 0, failed: 0 };
const CONFLICTED = { ...APPLIED, applied: 0, conflicted: 1 };
const PENDING = { ...APPLIED, applied: 0 };

/** What a row's event does under a policy. */
function expectedOf(row: Row, policy: Strategy): Omit<Met, 'eventId' | 'journal'> {
  const { applied, conflict, target } = row;
  const done = { status: 'REPLICATING', returned: 0 } as const;
  if (conflict === undefined || policy === 'OVERWRITE') {
    return { ...done, target: tree(applied), counted: APPLIED };
  }
  return policy === 'SKIP'
    ? { ...done, target: tree(conflict.kept), counted: CONFLICTED }
    : { target: tree(target), counted: PENDING, status: 'FAILED', returned: 1 };
}

/** What stands in the journal of it. A remote of the base contract does not say what it has, so nothing is known to be replaced. */
function journalOf(
  { applied, conflict, target }: Row,
  policy: Strategy,
  contract: Contract,
  eventId: string,
): Met['journal'] {
  if (conflict === undefined || (contract === 'base' && policy === 'OVERWRITE')) {
    return [];
  }
  return [
    {
      fullPath: `/${conflict.path}`,
      policy,
      policyVersion: POLICY_VERSION,
      incoming: sideOf(applied, conflict.path),
      present: contract === 'base' ? {} : sideOf(target, conflict.path),
      eventId,
    },
  ];
}

async function hold(row: Row, policy: Strategy, contract: Contract): Promise<void> {
  const { eventId, journal, ...met } = await bench.meet(row, policy, contract);
  expect(met).toEqual(expectedOf(row, policy));
  expect(journal).toEqual(journalOf(row, policy, contract, eventId));
}

describe('an event, and what is in its way at a target that tells digests', () => {
  it.each(cellsOf(ROWS))('$policy: $operation, $state', ({ row, policy }) => hold(row, policy, 'extended'));
});

describe('an event, and what is in its way at a target of the base contract', () => {
  it.each(cellsOf(BASE_ROWS))('$policy: $operation, $state', ({ row, policy }) => hold(row, policy, 'base'));
});
