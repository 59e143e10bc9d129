import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { nodeDetail } from '../../shared/node/detail.ts';
import { nodeCreateRequest } from '../../shared/node/requests.ts';
import { changingServices } from '../changes.ts';

const env = environment('TIME_ZONE');

/** `POST replica/node/create`: a folder, or a file's node for a blob that is here already. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: nodeCreateRequest(env.TIME_ZONE),
  input: (request) => request.json(),
  handle: async (creation, context) => {
    const { nodes } = await changingServices(context);
    return nodeDetail(await nodes.create(creation), env.TIME_ZONE);
  },
});
