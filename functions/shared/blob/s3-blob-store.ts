import { Readable } from 'node:stream';
import {
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { BlobNotFoundError, type BlobStore } from './blob-store.ts';

/**
 * bk-repo's object store: a blob's key is its SHA-256 in hex, at the bucket's root.
 *
 * A missing key is told apart from a refusal only with permission to list the bucket (S3 answers 403 otherwise).
 */
export function s3BlobStore(options: { readonly s3: S3Client; readonly bucket: string }): BlobStore {
  const { s3, bucket } = options;

  /** Bytes of the stored content; `undefined` when there is none. */
  async function storedSize(sha256: string): Promise<number | undefined> {
    try {
      const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: sha256 }));
      return head.ContentLength;
    } catch (error) {
      if (isNotFound(error)) {
        return undefined;
      }
      throw error;
    }
  }

  return {
    async open(sha256, { range } = {}) {
      const output = await s3
        .send(
          new GetObjectCommand({
            Bucket: bucket,
            Key: sha256,
            ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` }),
          }),
        )
        .catch((error: unknown) => {
          throw isNotFound(error) ? new BlobNotFoundError(sha256, { cause: error }) : error;
        });
      const { Body: body, ContentLength: size } = output;
      if (!(body instanceof Readable) || size === undefined) {
        throw new Error(`Blob ${sha256} came without a length or not as a stream`);
      }
      return { size, stream: body };
    },

    async exists(sha256) {
      return (await storedSize(sha256)) !== undefined;
    },

    size: storedSize,

    async put({ sha256, content }) {
      // bk-repo stores content under whatever digest is claimed: what has another size is not this blob.
      if ((await storedSize(sha256)) === content.length) {
        return;
      }
      await s3.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: sha256,
          Body: content,
          ContentLength: content.length,
          // S3 compares it with what arrives.
          ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
        }),
      );
    },
  };
}

function isNotFound(error: unknown): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404;
}
