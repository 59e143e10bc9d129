import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { nodeDeleteRequest } from '../../shared/node/requests.ts';
import { replicaServices } from '../services.ts';

/** `POST replica/node/delete`: tombstones a node and everything under it. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: nodeDeleteRequest,
  input: (request) => request.json(),
  handle: async (deletion) => {
    const { nodes } = await replicaServices();
    await nodes.delete(deletion);
  },
});
