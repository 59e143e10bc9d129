import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { nodeExistRequest } from '../../shared/node/requests.ts';
import { replicaServices } from '../services.ts';

/** `GET replica/node/exist`: whether a path is a live node. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: nodeExistRequest,
  input: (request) => request.query,
  handle: async (address) => {
    const { nodes } = await replicaServices();
    return nodes.exists(address);
  },
});
