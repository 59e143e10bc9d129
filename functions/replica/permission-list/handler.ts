import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { permissionAnswer } from '../../shared/identity/answers.ts';
import { permissionListRequest } from '../../shared/identity/requests.ts';
import { replicaServices } from '../services.ts';

const env = environment('TIME_ZONE');

/** `GET replica/permission/list`: the permissions of a repository, or of a project itself. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: permissionListRequest,
  input: (request) => request.query,
  handle: async (question) => {
    const { identities } = await replicaServices();
    const permissions = await identities.permissions(question);
    return permissions.map((permission) => permissionAnswer(permission, env.TIME_ZONE));
  },
});
