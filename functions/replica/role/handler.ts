import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { roleAnswer } from '../../shared/identity/answers.ts';
import { roleReplicaRequest } from '../../shared/identity/requests.ts';
import { replicaServices } from '../services.ts';

/** `POST replica/role`: the new role, or the existing one unmodified. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: roleReplicaRequest,
  input: (request) => request.json(),
  handle: async (request) => {
    const { identities } = await replicaServices();
    return roleAnswer(await identities.replicateRole(request));
  },
});
