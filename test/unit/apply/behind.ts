import { applyBatch } from '../../../functions/shared/apply/apply-batch.ts';
import { circuit } from '../../../functions/shared/apply/circuit.ts';
import type { SourceCatalog, SourceNode } from '../../../functions/shared/apply/source-catalog.ts';
import type { BatchEntry, Container } from '../../../functions/shared/lane/message.ts';
import type { Change } from '../../../functions/shared/operate-log/event.ts';
import { type RoutedEntry, routeEvent } from '../../../functions/shared/route/route.ts';
import { CODES, Model, type ModelNode, normalize, type Operation } from '../../oracle/model.ts';
import { contentOf, type Draft, type Repositories, resolve } from '../../oracle/operations.ts';
import { namesOf } from '../../oracle/requests.ts';
import { storedTask } from '../../support/tasks.ts';
import { sha256Of, World } from './world.ts';

/** Repositories of a sequence, in one project and another. */
export const REPOSITORIES: Repositories = {
  local: 'alpha/local',
  composite: 'beta/composite',
  virtual: 'alpha/virtual',
  missing: 'alpha/missing',
};
const CATEGORIES = [
  [REPOSITORIES.local, 'LOCAL'],
  [REPOSITORIES.composite, 'COMPOSITE'],
  [REPOSITORIES.virtual, 'VIRTUAL'],
] as const;

const START = Date.parse('2026-11-22T00:00:00Z');
/** Operations in one message. */
const LENGTH = 4;

export interface Played {
  readonly operations: readonly Operation[];
  readonly source: Readonly<Record<string, unknown>>;
  readonly target: Readonly<Record<string, unknown>>;
  readonly failures: readonly unknown[];
  readonly calls: readonly string[];
}

/** What a sequence of drafts becomes at a source. */
export function operationsOf(drafts: readonly Draft[]): (model: Model) => Iterable<Operation> {
  return function* (model) {
    for (const draft of drafts) {
      const operation = resolve(draft, REPOSITORIES, model);
      if (operation !== undefined && !isTornApart(operation, model)) {
        yield operation;
      }
    }
  };
}

/**
 * A move to another repository that leaves something: what lies under a file, and folders that met one there. All of it
 * is deleted at the target, which can neither list nor tell files from folders; what the source has moved on by then is
 * lost there.
 */
function isTornApart(operation: Operation, model: Model): boolean {
  if (operation.kind !== 'move' || operation.repository === operation.toRepository) {
    return false;
  }
  const { live } = model.tree(operation.repository);
  const path = validPath(operation.path) ?? '';
  const to = validPath(operation.toPath) ?? '';
  return live.get(path)?.folder === false
    ? [...live.keys()].some((other) => other.startsWith(`${path}/`))
    : model.tree(operation.toRepository).live.has(normalize(`${to}/${path.slice(path.lastIndexOf('/'))}`));
}

function validPath(path: string): string | undefined {
  try {
    return normalize(path);
  } catch {
    return undefined;
  }
}

/**
 * Play operations at a source, and its log at a target when all of them are done.
 *
 * @param options.apart milliseconds between two operations; `late` by how much the worker is behind the last one.
 */
export async function playBehind(options: {
  readonly operations: (model: Model) => Iterable<Operation>;
  readonly apart: number;
  readonly late?: number;
  readonly era?: boolean;
}): Promise<Played> {
  const { operations, apart, late = 60_000, era = false } = options;
  const source = new Model();
  const world = new World();
  world.era = era;
  for (const [name, category] of CATEGORIES) {
    source.addRepository(name, category);
    world.model.addRepository(name, category);
    world.projects.set(namesOf(name).projectId, { displayName: 'name', createdBy: 'ada' });
    world.repositories.set(name, { type: 'GENERIC', category, public: false, createdBy: 'ada' });
  }
  for (let content = 0; content <= 5; content += 1) {
    const bytes = contentOf(content).toString();
    world.contents.set(sha256Of(bytes), bytes);
  }
  let now = START;
  const done: Operation[] = [];
  const lanes = new Map<string, RoutedEntry[]>();
  for (const operation of operations(source)) {
    now += apart;
    world.now = new Date(now);
    const before = JSON.stringify(shownTrees(source));
    if (source.apply(operation, world.now) !== CODES.ok) {
      continue;
    }
    done.push(operation);
    if (before === JSON.stringify(shownTrees(source)) && !TOUCHES.has(operation.kind)) {
      continue;
    }
    const event = {
      ordinal: done.length,
      log: {
        document: { id: String(done.length), loggedAt: world.now.toISOString(), text: '' },
        change: changeOf(operation),
        origin: [],
      },
    };
    for (const routed of routeEvent({ taskKey: storedTask().key, policyVersion: 1 }, event)) {
      const lane = `${routed.source.projectId}/${routed.source.repoName}`;
      lanes.set(lane, [...(lanes.get(lane) ?? []), routed]);
    }
  }
  world.now = new Date(now + late);
  const dependencies = { ...world.dependencies, catalog: catalogOf(source, world) };
  for (const [lane, routed] of lanes) {
    await applyLane(lane, routed, dependencies);
  }
  return {
    operations: done,
    source: shownTrees(source),
    target: shownTrees(world.model),
    failures: [...world.failures.values()],
    calls: world.calls,
  };
}

