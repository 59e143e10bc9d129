import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { permissionCreateRequest } from '../../shared/identity/requests.ts';
import { replicaServices } from '../services.ts';

/** `POST replica/permission`: creates a permission. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: permissionCreateRequest,
  input: (request) => request.json(),
  handle: async (creation) => {
    const { identities } = await replicaServices();
    await identities.createPermission(creation);
  },
});
