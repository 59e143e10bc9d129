import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { metadataDeleteRequest } from '../../shared/node/requests.ts';
import { replicaServices } from '../services.ts';

/** `POST replica/metadata/delete`: takes keys out of a node’s metadata. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: metadataDeleteRequest,
  input: (request) => request.json(),
  handle: async (deletion) => {
    const { nodes } = await replicaServices();
    await nodes.deleteMetadata(deletion);
  },
});
