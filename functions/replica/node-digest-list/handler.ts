import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { nodeDigestListRequest, nodeDigests } from '../../shared/node/digests.ts';
import { replicaDatabase } from '../services.ts';

/** `POST replica/node/digest/list`: what is at many paths, told by digests. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: nodeDigestListRequest,
  input: (request) => request.json(),
  handle: async (question) => nodeDigests({ database: await replicaDatabase(), question }),
});
