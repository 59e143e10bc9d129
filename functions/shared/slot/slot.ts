import { z } from 'zod';
import { writingSchema } from './headroom.ts';

/**
 * A slot: a named, durable position in `operate_log`.
 *
 * `nextOrdinal` is the number that the next event read gets; `epoch` counts the leases given, and only the holder
 * of the newest one may move the position (a fencing token). Instants are ISO 8601 UTC unless said.
 */
export const slotSchema = z.object({
  name: z.string(),
  position: z.object({ lastId: z.string().nullable(), lastLoggedAt: z.iso.datetime().nullable() }),
  nextOrdinal: z.number().int().positive(),
  epoch: z.number().int().nonnegative(),
  lease: z.object({ owner: z.string(), /** Milliseconds since 1970. */ expiresAt: z.number() }).optional(),
  /** Documents that no schema matched: kept in the archive, one record each. */
  unreadable: z.number().int().nonnegative(),
  /** Times that the log overtook the position, each with a record of its window. */
  gaps: z.number().int().nonnegative(),
  createdDate: z.iso.datetime(),
  /** When events were last read. */
  lastReadDate: z.iso.datetime().optional(),
  writing: writingSchema.optional(),
});
export type Slot = z.infer<typeof slotSchema>;

/** The lease was taken over: whoever holds it now goes on, and this holder leaves. */
export class LeaseLostError extends Error {
  constructor(slotName: string, options?: ErrorOptions) {
    super(`The lease of slot ${slotName} is another's`, options);
    this.name = 'LeaseLostError';
  }
}
