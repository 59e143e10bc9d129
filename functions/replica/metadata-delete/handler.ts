import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { metadataDeleteRequest } from '../../shared/node/requests.ts';
import { changingServices } from '../changes.ts';

/** `POST replica/metadata/delete`: takes keys out of a node’s metadata. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: metadataDeleteRequest,
  input: (request) => request.json(),
  handle: async (deletion, context) => {
    const { nodes } = await changingServices(context);
    await nodes.deleteMetadata(deletion);
  },
});
