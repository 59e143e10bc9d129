import { z } from 'zod';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';

/** `GET replica/ping`: whether this cluster answers, and takes the caller for an administrator. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: z.undefined(),
  input: () => undefined,
  handle: async () => undefined,
});
