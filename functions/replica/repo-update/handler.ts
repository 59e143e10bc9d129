import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { repositoryUpdateRequest } from '../../shared/repository/requests.ts';
import { replicaServices } from '../services.ts';

/** `POST replica/repo/update`: changes a repository’s visibility, description or configuration. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: repositoryUpdateRequest,
  input: (request) => request.json(),
  handle: async (update) => {
    const { repositories } = await replicaServices();
    await repositories.update(update);
  },
});