async function applyLane(
  lane: string,
  routed: readonly RoutedEntry[],
  dependencies: World['dependencies'],
): Promise<void> {
  const container: Container = namesOf(lane);
  const entries: BatchEntry[] = routed.map(({ entry }, index) => ({ ...entry, ordinal: index + 1 }));
  for (let start = 0; start < entries.length; start += LENGTH) {
    await applyBatch({
      message: {
        version: 1,
        taskKey: storedTask().key,
        slotName: 'default',
        policyVersion: 1,
        source: container,
        remote: container,
        previousOrdinal: start,
        entries: entries.slice(start, start + LENGTH),
      },
      deliveries: 3,
      circuit: circuit(),
      signal: new AbortController().signal,
      dependencies,
    });
  }
}

/** Operations that are logged even if they change nothing. */
const TOUCHES: ReadonlySet<Operation['kind']> = new Set(['update', 'metadata-save', 'metadata-delete']);

function changeOf(operation: Operation): Change {
  const { kind, operator } = operation;
  const fullPath = normalize(operation.path);
  const node = { ...namesOf(operation.repository), fullPath, operator };
  switch (kind) {
    case 'create': {
      const { folder, overwrite, expires, size, sha256 = '', md5 = '', metadata } = operation;
      const created = { ...node, kind: 'NODE_CREATE' as const, overwrite, expires, size, metadata };
      return folder
        ? { ...created, folder, sha256: undefined, md5: undefined }
        : { ...created, folder, sha256, md5 };
    }
    case 'rename':
      return { ...node, kind: 'NODE_RENAME', newFullPath: normalize(operation.newPath) };
    case 'update':
      return { ...node, kind: 'NODE_UPDATE', expires: operation.expires };
    case 'delete':
      return { ...node, kind: 'NODE_DELETE' };
    case 'metadata-save':
      return { ...node, kind: 'METADATA_SAVE', metadata: { ...operation.metadata } };
    case 'metadata-delete':
      return { ...node, kind: 'METADATA_DELETE', keyList: [...operation.keys] };
    default:
      return {
        ...node,
        kind: kind === 'move' ? 'NODE_MOVE' : 'NODE_COPY',
        destination: namesOf(operation.toRepository),
        destFullPath: normalize(operation.toPath),
        overwrite: operation.overwrite,
      };
  }
}

function catalogOf(model: Model, world: World): SourceCatalog {
  const live = (projectId: string, repoName: string) => model.tree(`${projectId}/${repoName}`).live;
  return {
    ...world.catalog,
    node: async (projectId, repoName, fullPath) => {
      const node = live(projectId, repoName).get(fullPath);
      return node === undefined ? undefined : sourceNodeOf(fullPath, node);
    },
    nodesUnder: async (projectId, repoName, fullPath, { after = '', limit }) =>
      [...live(projectId, repoName)]
        .filter(([path]) => path !== '/' && path.startsWith(fullPath === '/' ? '/' : `${fullPath}/`))
        .filter(([path]) => path > after)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .slice(0, limit)
        .map(([path, node]) => sourceNodeOf(path, node)),
  };
}

export function sourceNodeOf(fullPath: string, node: ModelNode): SourceNode {
  const { createdBy, createdDate, lastModifiedDate, metadata, size, sha256, md5, expireDate } = node;
  const base = { fullPath, createdBy, createdDate, lastModifiedDate, metadata };
  return node.folder
    ? { ...base, folder: true }
    : {
        ...base,
        folder: false,
        size,
        sha256: sha256 ?? '',
        md5: md5 ?? '',
        expireDate: expireDate ?? undefined,
      };
}

/** What must be the same at both: the nodes, but for the dates and names of who changed them. */
function shownTrees(model: Model): Record<string, unknown> {
  return Object.fromEntries(
    Object.values(REPOSITORIES).map((name) => [
      name,
      Object.fromEntries(
        [...model.tree(name).live]
          .sort(([one], [other]) => (one < other ? -1 : 1))
          .map(([path, { folder, size, sha256, metadata, expireDate }]) => [
            path,
            folder ? { metadata } : { size, sha256, metadata, expires: expireDate !== null },
          ]),
      ),
    ]),
  );
}
