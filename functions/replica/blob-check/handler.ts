import { s3 } from '../../shared/aws/clients.ts';
import { blobCheckRequest } from '../../shared/blob/requests.ts';
import { s3BlobStore } from '../../shared/blob/s3-blob-store.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';

const blobs = s3BlobStore({ s3: s3(), bucket: environment('BLOB_BUCKET').BLOB_BUCKET });

/** `GET replica/blob/check`: whether content is here, as later bk-repo versions ask. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: blobCheckRequest,
  input: (request) => request.query,
  handle: ({ sha256 }) => blobs.exists(sha256),
});
