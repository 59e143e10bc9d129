import type { Db } from 'mongodb';
import { z } from 'zod';
import type { Category, Model, Operation } from './model.ts';
import { type Draft, type Repositories, resolve } from './operations.ts';
import { namesOf, type OracleRequest, shownTree } from './requests.ts';
import { storedTree } from './stored.ts';

/** Who is compared with the model: answers a request of the contract with the envelope's code. */
export type Ask = (request: OracleRequest) => Promise<number>;

export const PROJECTS = ['alpha', 'beta'] as const;

/** Makes the repositories of one sequence at both; they are its own, so that sequences do not meet. */
export async function openRepositories(options: {
  readonly name: string;
  readonly projects?: readonly [string, string];
  readonly ask: Ask;
  readonly model: Model;
}): Promise<Repositories> {
  const { name, projects: [first, second] = PROJECTS, ask, model } = options;
  const repositories = {
    local: `${first}/local_${name}`,
    composite: `${second}/composite_${name}`,
    virtual: `${first}/virtual_${name}`,
    missing: `${first}/missing_${name}`,
  };
  const categories: readonly (readonly [keyof Repositories, Category])[] = [
    ['local', 'LOCAL'],
    ['composite', 'COMPOSITE'],
    ['virtual', 'VIRTUAL'],
  ];
  for (const [key, category] of categories) {
    const { projectId, repoName } = namesOf(repositories[key]);
    await mustSucceed(ask, {
      path: 'repo/create',
      body: { projectId, name: repoName, type: 'GENERIC', category },
    });
    model.addRepository(repositories[key], category);
  }
  return repositories;
}

export async function openProjects(ask: Ask, projects: readonly string[] = PROJECTS): Promise<void> {
  for (const name of projects) {
    await mustSucceed(ask, { path: 'project/create', body: { name, displayName: name } });
  }
}

async function mustSucceed(ask: Ask, request: OracleRequest): Promise<void> {
  const code = await ask(request);
  if (code !== 0) {
    throw new Error(`${request.path} is answered with ${code}`);
  }
}

export interface Step {
  readonly operation: Operation;
  readonly expected: number;
  readonly actual: number;
}

/** Plays drafts at both, each at a time of its own. */
export async function play(options: {
  readonly drafts: readonly Draft[];
  readonly repositories: Repositories;
  readonly model: Model;
  readonly act: (operation: Operation) => Promise<number>;
  readonly tick: () => Date;
}): Promise<Step[]> {
  const { drafts, repositories, model, act, tick } = options;
  const steps: Step[] = [];
  for (const draft of drafts) {
    const operation = resolve(draft, repositories, model);
    if (operation !== undefined) {
      const now = tick();
      const expected = model.apply(operation, now);
      steps.push({ operation, expected, actual: await act(operation) });
    }
  }
  return steps;
}

/** The trees of all of a sequence's repositories, as the model has them. */
export function modelTrees(model: Model, repositories: Repositories): Record<string, unknown> {
  return Object.fromEntries(Object.values(repositories).map((name) => [name, shownTree(model.tree(name))]));
}

/** The same as a database has them. */
export async function storedTrees(
  database: Db,
  repositories: Repositories,
): Promise<Record<string, unknown>> {
  const trees: [string, unknown][] = [];
  for (const name of Object.values(repositories)) {
    trees.push([name, shownTree(await storedTree(database, name))]);
  }
  return Object.fromEntries(trees);
}

const envelopeSchema = z.object({ code: z.number() });

/** The code in an answer's envelope. */
export function codeOf(body: string): number {
  return envelopeSchema.parse(JSON.parse(body)).code;
}

/** What was played, one line for each step: a failing sequence can be written down as a test from it. */
export function transcript(steps: readonly Step[]): string {
  return steps
    .map(({ operation, expected, actual }) => {
      const outcome = expected === actual ? String(actual) : `${actual}, not ${expected}`;
      return `${JSON.stringify(operation)} -> ${outcome}`;
    })
    .join('\n');
}
