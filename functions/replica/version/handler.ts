import { z } from 'zod';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { EXTENSIONS, formatVersion } from '../../shared/remote/version.ts';

const version = formatVersion({
  clusterId: environment('CLUSTER_ID').CLUSTER_ID,
  extensions: EXTENSIONS,
});

/** `GET replica/version`: senders ask before every run; ours read from it whom they speak to. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'header-missing',
  schema: z.undefined(),
  input: () => undefined,
  handle: async () => version,
});
