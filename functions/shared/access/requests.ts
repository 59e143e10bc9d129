import { z } from 'zod';

/** Longer than any name or description that is one. */
const MAX_LENGTH = 256;

const name = z.string().max(MAX_LENGTH);

/** Sign in with a password. The domain is a word of other deployments of such a service: it is accepted and not used. */
export const tokenRequest = z
  .object({
    auth: z.object({
      identity: z.object({
        methods: z.array(z.string()).refine((methods) => methods.includes('password')),
        password: z.object({
          user: z.object({
            name,
            password: z.string(),
            domain: z.object({ name: name.nullish() }).nullish(),
          }),
        }),
      }),
      scope: z
        .object({ project: z.object({ id: name.nullish(), name: name.nullish() }).nullish() })
        .nullish(),
    }),
  })
  .transform(({ auth: { identity, scope } }) => {
    const { user } = identity.password;
    return {
      username: user.name,
      password: user.password,
      domain: user.domain?.name ?? undefined,
      /** Id or name, whichever is given; the empty text is none. */
      project: scope?.project?.id || scope?.project?.name || undefined,
    };
  });

/** Ask for an access key for a principal, whose id is its user name. */
export const accessKeyRequest = z
  .object({ credential: z.object({ user_id: name.min(1), description: name.nullish() }) })
  .transform(({ credential }) => ({
    username: credential.user_id,
    description: credential.description ?? '',
  }));
