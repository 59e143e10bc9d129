import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_MAX_DELETION_SHARE,
  deletionShare,
  guardText,
  liveNodesNeeded,
  UNGUARDED_DELETIONS,
} from '../../../functions/shared/sweep/guard.ts';

describe('the deletion guard', () => {
  it('asks exactly for deletions that are many and more than the share of what the repository had', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 5_000 }),
        fc.nat({ max: 20_000 }),
        fc.integer({ min: 0, max: 100 }),
        (deletions, live, percent) => {
          const isAsking = live < liveNodesNeeded({ deletions, maxShare: percent / 100 });
          // In whole numbers: what the floating point makes of the boundary is not the rule.
          const isMore = deletions * 100 > percent * (deletions + live);
          const isBoundary = Math.abs(deletions * 100 - percent * (deletions + live)) < 100;
          expect(isAsking === (deletions > UNGUARDED_DELETIONS && isMore) || isBoundary).toBe(true);
        },
      ),
    );
  });

  it.each([
    [100, 0],
    [101, 101],
    [600, 600],
  ])('lets %i deletions pass where %i nodes stay', (deletions, needed) => {
    expect(liveNodesNeeded({ deletions, maxShare: DEFAULT_MAX_DELETION_SHARE })).toBe(needed);
  });

  it('says where, how many, and what share they are, rounded down', () => {
    const share = deletionShare({ deletions: 600, liveNodes: 400 });
    expect(share).toBe(0.6);
    expect(guardText({ projectId: 'p', repoName: 'r', deletions: 600, share: 0.6 })).toBe(
      'p/r: 600 nodes (60 %) would be deleted',
    );
    expect(deletionShare({ deletions: 0, liveNodes: 0 })).toBe(0);
  });
});
