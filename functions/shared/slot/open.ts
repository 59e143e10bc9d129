import type { OperateLog } from '../operate-log/reader.ts';
import type { SlotRepository } from './repository.ts';

/**
 * Make sure of a slot: a new one begins at the log's end as it is now, so that what is written after this call is
 * read from it. One that exists keeps its position.
 */
export async function openSlot(options: {
  readonly slotName: string;
  readonly slots: SlotRepository;
  readonly log: OperateLog;
}): Promise<void> {
  const { slotName, slots, log } = options;
  if ((await slots.get(slotName)) === undefined) {
    await slots.create(slotName, await log.head());
  }
}
