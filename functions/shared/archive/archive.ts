import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import {
  GetObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { z } from 'zod';
import { type Container, containerSchema } from '../lane/message.ts';
import { type Operation, operationSchema } from '../lane/operation.ts';
import { routeSchema } from '../route/route.ts';
import { paddedOrdinal } from '../table.ts';

/**
 * The archive: what was read from the log, one object for each read, beyond the ring buffer's life.
 *
 * It is the write-ahead log of the tail. Creating the object at a slot's next ordinal, under the condition that there
 * is none, commits the read: from then on these events have these ordinals, and whoever dispatches the object routes
 * it alike, because all that routing needs is in it.
 */
const position = z.object({ lastId: z.string().nullable(), lastLoggedAt: z.iso.datetime().nullable() });

const archiveObjectSchema = z.object({
  version: z.literal(1),
  slotName: z.string(),
  /** Ordinal of the first document; the others follow without a hole. */
  firstOrdinal: z.number().int().positive(),
  readDate: z.iso.datetime(),
  /** Fencing epoch of the lease that it was read under. */
  epoch: z.number().int(),
  /** Position behind the last document. */
  position,
  gap: z.object({ after: position, before: position }).optional(),
  /** The tasks that followed the slot, and the policy versions in force. */
  routes: z.array(routeSchema),
  /** Last ordinal sent in each lane that this read touches, before it. */
  lanes: z.array(
    z.object({
      taskKey: z.string(),
      source: containerSchema,
      previousOrdinal: z.number().int().nonnegative(),
      /** All of the lane up to there had been applied. */
      isSettled: z.literal(true).optional(),
    }),
  ),
  documents: z.array(z.object({ id: z.string(), loggedAt: z.iso.datetime(), text: z.string() })).min(1),
});
export type ArchiveObject = z.infer<typeof archiveObjectSchema>;

export interface Archive {
  /** Create the object of a read. False when there is one already at its first ordinal: nothing is written then. */
  create(object: ArchiveObject): Promise<boolean>;
  /** The object that begins at this ordinal, if that read was committed. */
  load(slotName: string, firstOrdinal: number): Promise<ArchiveObject | undefined>;
  /** First ordinal of the object that holds this one; undefined when there is none. */
  holding(slotName: string, ordinal: number): Promise<number | undefined>;
  /** Keep an operation that is too large for a message; the key names it. Repeating it changes nothing. */
  putOperation(key: string, operation: Operation): Promise<void>;
  loadOperation(key: string): Promise<Operation>;
}

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** Uncompressed bytes of one object: a read is bounded by its documents, of at most 16 MiB each (BSON's limit). */
const MAX_OBJECT_BYTES = 512 * 1024 * 1024;

const CREATE_ATTEMPTS = 5;

/** Documents of the largest read, and so of an object; keys in one answer of ListObjectsV2, S3's limit. */
export const MAX_READ = 1_000;

function archiveKeyOf(slotName: string, firstOrdinal: number): string {
  return `${archivePrefixOf(slotName)}${paddedOrdinal(firstOrdinal)}`;
}

function archivePrefixOf(slotName: string): string {
  return `archive/${slotName}/`;
}

export function operationKeyOf(
  slotName: string,
  taskKey: string,
  ordinal: number,
  { projectId, repoName }: Container,
): string {
  return `operations/${slotName}/${taskKey}/${paddedOrdinal(ordinal)}/${projectId}/${repoName}`;
}

/** The archive in a bucket: gzipped JSON, each object written once. */
export function s3Archive(options: { readonly s3: S3Client; readonly bucket: string }): Archive {
  const { s3, bucket } = options;

  const put = async (key: string, content: unknown, condition: { IfNoneMatch?: '*' }) => {
    await s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: await compress(JSON.stringify(content)),
        ContentType: 'application/json',
        ContentEncoding: 'gzip',
        ...condition,
      }),
    );
  };

  const get = async (key: string): Promise<unknown> => {
    const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    const body = await answer.Body?.transformToByteArray();
    if (body === undefined) {
      throw new Error(`Archive object ${key} has no body`);
    }
    const text = await decompress(body, { maxOutputLength: MAX_OBJECT_BYTES });
    return JSON.parse(text.toString('utf8'));
  };

  const load = async (slotName: string, firstOrdinal: number): Promise<ArchiveObject | undefined> => {
    try {
      return archiveObjectSchema.parse(await get(archiveKeyOf(slotName, firstOrdinal)));
    } catch (error) {
      if (error instanceof NoSuchKey) {
        return undefined;
      }
      throw error;
    }
  };

  return {
    create: async (object) => {
      const key = archiveKeyOf(object.slotName, object.firstOrdinal);
      for (let attempt = 1; ; attempt += 1) {
        try {
          await put(key, object, { IfNoneMatch: '*' });
          return true;
        } catch (error) {
          if (!(error instanceof S3ServiceException)) {
            throw error;
          }
          if (error.name === 'PreconditionFailed') {
            return false;
          }
          // S3 answers 409 to both of two conditional writes at once and asks for another try.
          if (error.name !== 'ConditionalRequestConflict' || attempt === CREATE_ATTEMPTS) {
            throw error;
          }
        }
      }
    },

    load,

    holding: async (slotName, ordinal) => {
      const prefix = archivePrefixOf(slotName);
      const { Contents = [] } = await s3.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          // What begins at or before this has ended before the ordinal; the others are no more than one answer holds.
          StartAfter: archiveKeyOf(slotName, Math.max(0, ordinal - MAX_READ)),
          MaxKeys: MAX_READ,
        }),
      );
      const before = Contents.map(({ Key = '' }) => Number(Key.slice(prefix.length))).filter(
        (first) => first <= ordinal,
      );
      const first = before.at(-1);
      const object = first === undefined ? undefined : await load(slotName, first);
      const isHeld = object !== undefined && ordinal < object.firstOrdinal + object.documents.length;
      return isHeld ? object.firstOrdinal : undefined;
    },

    putOperation: (key, operation) => put(key, operation, {}),

    loadOperation: async (key) => operationSchema.parse(await get(key)),
  };
}
