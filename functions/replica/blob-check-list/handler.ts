import { s3 } from '../../shared/aws/clients.ts';
import { heldBlobs } from '../../shared/blob/held-blobs.ts';
import { blobCheckListRequest, repositoryOf } from '../../shared/blob/requests.ts';
import { s3BlobStore } from '../../shared/blob/s3-blob-store.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { checkStorage } from '../../shared/node/storage.ts';
import { replicaServices } from '../services.ts';

const blobs = s3BlobStore({ s3: s3(), bucket: environment('BLOB_BUCKET').BLOB_BUCKET });

/** `POST replica/blob/check/list`: which of many contents are here, with their sizes. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: blobCheckListRequest,
  input: (request) => request.json(),
  handle: async (question) => {
    const repository = repositoryOf(question);
    if (repository !== undefined) {
      await checkStorage((await replicaServices()).repositories, repository);
    }
    return heldBlobs({ blobs, sha256List: question.sha256List });
  },
});
