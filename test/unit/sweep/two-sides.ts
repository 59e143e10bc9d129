import type { Container } from '../../../functions/shared/lane/message.ts';
import { nodeDigestRangeRequest, rangeAnswer } from '../../../functions/shared/node/digest-range.ts';
import type { AnsweredDigest } from '../../../functions/shared/node/digests.ts';
import { metadataDigest } from '../../../functions/shared/node/metadata-digest.ts';
import { comparePaths } from '../../../functions/shared/node/path.ts';
import { digestCalls } from '../../../functions/shared/remote/digest-calls.ts';
import type { Extension } from '../../../functions/shared/remote/version.ts';
import type { Comparison, comparison, Difference } from '../../../functions/shared/sweep/compare.ts';
import type { SourceNodes, Window } from '../../../functions/shared/sweep/source-nodes.ts';
import type { ComparedNode } from '../../../functions/shared/sync/disparity.ts';
import { firstOfRange } from '../../support/digest-range.ts';

export const SOURCE: Container = { projectId: 'ops', repoName: 'generic-local' };
export const REMOTE: Container = { projectId: 'ops-copy', repoName: 'generic-remote' };

/** What of a node is not its name. */
export type Content =
  | { readonly folder: true; readonly metadata: Readonly<Record<string, unknown>> }
  | {
      readonly folder: false;
      readonly size: number;
      readonly sha256: string;
      readonly expireDate?: Date;
      readonly metadata: Readonly<Record<string, unknown>>;
    };

/** A source and a remote in memory, as a comparison sees them. */
export class TwoSides {
  readonly source = new Map<string, Content>();
  readonly remote = new Map<string, Content>();
  readonly tombstones = new Set<string>();
  /** When something was last done at a path of the source. */
  readonly touchedAt = new Map<string, Date>();
  readonly extensions: ReadonlySet<Extension>;
  /** Nodes that the remote puts into one answer. */
  readonly answerLimit: number;
  /** Calls that reached the remote, but for its version. */
  readonly calls: string[] = [];
  /** Called before each reading of the source and each call. */
  beforeReading: () => void = () => {};

  constructor(extensions: readonly Extension[], answerLimit = 500) {
    this.extensions = new Set(extensions);
    this.answerLimit = answerLimit;
  }

  readonly nodes: SourceNodes = {
    live: async ({ after = '/', limit }) => {
      this.beforeReading();
      return this.#live(({ fullPath }) => comparePaths(fullPath, after) > 0).slice(0, limit);
    },
    liveAt: async ({ fullPaths }) => {
      this.beforeReading();
      return this.#live(({ fullPath }) => fullPaths.includes(fullPath));
    },
    touched: async ({ window, after = '/', limit }) => {
      this.beforeReading();
      const fullPaths = [...new Set([...this.source.keys(), ...this.tombstones])]
        .filter((fullPath) => comparePaths(fullPath, after) > 0)
        .filter((fullPath) => window === undefined || isWithin(this.touchedAt.get(fullPath), window))
        .sort(comparePaths)
        .slice(0, limit);
      return { fullPaths, next: fullPaths.length < limit ? undefined : fullPaths.at(-1) };
    },
    tombstonesAt: async ({ fullPaths }) =>
      new Set(fullPaths.filter((fullPath) => this.tombstones.has(fullPath))),
  };

  readonly client: Parameters<typeof comparison>[0]['client'] = {
    identity: async () => ({ clusterId: 'c'.repeat(32), extensions: this.extensions }),
    ping: async () => {},
    nodeExists: async ({ fullPath }) => this.remote.has(fullPath),
    existing: async ({ fullPaths }) => {
      this.#call('existing');
      return new Set(fullPaths.filter((fullPath) => this.remote.has(fullPath)));
    },
    ...digestCalls({
      post: async (path, content) => {
        const nodes = [...this.remote].map(answered);
        if (path === '/replica/node/digest/list') {
          this.#call('digests');
          const { fullPathList } = content;
          return nodes.filter(
            ({ fullPath }) => Array.isArray(fullPathList) && fullPathList.includes(fullPath),
          );
        }
        this.#call('range');
        const asked = nodeDigestRangeRequest.parse(content);
        const question = { ...asked, limit: Math.min(asked.limit, this.answerLimit) };
        return rangeAnswer({ found: firstOfRange(nodes, question), question });
      },
    }),
  };

  #call(name: string): void {
    this.beforeReading();
    this.calls.push(name);
  }

  #live(isWanted: (node: { readonly fullPath: string }) => boolean): ComparedNode[] {
    return [...this.source]
      .map(([fullPath, content]) => ({ fullPath, ...content }))
      .filter(isWanted)
      .sort((one, other) => comparePaths(one.fullPath, other.fullPath));
  }
}

function isWithin(date: Date | undefined, { from, to }: Window): boolean {
  return date !== undefined && date >= from && (to === undefined || date <= to);
}

function answered([fullPath, content]: readonly [string, Content]): AnsweredDigest {
  const { folder, metadata } = content;
  const file = content.folder
    ? { size: 0, sha256: null, expireDate: null }
    : { size: content.size, sha256: content.sha256, expireDate: content.expireDate?.toISOString() ?? null };
  return { fullPath, folder, ...file, md5: null, metadata: metadataDigest(metadata) };
}

/** Every page of a comparison, one after the other. */
export async function everyPage(options: {
  readonly compare: Comparison;
  readonly limit: number;
  readonly window?: Window;
}): Promise<{ compared: number; differences: Difference[]; pages: number }> {
  const { compare, limit, window } = options;
  let after: string | undefined;
  const differences: Difference[] = [];
  const all = { compared: 0, differences, pages: 0 };
  for (let bound = 0; bound < 1_000; bound += 1) {
    const page = { source: SOURCE, remote: REMOTE, after, limit };
    const found = window === undefined ? await compare.all(page) : await compare.changed({ ...page, window });
    all.compared += found.compared;
    differences.push(...found.differences);
    all.pages += 1;
    if (found.next === undefined) {
      return all;
    }
    after = found.next;
  }
  throw new Error('The comparison does not end');
}
