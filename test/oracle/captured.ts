import { BSON } from 'mongodb';
import { z } from 'zod';
import { type GoldenExchange, goldenExchanges, goldenLines, goldenText } from '../support/golden.ts';
import type { Operation } from './model.ts';

/** An operation that was done to a real bk-repo, and the envelope's code with which it answered. */
export interface CapturedOperation {
  readonly name: string;
  readonly operation: Operation;
  readonly code: number;
}

const requestSchema = z.object({
  projectId: z.string().default(''),
  repoName: z.string().default(''),
  fullPath: z.string().default('/'),
  folder: z.coerce.boolean().default(false),
  overwrite: z.boolean().default(false),
  expires: z.coerce.number().default(0),
  size: z.coerce.number().nullish(),
  sha256: z.string().nullish(),
  md5: z.string().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  keyList: z.array(z.string()).default([]),
  operator: z.string().default('system'),
  createdBy: z.string().nullish(),
  newFullPath: z.string().default('/'),
  srcProjectId: z.string().default(''),
  srcRepoName: z.string().default(''),
  srcFullPath: z.string().default('/'),
  destProjectId: z.string().nullish(),
  destRepoName: z.string().nullish(),
  destFullPath: z.string().default('/'),
});
type RequestKind = 'create' | 'rename' | 'update' | 'move' | 'copy' | 'delete' | 'save' | 'metadata-delete';

/** A request of the contract, with its defaults, as the model knows operations. */
function operationOf(kind: RequestKind, given: unknown): Operation {
  const request = requestSchema.parse(given);
  const { operator, overwrite, expires } = request;
  const node = {
    repository: `${request.projectId}/${request.repoName}`,
    path: request.fullPath,
    operator,
  };
  switch (kind) {
    case 'create':
      return {
        ...node,
        kind,
        overwrite,
        expires,
        folder: request.folder,
        size: request.size ?? 0,
        sha256: request.sha256 ?? undefined,
        md5: request.md5 ?? undefined,
        metadata: request.metadata ?? {},
        createdBy: request.createdBy ?? undefined,
      };
    case 'rename':
      return { ...node, kind, newPath: request.newFullPath };
    case 'update':
      return { ...node, kind, expires };
    case 'delete':
      return { ...node, kind };
    case 'save':
      return { ...node, kind: 'metadata-save', metadata: request.metadata ?? {} };
    case 'metadata-delete':
      return { ...node, kind, keys: request.keyList };
    default: {
      const { srcProjectId, srcRepoName, destProjectId, destRepoName } = request;
      return {
        kind,
        overwrite,
        operator,
        repository: `${srcProjectId}/${srcRepoName}`,
        path: request.srcFullPath,
        toRepository: `${destProjectId ?? srcProjectId}/${destRepoName ?? srcRepoName}`,
        toPath: request.destFullPath,
      };
    }
  }
}

const ENDPOINTS: Readonly<Record<string, RequestKind>> = {
  'node/create': 'create',
  'node/rename': 'rename',
  'node/update': 'update',
  'node/move': 'move',
  'node/copy': 'copy',
  'node/delete': 'delete',
  'metadata/save': 'save',
  'metadata/delete': 'metadata-delete',
};

const answerSchema = z.object({ code: z.number(), data: z.unknown() });
const uploadedSchema = z.object({ nodeInfo: z.record(z.string(), z.unknown()) });

/**
 * The operation of an exchange with `/replica`; `undefined` for one that is not about nodes, or that was refused
 * for its form and not for what it asks.
 */
function operationOfExchange({ name, request, response }: GoldenExchange): CapturedOperation | undefined {
  const path = request.path.replace('/replication/replica/', '');
  const kind = ENDPOINTS[path];
  if (request.method !== 'POST' || response.body === '' || !/^[25]|400/.test(String(response.status))) {
    return undefined;
  }
  const { code, data } = answerSchema.parse(JSON.parse(response.body));
  if (code === 250104 || code === 250113) {
    return undefined;
  }
  if (kind !== undefined) {
    return { name, code, operation: operationOf(kind, JSON.parse(request.body ?? '')) };
  }
  if (path === 'repo/delete' && code === 0) {
    return { name, code, operation: emptiedRepository(JSON.parse(request.body ?? '')) };
  }
  const uploaded = uploadedSchema.safeParse(data);
  if (!path.startsWith('file/') || !uploaded.success) {
    return undefined;
  }
  const { nodeInfo } = uploaded.data;
  const file = { ...nodeInfo, overwrite: true, operator: nodeInfo['createdBy'] };
  return { name, code, operation: operationOf('create', file) };
}

const repositorySchema = z.object({ projectId: z.string(), name: z.string() });

/** A deleted repository's nodes are tombstoned; one of that name that is created again begins empty. */
function emptiedRepository(request: unknown): Operation {
  const { projectId, name } = repositorySchema.parse(request);
  return operationOf('delete', { projectId, repoName: name, operator: 'admin' });
}

/** What a real bk-repo said of a path, between the operations. */
export interface CapturedQuestion {
  readonly name: string;
  readonly repository: string;
  readonly path: string;
  readonly exists: boolean;
}

/** The exchanges about nodes, in their order. */
export function capturedExchanges(): (CapturedOperation | CapturedQuestion)[] {
  return goldenExchanges().flatMap((exchange): (CapturedOperation | CapturedQuestion)[] => {
    const operation = operationOfExchange(exchange);
    if (operation !== undefined) {
      return [operation];
    }
    const url = new URL(exchange.request.path, 'http://captured.test');
    const fullPath = url.searchParams.get('fullPath');
    if (!url.pathname.endsWith('/node/exist') || fullPath === null || exchange.response.status !== 200) {
      return [];
    }
    const { data } = answerSchema.parse(JSON.parse(exchange.response.body));
    const repository = `${url.searchParams.get('projectId')}/${url.searchParams.get('repoName')}`;
    return [{ name: exchange.name, repository, path: fullPath, exists: data === true }];
  });
}

