/**
 * Where changes come from. A change that one deployment makes at a cluster on behalf of another names the clusters that it
 * passed, the first one first, so that it is never sent back to one of them.
 */

/** A cluster's id: 32 lower-case hex digits. */
const CLUSTER_ID = /^[0-9a-f]{32}$/;

/** Clusters that are named at most; of a longer chain the latest ones. */
const MAX_CHAIN = 16;

/** The header by which a sender names them. */
const ORIGIN_HEADER = 'x-logferry-origin';

/** The well-formed ids of a chain, each once, at most 16. */
export function originChain(ids: readonly unknown[]): string[] {
  const wellFormed = ids.filter((id): id is string => typeof id === 'string' && CLUSTER_ID.test(id));
  return [...new Set(wellFormed)].slice(-MAX_CHAIN);
}

/** Header of a change that came by these clusters and is made by this one; none when neither is known. */
export function originHeader(
  origin: readonly string[],
  clusterId: string | undefined,
): Readonly<Record<string, string>> {
  const chain = originChain([...origin, clusterId]);
  return chain.length === 0 ? {} : { [ORIGIN_HEADER]: chain.join(',') };
}

/** The clusters that a received change came by, from its header. */
export function originOf(request: { header(name: string): string | undefined }): string[] {
  return originChain((request.header(ORIGIN_HEADER) ?? '').split(',').map((id) => id.trim()));
}
