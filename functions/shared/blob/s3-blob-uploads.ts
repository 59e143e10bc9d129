import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { BlobUploads } from './blob-upload.ts';

/** Seconds: an upload begins at once; how long it then takes is not bounded by this. */
const EXPIRES_IN = 300;

const CHECKSUM = 'x-amz-checksum-sha256';
const LENGTH = 'content-length';

/**
 * Presigned PUTs straight to a blob's final key.
 *
 * The checksum and the length are signed headers, not parts of the address: S3 refuses a request without them (403),
 * and content that is not of them (400 BadDigest), before an object exists. So no staging key is needed, and putting a
 * blob again writes the same bytes; that is why no `If-None-Match` is asked for, which would also keep a damaged
 * object (bk-repo stores content under whatever digest is claimed) from being replaced.
 */
export function s3BlobUploads(options: { readonly s3: S3Client; readonly bucket: string }): BlobUploads {
  const { s3, bucket } = options;
  return {
    async issue({ sha256, size }) {
      const checksum = Buffer.from(sha256, 'hex').toString('base64');
      const command = new PutObjectCommand({
        Bucket: bucket,
        Key: sha256,
        ContentLength: size,
        ChecksumSHA256: checksum,
      });
      const url = await getSignedUrl(s3, command, {
        expiresIn: EXPIRES_IN,
        unhoistableHeaders: new Set([CHECKSUM]),
        signableHeaders: new Set(['host', LENGTH, CHECKSUM]),
      });
      return { url, headers: { [LENGTH]: String(size), [CHECKSUM]: checksum }, expiresIn: EXPIRES_IN };
    },
  };
}
