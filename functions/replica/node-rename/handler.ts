import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { nodeRenameRequest } from '../../shared/node/requests.ts';
import { changingServices } from '../changes.ts';

/** `POST replica/node/rename`: gives a node another path within its repository. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: nodeRenameRequest,
  input: (request) => request.json(),
  handle: async (renaming, context) => {
    const { nodes } = await changingServices(context);
    await nodes.rename(renaming);
  },
});
