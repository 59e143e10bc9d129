import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { repositoryUpdateRequest } from '../../shared/repository/requests.ts';
import { changingServices } from '../changes.ts';

/** `POST replica/repo/update`: changes a repository’s visibility, description or configuration. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: repositoryUpdateRequest,
  input: (request) => request.json(),
  handle: async (update, context) => {
    const { repositories } = await changingServices(context);
    await repositories.update(update);
  },
});
