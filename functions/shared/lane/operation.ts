import { z } from 'zod';

/** Metadata as bk-repo keeps it: any JSON value under a key. */
export const metadataSchema = z.record(z.string(), z.unknown());

const operator = z.string();
const fullPath = z.string();

/**
 * What is to be done in a lane. Project and repository are the lane's, so no operation names them: a move or copy
 * between repositories is split before it gets here. Paths are normalised.
 */
export const operationSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('PROJECT_CREATE'),
    displayName: z.string(),
    description: z.string().optional(),
    operator,
  }),
  z.object({
    kind: z.literal('REPOSITORY_CREATE'),
    type: z.string(),
    category: z.string(),
    public: z.boolean(),
    description: z.string().optional(),
    configuration: z.record(z.string(), z.unknown()).optional(),
    operator,
  }),
  z.object({
    kind: z.literal('REPOSITORY_UPDATE'),
    public: z.boolean().optional(),
    description: z.string().optional(),
    configuration: z.record(z.string(), z.unknown()).optional(),
    operator,
  }),
  z.object({ kind: z.literal('REPOSITORY_DELETE'), forced: z.boolean(), operator }),
  z.object({
    kind: z.literal('FOLDER_CREATE'),
    fullPath,
    operator,
    metadata: metadataSchema,
  }),
  z.object({
    kind: z.literal('FILE_CREATE'),
    fullPath,
    operator,
    overwrite: z.boolean(),
    /** Days until the node expires; 0: never. */
    expires: z.number().int(),
    /** Bytes. */
    size: z.number().int(),
    sha256: z.string(),
    md5: z.string(),
    metadata: metadataSchema,
  }),
  z.object({ kind: z.literal('NODE_RENAME'), fullPath, newFullPath: z.string(), operator }),
  z.object({ kind: z.literal('NODE_EXPIRE'), fullPath, expires: z.number().int(), operator }),
  z.object({
    kind: z.literal('NODE_MOVE'),
    fullPath,
    destFullPath: z.string(),
    overwrite: z.boolean(),
    operator,
  }),
  z.object({
    kind: z.literal('NODE_COPY'),
    fullPath,
    destFullPath: z.string(),
    overwrite: z.boolean(),
    operator,
  }),
  z.object({ kind: z.literal('NODE_DELETE'), fullPath, operator }),
  /**
   * What arrived from another repository: make it what the source has now, with what lies under it. Onto a folder that
   * existed a node of this name (the last part of its old path) arrived inside it, else it is at the path itself.
   */
  z.object({ kind: z.literal('NODE_CONVERGE'), fullPath, name: z.string(), operator }),
  z.object({ kind: z.literal('METADATA_SAVE'), fullPath, metadata: metadataSchema, operator }),
  z.object({ kind: z.literal('METADATA_DELETE'), fullPath, keys: z.array(z.string()), operator }),
]);

export type Operation = z.infer<typeof operationSchema>;
