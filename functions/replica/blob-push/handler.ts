import { s3 } from '../../shared/aws/clients.ts';
import { blobPushRequest, receiveBlob } from '../../shared/blob/blob-push.ts';
import { s3BlobStore } from '../../shared/blob/s3-blob-store.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';

const blobs = s3BlobStore({ s3: s3(), bucket: environment('BLOB_BUCKET').BLOB_BUCKET });

/** `POST replica/blob/push`: content alone, as later bk-repo versions send it; its node follows by `node/create`. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: blobPushRequest,
  input: (request) => ({
    contentType: request.header('content-type'),
    body: request.bytes(),
    query: request.query,
  }),
  handle: (request) => receiveBlob({ request, blobs }),
});
