import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { metadataSaveRequest } from '../../shared/node/requests.ts';
import { changingServices } from '../changes.ts';

/** `POST replica/metadata/save`: merges metadata into a node's. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: metadataSaveRequest,
  input: (request) => request.json(),
  handle: async (saving, context) => {
    const { nodes } = await changingServices(context);
    await nodes.saveMetadata(saving);
  },
});
