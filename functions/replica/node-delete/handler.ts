import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { nodeDeleteRequest } from '../../shared/node/requests.ts';
import { changingServices } from '../changes.ts';

/** `POST replica/node/delete`: tombstones a node and everything under it. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: nodeDeleteRequest,
  input: (request) => request.json(),
  handle: async (deletion, context) => {
    const { nodes } = await changingServices(context);
    await nodes.delete(deletion);
  },
});
