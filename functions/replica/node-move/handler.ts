import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { nodeTransferRequest } from '../../shared/node/requests.ts';
import { changingServices } from '../changes.ts';

/** `POST replica/node/move`: moves a node with everything under it, also into another repository. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: nodeTransferRequest,
  input: (request) => request.json(),
  handle: async (transfer, context) => {
    const { nodes } = await changingServices(context);
    await nodes.move(transfer);
  },
});
