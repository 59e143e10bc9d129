import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { projectCreateRequest, projectInfo } from '../../shared/project/requests.ts';
import { replicaServices } from '../services.ts';

const env = environment('TIME_ZONE');

/** `POST replica/project/create`: the new project, or the existing one unmodified. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: projectCreateRequest,
  input: (request) => request.json(),
  handle: async (creation) => {
    const { projects } = await replicaServices();
    return projectInfo(await projects.create(creation), env.TIME_ZONE);
  },
});
