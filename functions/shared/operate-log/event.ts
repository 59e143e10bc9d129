import { BSON, ObjectId } from 'mongodb';
import { z } from 'zod';
import type { Container } from '../lane/message.ts';
import { normalizeFullPath } from '../node/path.ts';
import { originChain } from '../remote/origin.ts';

const { EJSON } = BSON;

/**
 * What bk-repo writes to `operate_log`, read into typed events.
 *
 * Shapes: bk-repo of January 2021. A node's request is pretty-printed JSON text with its nulls kept; every other
 * request is an embedded document. Paths are logged as they were sent, so they are normalised here; `resourceKey`
 * is built from unnormalised parts and is never parsed.
 */

/** A log document as it is archived: canonical MongoDB extended JSON, nothing lost of its types. */
export interface LogDocument {
  /** The document's `_id`: hex digits of an ObjectId, else its canonical extended JSON. */
  readonly id: string;
  /** `createdDate` as ISO 8601 UTC, the epoch's when it is missing: only for windows and lag, never for order. */
  readonly loggedAt: string;
  readonly text: string;
}

const nullable = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => value ?? undefined);
const withDefault = <Schema extends z.ZodType, Value>(schema: Schema, value: Value) =>
  schema.nullish().transform((given) => given ?? value);

const metadata = withDefault(z.record(z.string(), z.unknown()), {} as Record<string, unknown>);
const configuration = nullable(z.record(z.string(), z.unknown()));
const fullPath = z.string().transform((path, context) => {
  try {
    return normalizeFullPath(path);
  } catch {
    context.addIssue({ code: 'custom', message: 'is no valid node path' });
    return z.NEVER;
  }
});
const operator = withDefault(z.string(), 'system');
/** Names become part of keys: bk-repo's own are at most 32 plain characters, and no foreign one may break a key. */
const containerName = z.string().regex(/^[^/]{1,128}$/, 'is no name');
const container = { projectId: containerName, repoName: containerName };

const projectCreate = z.object({
  name: containerName,
  displayName: z.string(),
  description: nullable(z.string()),
  operator,
});

const repositoryCreate = z.object({
  projectId: containerName,
  name: containerName,
  type: z.string(),
  category: withDefault(z.string(), 'COMPOSITE'),
  public: withDefault(z.boolean(), false),
  description: nullable(z.string()),
  configuration,
  operator,
});

const repositoryUpdate = z.object({
  projectId: containerName,
  name: containerName,
  public: nullable(z.boolean()),
  description: nullable(z.string()),
  configuration,
  operator,
});

const repositoryDelete = z.object({
  projectId: containerName,
  name: containerName,
  forced: withDefault(z.boolean(), false),
  operator,
});

const nodeCreate = z
  .object({
    ...container,
    fullPath,
    folder: withDefault(z.boolean(), false),
    expires: withDefault(z.number().int(), 0),
    overwrite: withDefault(z.boolean(), false),
    size: withDefault(z.number().int(), 0),
    sha256: nullable(z.string()),
    md5: nullable(z.string()),
    metadata,
    operator,
  })
  .transform((request, context) => {
    if (request.folder) {
      return { ...request, folder: true as const };
    }
    if (request.sha256 === undefined || request.md5 === undefined) {
      context.addIssue({ code: 'custom', message: 'a file without sha256 or md5' });
      return z.NEVER;
    }
    return { ...request, folder: false as const, sha256: request.sha256, md5: request.md5 };
  });

const nodeRename = z.object({ ...container, fullPath, newFullPath: fullPath, operator });
const nodeUpdate = z.object({ ...container, fullPath, expires: withDefault(z.number().int(), 0), operator });
const nodeDelete = z.object({ ...container, fullPath, operator });
const nodeTransfer = z
  .object({
    srcProjectId: containerName,
    srcRepoName: containerName,
    srcFullPath: fullPath,
    destProjectId: nullable(containerName),
    destRepoName: nullable(containerName),
    destFullPath: fullPath,
    overwrite: withDefault(z.boolean(), false),
    operator,
  })
  .transform((request) => ({
    projectId: request.srcProjectId,
    repoName: request.srcRepoName,
    fullPath: request.srcFullPath,
    destination: {
      projectId: request.destProjectId ?? request.srcProjectId,
      repoName: request.destRepoName ?? request.srcRepoName,
    } satisfies Container,
    destFullPath: request.destFullPath,
    overwrite: request.overwrite,
    operator: request.operator,
  }));

const metadataSave = z.object({
  ...container,
  fullPath,
  metadata: z.record(z.string(), z.unknown()),
  operator,
});
const metadataDelete = z.object({ ...container, fullPath, keyList: z.array(z.string()), operator });

/** A node's request is JSON text inside the document. */
const jsonText = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'is no JSON text' });
    return z.NEVER;
  }
});

