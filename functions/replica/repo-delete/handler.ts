import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { repositoryDeleteRequest } from '../../shared/repository/requests.ts';
import { changingServices } from '../changes.ts';

/** `POST replica/repo/delete`: deletes a repository, with its files when that is forced. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: repositoryDeleteRequest,
  input: (request) => request.json(),
  handle: async (deletion, context) => {
    const { repositories } = await changingServices(context);
    await repositories.delete(deletion);
  },
});
