/**
 * The deletion guard: a sweep that would take much of a repository away does nothing there until somebody has agreed.
 * What looks like a large deletion may be a source that lost its database.
 */

/** Nodes of a repository that a sweep removes without asking, however small the repository is. */
export const UNGUARDED_DELETIONS = 100;

/** Share of a repository's nodes that a sweep removes without asking, where the task says nothing. */
export const DEFAULT_MAX_DELETION_SHARE = 0.5;

/**
 * Live nodes that the source's repository must have for so many deletions to need no agreement: 0 when they never need one,
 * infinite when they always do. More need not be counted.
 *
 * @param options `maxShare`: from 0 to 1.
 */
export function liveNodesNeeded(options: { readonly deletions: number; readonly maxShare: number }): number {
  const { deletions, maxShare } = options;
  if (deletions <= UNGUARDED_DELETIONS) {
    return 0;
  }
  // deletions <= maxShare * (live + deletions); the share is that of what the repository had before.
  return maxShare === 0 ? Number.POSITIVE_INFINITY : Math.ceil((deletions * (1 - maxShare)) / maxShare);
}

/** Share of what a repository had that deletions would take away: 0 to 1. */
export function deletionShare(options: { readonly deletions: number; readonly liveNodes: number }): number {
  const { deletions, liveNodes } = options;
  return deletions === 0 ? 0 : deletions / (deletions + liveNodes);
}

/** What a guarded repository's deletions are, for people. */
export function guardText(guarded: {
  readonly projectId: string;
  readonly repoName: string;
  readonly deletions: number;
  readonly share: number;
}): string {
  const { projectId, repoName, deletions, share } = guarded;
  return `${projectId}/${repoName}: ${deletions} nodes (${Math.floor(share * 100)} %) would be deleted`;
}
