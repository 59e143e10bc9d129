import { CLAIM_TIME, type PageClaims } from '../../functions/shared/sync/page-claims.ts';

/** Claims in memory, as DynamoDB keeps them. */
export function memoryClaims(): PageClaims {
  const claims = new Map<string, { readonly holder: string; readonly until: number }>();
  return {
    claim: async ({ runId, page, holder, at }) => {
      const claim = claims.get(`${runId}/${page}`);
      if (claim !== undefined && claim.holder !== holder && claim.until > at.getTime()) {
        return false;
      }
      claims.set(`${runId}/${page}`, { holder, until: at.getTime() + CLAIM_TIME });
      return true;
    },
    release: async ({ runId, page, holder }) => {
      if (claims.get(`${runId}/${page}`)?.holder === holder) {
        claims.delete(`${runId}/${page}`);
      }
    },
  };
}
