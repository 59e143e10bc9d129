import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { nodeTransferRequest } from '../../shared/node/requests.ts';
import { replicaServices } from '../services.ts';

/** `POST replica/node/move`: moves a node with everything under it, also into another repository. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: nodeTransferRequest,
  input: (request) => request.json(),
  handle: async (transfer) => {
    const { nodes } = await replicaServices();
    await nodes.move(transfer);
  },
});
