import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { userAnswer } from '../../shared/identity/answers.ts';
import { userReplicaRequest } from '../../shared/identity/requests.ts';
import { replicaServices } from '../services.ts';

const env = environment('TIME_ZONE');

/** `POST replica/user`: the new user, or the existing one unmodified. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: userReplicaRequest,
  input: (request) => request.json(),
  handle: async (request) => {
    const { identities } = await replicaServices();
    return userAnswer(await identities.replicateUser(request), request, env.TIME_ZONE);
  },
});
