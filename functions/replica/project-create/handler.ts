import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { projectCreateRequest, projectInfo } from '../../shared/project/requests.ts';
import { changingServices } from '../changes.ts';

const env = environment('TIME_ZONE');

/** `POST replica/project/create`: the new project, or the existing one unmodified. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: projectCreateRequest,
  input: (request) => request.json(),
  handle: async (creation, context) => {
    const { projects } = await changingServices(context);
    return projectInfo(await projects.create(creation), env.TIME_ZONE);
  },
});