/** An embedded document; text where a logferry has logged a key that MongoDB would refuse in one. */
const embedded = <Schema extends z.ZodType>(request: Schema) =>
  z.object({ request: z.union([jsonText.pipe(request), request]) });
const textual = <Schema extends z.ZodType>(request: Schema) => z.object({ request: jsonText.pipe(request) });

/** One row for every kind of entry: what it is called here, and the shape of its `description`. */
const changes = {
  'PROJECT CREATE': embedded(projectCreate).transform((at) => ({
    kind: 'PROJECT_CREATE' as const,
    ...at.request,
  })),
  'REPOSITORY CREATE': embedded(repositoryCreate).transform((at) => ({
    kind: 'REPOSITORY_CREATE' as const,
    ...at.request,
  })),
  'REPOSITORY UPDATE': embedded(repositoryUpdate).transform((at) => ({
    kind: 'REPOSITORY_UPDATE' as const,
    ...at.request,
  })),
  'REPOSITORY DELETE': embedded(repositoryDelete).transform((at) => ({
    kind: 'REPOSITORY_DELETE' as const,
    ...at.request,
  })),
  'NODE CREATE': textual(nodeCreate).transform((at) => ({ kind: 'NODE_CREATE' as const, ...at.request })),
  'NODE RENAME': textual(nodeRename).transform((at) => ({ kind: 'NODE_RENAME' as const, ...at.request })),
  'NODE UPDATE': textual(nodeUpdate).transform((at) => ({ kind: 'NODE_UPDATE' as const, ...at.request })),
  'NODE MOVE': textual(nodeTransfer).transform((at) => ({ kind: 'NODE_MOVE' as const, ...at.request })),
  'NODE COPY': textual(nodeTransfer).transform((at) => ({ kind: 'NODE_COPY' as const, ...at.request })),
  'NODE DELETE': textual(nodeDelete).transform((at) => ({ kind: 'NODE_DELETE' as const, ...at.request })),
  // Save and delete share resource and operation: the field tells them apart.
  'METADATA UPDATE': z.union([
    embedded(metadataSave).transform((at) => ({ kind: 'METADATA_SAVE' as const, ...at.request })),
    embedded(metadataDelete).transform((at) => ({ kind: 'METADATA_DELETE' as const, ...at.request })),
  ]),
} as const;

/** A change at the source, by its source names. */
export type Change = z.output<(typeof changes)[keyof typeof changes]>;

const changeSchemas: ReadonlyMap<string, z.ZodType<Change>> = new Map<string, z.ZodType<Change>>(
  Object.entries(changes),
);

const documentSchema = z.object({
  resourceType: z.string(),
  operateType: z.string(),
  description: z.unknown(),
  /** Written by a logferry that received the change; whatever else is there is no origin. */
  origin: z.array(z.unknown()).catch([]).default([]).transform(originChain),
});

/** A log document that was understood, or the reason why it was not (never its content: it may hold secrets). */
export type LogEvent =
  | {
      readonly document: LogDocument;
      readonly change: Change;
      /** Ids of the clusters that the change came by, the first one first; empty for one made here. */
      readonly origin: readonly string[];
    }
  | { readonly document: LogDocument; readonly unreadable: string };

/** Turn a document of the collection, read without promotion of BSON types, into its archived form. */
export function archivedForm(document: Readonly<Record<string, unknown>>): LogDocument {
  const createdDate = document['createdDate'];
  return {
    id: identityOf(document['_id']),
    loggedAt: (createdDate instanceof Date ? createdDate : new Date(0)).toISOString(),
    text: EJSON.stringify(document, { relaxed: false }),
  };
}

/** Identity of an `_id` of any BSON type, by which positions are compared. */
export function identityOf(id: unknown): string {
  return id instanceof ObjectId ? id.toHexString() : EJSON.stringify(id, { relaxed: false });
}

/** Read one archived document. Never throws: what no schema matches is said to be unreadable. */
export function parseLogDocument(document: LogDocument): LogEvent {
  let content: unknown;
  try {
    content = EJSON.parse(document.text);
  } catch {
    return { document, unreadable: 'is no extended JSON' };
  }
  const head = documentSchema.safeParse(content);
  if (!head.success) {
    return { document, unreadable: faultsOf(head.error) };
  }
  const schema = changeSchemas.get(`${head.data.resourceType} ${head.data.operateType}`);
  if (schema === undefined) {
    return { document, unreadable: 'resourceType, operateType: no known kind of entry' };
  }
  const change = schema.safeParse(head.data.description);
  return change.success
    ? { document, change: change.data, origin: head.data.origin }
    : { document, unreadable: faultsOf(change.error) };
}

function faultsOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join('.') || 'document'}: ${issue.message}`)
    .join('; ');
}
