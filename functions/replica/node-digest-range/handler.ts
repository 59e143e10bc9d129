import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { nodeDigestRange, nodeDigestRangeRequest } from '../../shared/node/digest-range.ts';
import { replicaDatabase } from '../services.ts';

/** `POST replica/node/digest/range`: what is in a range of paths, told by one digest where it is as expected. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: nodeDigestRangeRequest,
  input: (request) => request.json(),
  handle: async (question) => nodeDigestRange({ database: await replicaDatabase(), question }),
});
