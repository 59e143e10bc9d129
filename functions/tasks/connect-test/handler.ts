import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { remoteProbe } from '../../shared/remote/probe.ts';
import { remoteClusterSchema } from '../../shared/task/request.ts';

const env = environment('TABLE_NAME', 'ALLOW_PRIVATE_REMOTES');
const probe = remoteProbe({ allowPrivate: env.ALLOW_PRIVATE_REMOTES });

/** `GET` and `POST task/connect/test`: whether a remote cluster answers and lets the given user in. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: remoteClusterSchema,
  input: (request) => request.json(),
  handle: (remote) => probe(remote),
});
