import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { repositoryCreateRequest, repositoryDetail } from '../../shared/repository/requests.ts';
import { changingServices } from '../changes.ts';

const env = environment('TIME_ZONE');

/** `POST replica/repo/create`: the new repository, or the existing one unmodified. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: repositoryCreateRequest,
  input: (request) => request.json(),
  handle: async (creation, context) => {
    const { repositories } = await changingServices(context);
    return repositoryDetail(await repositories.create(creation), env.TIME_ZONE);
  },
});