const LOGGED: Readonly<Record<string, RequestKind>> = {
  CREATE: 'create',
  RENAME: 'rename',
  UPDATE: 'update',
  MOVE: 'move',
  COPY: 'copy',
};

const logSchema = z.object({
  resourceType: z.string(),
  operateType: z.string(),
  description: z.object({ request: z.unknown() }),
});

const SECTION = /^## (?<number>\d+)\. (?<title>[^\n]*)\n\n`(?<method>[A-Z]+) (?<path>[^\n]*)`\n(?<rest>.*)$/s;
const OUTCOME = /-> HTTP \d+, code (?<code>\d+), .*; docs: (?<docs>none|\[\d+\])/s;

/**
 * What was done over the user API, read from the captured log where it was logged and from the address and the body
 * where it was not. Operations on projects, and those that another interface than the nodes' refused, are left out.
 */
export function capturedUserOperations(): CapturedOperation[] {
  const log = goldenLines('operate_log.jsonl').map((line) =>
    logSchema.parse(BSON.EJSON.deserialize(Object(line))),
  );
  return goldenText('operations.md')
    .split(/\n(?=## \d+\. )/)
    .flatMap((text) => {
      const section = SECTION.exec(text)?.groups;
      const outcome = OUTCOME.exec(section?.['rest'] ?? '')?.groups;
      if (section === undefined || outcome === undefined) {
        return [];
      }
      const name = `${section['number']} ${section['title']}`;
      const line = Number(/\d+/.exec(outcome['docs'] ?? '')?.[0]);
      const operation = Number.isNaN(line)
        ? unloggedOperation(section['method'] ?? '', section['path'] ?? '', section['rest'] ?? '')
        : loggedOperation(log[line - 1]);
      const code = Number(outcome['code']);
      return operation === undefined || code === 250104 ? [] : [{ name, operation, code }];
    });
}

function loggedOperation(entry: z.output<typeof logSchema> | undefined): Operation | undefined {
  const kind = LOGGED[entry?.operateType ?? ''];
  const request = entry?.description.request;
  if (entry?.resourceType === 'NODE' && kind !== undefined) {
    return operationOf(kind, JSON.parse(String(request)));
  }
  if (entry?.resourceType === 'METADATA') {
    return operationOf(Object.hasOwn(Object(request), 'keyList') ? 'metadata-delete' : 'save', request);
  }
  if (entry?.resourceType === 'REPOSITORY' && entry.operateType === 'DELETE') {
    return emptiedRepository(request);
  }
  return undefined;
}

const UNLOGGED: readonly (readonly [method: string, address: RegExp, kind: RequestKind])[] = [
  ['POST', /^\/repository\/api\/node\/mkdir\/(.*)$/, 'create'],
  ['POST', /^\/repository\/api\/node\/update\/(.*)$/, 'update'],
  ['POST', /^\/repository\/api\/node\/rename$/, 'rename'],
  ['POST', /^\/repository\/api\/node\/move$/, 'move'],
  ['POST', /^\/repository\/api\/node\/copy$/, 'copy'],
  ['POST', /^\/repository\/api\/metadata\/(.*)$/, 'save'],
  ['DELETE', /^\/repository\/api\/node\/delete\/(.*)$/, 'delete'],
  ['DELETE', /^\/generic\/(ops\/generic-local\/names\/.*)$/, 'delete'],
];

function unloggedOperation(method: string, path: string, text: string): Operation | undefined {
  const rule = UNLOGGED.find(([verb, address]) => verb === method && address.test(path));
  if (rule === undefined) {
    return undefined;
  }
  const [, address, kind] = rule;
  const [projectId = '', repoName = '', ...segments] = decodeURIComponent(
    address.exec(path)?.[1] ?? '',
  ).split('/');
  const body = /^body: `(?<body>.*)`$/m.exec(text)?.groups?.['body'];
  const node = { projectId, repoName, fullPath: `/${segments.join('/')}`, folder: kind === 'create' };
  return operationOf(kind, { ...node, operator: 'admin', ...JSON.parse(body ?? '{}') });
}

const timeSchema = z.object({ fullPath: z.string(), deleted: z.date().nullish() });
const storedSchema = timeSchema.extend({
  projectId: z.string(),
  repoName: z.string(),
  folder: z.boolean(),
  size: z.number(),
  sha256: z.string().nullish(),
  md5: z.string().nullish(),
  metadata: z.array(z.object({ key: z.string(), value: z.unknown() })).nullish(),
  expireDate: z.date().nullish(),
  createdBy: z.string(),
  createdDate: z.date(),
  lastModifiedBy: z.string(),
  lastModifiedDate: z.date(),
});
export type CapturedNode = z.output<typeof storedSchema>;

/** The nodes in the database after those operations, tombstones too. */
export function capturedNodes(): CapturedNode[] {
  const lineSchema = z.object({ collection: z.string(), doc: z.unknown().optional() });
  return goldenLines('collections.jsonl')
    .map((line) => lineSchema.parse(line))
    .filter(({ collection, doc }) => /^node_\d+$/.test(collection) && doc !== undefined)
    .map(({ doc }) => storedSchema.parse(BSON.EJSON.deserialize(Object(doc))));
}
