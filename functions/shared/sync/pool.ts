/**
 * Work on items, so many at once and so many bytes at once; an item that is larger than that is worked on alone. The
 * first error is thrown when what was begun has ended; nothing is begun after it.
 */
export async function inParallel<Item>(options: {
  readonly items: readonly Item[];
  readonly atOnce: number;
  readonly maxBytes: number;
  readonly bytesOf: (item: Item) => number;
  readonly work: (item: Item) => Promise<void>;
}): Promise<void> {
  const { items, atOnce, maxBytes, bytesOf, work } = options;
  const underWay = new Set<Promise<void>>();
  const errors: unknown[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = bytesOf(item);
    while (underWay.size > 0 && (underWay.size >= atOnce || bytes + size > maxBytes)) {
      await Promise.race(underWay);
    }
    if (errors.length > 0) {
      break;
    }
    bytes += size;
    const ended = work(item)
      .catch((error: unknown) => {
        errors.push(error);
      })
      .finally(() => {
        bytes -= size;
        underWay.delete(ended);
      });
    underWay.add(ended);
  }
  await Promise.all(underWay);
  if (errors.length > 0) {
    throw errors[0];
  }
}
