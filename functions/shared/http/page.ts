/**
 * A page of a list in bk-repo's shape of pages.
 *
 * @param options `pageNumber`: from 1. `total`: records of the whole list. `records`: those of this page.
 */
export function pageAnswer<Item>(options: {
  readonly pageNumber: number;
  readonly pageSize: number;
  readonly total: number;
  readonly records: readonly Item[];
}) {
  const { pageNumber, pageSize, total, records } = options;
  return { pageNumber, pageSize, totalRecords: total, totalPages: Math.ceil(total / pageSize), records };
}
