import type { OperateLog } from '../operate-log/reader.ts';
import type { SlotRepository } from './repository.ts';

/**
 * Make sure of a slot: a new one begins at the log's end as it is now, so that what is written after this call is
 * read from it. One that exists keeps its position.
 *
 * @returns the slot's next ordinal: what is written after this call has it, or a later one.
 */
export async function openSlot(options: {
  readonly slotName: string;
  readonly slots: SlotRepository;
  readonly log: OperateLog;
}): Promise<{ readonly nextOrdinal: number }> {
  const { slotName, slots, log } = options;
  const known = await slots.get(slotName);
  if (known !== undefined) {
    return known;
  }
  await slots.create(slotName, await log.head());
  const slot = await slots.get(slotName);
  if (slot === undefined) {
    throw new Error(`The slot ${slotName} is gone as soon as it was made`);
  }
  return slot;
}
