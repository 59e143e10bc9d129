import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { nodeUpdateRequest } from '../../shared/node/requests.ts';
import { changingServices } from '../changes.ts';

/** `POST replica/node/update`: sets when a node expires. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: nodeUpdateRequest,
  input: (request) => request.json(),
  handle: async (update, context) => {
    const { nodes } = await changingServices(context);
    await nodes.update(update);
  },
});
