import { s3 } from '../../shared/aws/clients.ts';
import { s3BlobStore } from '../../shared/blob/s3-blob-store.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { nodeDetail } from '../../shared/node/detail.ts';
import { fileUploadRequest, readFileUpload, receiveFile } from '../../shared/node/file-upload.ts';
import { changingServices } from '../changes.ts';

const env = environment('BLOB_BUCKET', 'TIME_ZONE');
const blobs = s3BlobStore({ s3: s3(), bucket: env.BLOB_BUCKET });

/** `POST replica/file/{projectId}/{repoName}/{fullPath+}`: a file with its content, as a multipart form. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: fileUploadRequest,
  input: (request) => ({
    rawPath: request.rawPath,
    contentType: request.header('content-type'),
    body: request.bytes(),
  }),
  handle: async (request, context) => {
    const upload = await readFileUpload(request);
    const { nodes, repositories } = await changingServices(context);
    return nodeDetail(await receiveFile({ upload, repositories, blobs, nodes }), env.TIME_ZONE);
  },
});
