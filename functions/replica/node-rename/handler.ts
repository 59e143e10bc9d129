import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { nodeRenameRequest } from '../../shared/node/requests.ts';
import { replicaServices } from '../services.ts';

/** `POST replica/node/rename`: gives a node another path within its repository. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: nodeRenameRequest,
  input: (request) => request.json(),
  handle: async (renaming) => {
    const { nodes } = await replicaServices();
    await nodes.rename(renaming);
  },
});
