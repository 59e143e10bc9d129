import { z } from 'zod';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';

/** Version of the `/replica` contract that is served here: bk-repo's of January 2021, without extensions. */
const CONTRACT_VERSION = '1.0.0';

/** `GET replica/version`: senders ask before every run. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: z.undefined(),
  input: () => undefined,
  handle: async () => CONTRACT_VERSION,
});
