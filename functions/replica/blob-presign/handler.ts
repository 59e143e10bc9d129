import { s3 } from '../../shared/aws/clients.ts';
import { blobPresignRequest, repositoryOf } from '../../shared/blob/requests.ts';
import { s3BlobUploads } from '../../shared/blob/s3-blob-uploads.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { checkStorage } from '../../shared/node/storage.ts';
import { replicaServices } from '../services.ts';

const uploads = s3BlobUploads({ s3: s3(), bucket: environment('BLOB_BUCKET').BLOB_BUCKET });

/** `POST replica/blob/presign`: a request by which the caller puts content straight into the store. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: blobPresignRequest,
  input: (request) => request.json(),
  handle: async (request) => {
    const repository = repositoryOf(request);
    if (repository !== undefined) {
      await checkStorage((await replicaServices()).repositories, repository);
    }
    return uploads.issue(request);
  },
});
