import type { ModelTree, Operation, RepositoryName } from './model.ts';

/** A request of the contract: its address below `/replication/replica/`, and its JSON body. */
export interface OracleRequest {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The request by which an operation is asked of a receiver. */
export function requestOf(operation: Operation): OracleRequest {
  const { kind, path: fullPath, operator } = operation;
  const node = { ...namesOf(operation.repository), fullPath, operator };
  switch (kind) {
    case 'create': {
      const { folder, overwrite, expires, size, sha256, md5, metadata, createdBy } = operation;
      return {
        path: 'node/create',
        body: { ...node, folder, overwrite, expires, size, sha256, md5, metadata, createdBy },
      };
    }
    case 'rename':
      return { path: 'node/rename', body: { ...node, newFullPath: operation.newPath } };
    case 'update':
      return { path: 'node/update', body: { ...node, expires: operation.expires } };
    case 'delete':
      return { path: 'node/delete', body: node };
    case 'metadata-save':
      return { path: 'metadata/save', body: { ...node, metadata: operation.metadata } };
    case 'metadata-delete':
      return { path: 'metadata/delete', body: { ...node, keyList: operation.keys } };
    default: {
      const { projectId: srcProjectId, repoName: srcRepoName } = namesOf(operation.repository);
      const { projectId: destProjectId, repoName: destRepoName } = namesOf(operation.toRepository);
      const { overwrite, toPath: destFullPath } = operation;
      const from = { srcProjectId, srcRepoName, srcFullPath: fullPath };
      return {
        path: `node/${kind}`,
        body: { ...from, destProjectId, destRepoName, destFullPath, overwrite, operator },
      };
    }
  }
}

export function namesOf(repository: RepositoryName): {
  readonly projectId: string;
  readonly repoName: string;
} {
  const [projectId = '', repoName = ''] = repository.split('/');
  return { projectId, repoName };
}

/** A tree in a form that shows its differences well: live nodes in their order, tombstones by path. */
export function shownTree({ live, tombstones }: ModelTree): unknown {
  return {
    live: Object.fromEntries([...live].sort(([one], [other]) => (one < other ? -1 : 1))),
    tombstones: Object.fromEntries(
      [...tombstones]
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([path, digests]) => [path, digests.map(String).sort()]),
    ),
  };
}
