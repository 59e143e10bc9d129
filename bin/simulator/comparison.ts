import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Db, Document } from 'mongodb';
import { nodeCollection } from './source.ts';

/** One cluster: bk-repo's database and the bucket of its blobs. */
export interface ComparedCluster {
  readonly database: Db;
  readonly s3: S3Client;
  readonly blobBucket: string;
}

export interface RepositoryComparison {
  readonly projectId: string;
  readonly repoName: string;
  readonly folders: number;
  readonly files: number;
  /** Bytes of content that was read back at the target and hashed. */
  readonly bytesVerified: number;
  /** What is not equal, in words; empty when all agrees. */
  readonly differences: readonly string[];
}

/**
 * Compare projects node by node: both directions, with metadata, and each file's content read back from the target's
 * bucket and hashed.
 *
 * @param projects names at the source; the target is expected to have the same.
 */
export async function compareProjects(options: {
  readonly source: ComparedCluster;
  readonly target: ComparedCluster;
  readonly projects: readonly string[];
}): Promise<RepositoryComparison[]> {
  const { source, target, projects } = options;
  const comparisons: RepositoryComparison[] = [];
  for (const projectId of projects) {
    const repositories = await source.database
      .collection('repository')
      .find({ projectId })
      .sort({ name: 1 })
      .toArray();
    for (const repository of repositories) {
      const repoName: string = repository['name'];
      const counterpart = await target.database
        .collection('repository')
        .findOne({ projectId, name: repoName });
      const differences = definitionDifferences(repository, counterpart);
      const ours = await nodesOf(source, projectId, repoName);
      const theirs = await nodesOf(target, projectId, repoName);
      let bytesVerified = 0;
      for (const [fullPath, node] of ours) {
        const copy = theirs.get(fullPath);
        if (copy === undefined) {
          differences.push(`${fullPath} is missing`);
        } else if (!isDeepStrictEqual(node, copy)) {
          differences.push(`${fullPath} differs: ${JSON.stringify(node)} became ${JSON.stringify(copy)}`);
        } else if (node.sha256 !== undefined) {
          const content = await contentOf(target, node.sha256);
          if (content === undefined || createHash('sha256').update(content).digest('hex') !== node.sha256) {
            differences.push(`${fullPath} has other content`);
          } else {
            bytesVerified += content.length;
          }
        }
      }
      for (const fullPath of theirs.keys()) {
        if (!ours.has(fullPath)) {
          differences.push(`${fullPath} should not be there`);
        }
      }
      const nodes = [...ours.values()];
      comparisons.push({
        projectId,
        repoName,
        folders: nodes.filter((node) => node.folder).length,
        files: nodes.filter((node) => !node.folder).length,
        bytesVerified,
        differences,
      });
    }
  }
  return comparisons;
}

interface ComparedNode {
  readonly folder: boolean;
  readonly size: number;
  readonly sha256: string | undefined;
  readonly md5: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
}

async function nodesOf(
  cluster: ComparedCluster,
  projectId: string,
  repoName: string,
): Promise<Map<string, ComparedNode>> {
  const documents = await cluster.database
    .collection(nodeCollection(projectId))
    .find({ projectId, repoName, deleted: null })
    .toArray();
  const metadataOf = (node: Document): [string, unknown][] =>
    (node['metadata'] ?? []).map(({ key, value }: { key: string; value: unknown }) => [key, value]);
  return new Map(
    documents.map((node) => [
      node['fullPath'],
      {
        folder: node['folder'],
        size: Number(node['size']),
        sha256: node['sha256'] ?? undefined,
        md5: node['md5'] ?? undefined,
        metadata: Object.fromEntries(metadataOf(node).sort(([a], [b]) => (a < b ? -1 : 1))),
      },
    ]),
  );
}

function definitionDifferences(repository: Document, counterpart: Document | null): string[] {
  if (counterpart === null) {
    return ['the repository is missing'];
  }
  const differences = ['type', 'category', 'public', 'description']
    .filter((field) => (repository[field] ?? null) !== (counterpart[field] ?? null))
    .map((field) => `the repository's ${field} differs`);
  const configurations = [repository, counterpart].map((document) => JSON.parse(document['configuration']));
  return configurations[0].type === configurations[1].type
    ? differences
    : [...differences, `the repository's configuration became ${configurations[1].type}`];
}

async function contentOf(cluster: ComparedCluster, sha256: string): Promise<Buffer | undefined> {
  try {
    const object = await cluster.s3.send(new GetObjectCommand({ Bucket: cluster.blobBucket, Key: sha256 }));
    return Buffer.from((await object.Body?.transformToByteArray()) ?? []);
  } catch (error) {
    if (error instanceof Error && error.name === 'NoSuchKey') {
      return undefined;
    }
    throw error;
  }
}
