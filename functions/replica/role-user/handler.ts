import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { roleUserRequest } from '../../shared/identity/requests.ts';
import { replicaServices } from '../services.ts';

/** `POST replica/role/user/{rid}`: gives users a role. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: roleUserRequest,
  input: (request) => ({ rid: request.pathParameters['rid'], userIds: request.jsonList() }),
  handle: async (binding) => {
    const { identities } = await replicaServices();
    await identities.bindRole(binding);
  },
});
