import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { nodeExistListRequest } from '../../shared/node/requests.ts';
import { replicaServices } from '../services.ts';

/** `POST replica/node/exist/list`: which of many paths are live nodes. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: nodeExistListRequest,
  input: (request) => request.json(),
  handle: async (question) => {
    const { nodes } = await replicaServices();
    return nodes.existingPaths(question);
  },
});
