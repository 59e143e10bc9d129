/** Entries of `operate_log` as bk-repo writes them: the fields beside `_id` and `createdDate`. */
export interface LogEntry {
  readonly resourceType: string;
  readonly resourceKey: string;
  readonly operateType: string;
  readonly userId: string;
  readonly clientAddress: string;
  readonly description: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

const by = { userId: 'admin', clientAddress: '127.0.0.1' };

/** Jackson's pretty printer, in which bk-repo keeps a node's request: two blanks, ` : ` between name and value. */
function prettyPrinted(request: unknown): string {
  return JSON.stringify(request, null, 2).replaceAll(/^(\s*"(?:[^"\\]|\\.)*"):/gm, '$1 :');
}

function nodeEntry(
  operateType: string,
  request: { readonly projectId: string; readonly repoName: string; readonly fullPath: string },
): LogEntry {
  const { projectId, repoName, fullPath } = request;
  return {
    resourceType: 'NODE',
    resourceKey: `/${projectId}/${repoName}${fullPath}`,
    operateType,
    ...by,
    description: { projectId, repoName, request: prettyPrinted(request) },
  };
}

export function projectCreated(
  name: string,
  fields: { displayName?: string; description?: string } = {},
): LogEntry {
  return {
    resourceType: 'PROJECT',
    resourceKey: name,
    operateType: 'CREATE',
    ...by,
    description: { request: { name, displayName: name, description: '', operator: 'admin', ...fields } },
  };
}

export function repositoryCreated(
  projectId: string,
  name: string,
  fields: {
    type?: string;
    category?: string;
    public?: boolean;
    description?: string;
    configuration?: unknown;
  } = {},
): LogEntry {
  const request = {
    projectId,
    name,
    type: 'GENERIC',
    category: 'LOCAL',
    public: false,
    operator: 'admin',
    ...fields,
  };
  return {
    resourceType: 'REPOSITORY',
    resourceKey: `/${projectId}/${name}`,
    operateType: 'CREATE',
    ...by,
    description: { request },
  };
}

export function repositoryDeleted(projectId: string, name: string, forced: boolean): LogEntry {
  return {
    resourceType: 'REPOSITORY',
    resourceKey: `/${projectId}/${name}`,
    operateType: 'DELETE',
    ...by,
    description: { request: { projectId, name, forced, operator: 'admin' } },
  };
}

export interface LoggedFile {
  readonly projectId: string;
  readonly repoName: string;
  readonly fullPath: string;
  readonly size: number;
  readonly sha256: string;
  readonly md5: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly overwrite?: boolean;
  readonly expires?: number;
}

export function fileCreated(file: LoggedFile): LogEntry {
  const {
    projectId,
    repoName,
    fullPath,
    size,
    sha256,
    md5,
    metadata = {},
    overwrite = false,
    expires = 0,
  } = file;
  return nodeEntry('CREATE', {
    projectId,
    repoName,
    fullPath,
    ...{ folder: false, expires, overwrite, size, sha256, md5, metadata, operator: 'admin', ...unset },
  });
}

export function folderCreated(projectId: string, repoName: string, fullPath: string): LogEntry {
  return nodeEntry('CREATE', {
    projectId,
    repoName,
    fullPath,
    ...{ folder: true, expires: 0, overwrite: false, size: null, sha256: null, md5: null, metadata: null },
    ...{ operator: 'admin', ...unset },
  });
}

const unset = { createdBy: null, createdDate: null, lastModifiedBy: null, lastModifiedDate: null };

export function nodeDeleted(projectId: string, repoName: string, fullPath: string): LogEntry {
  return nodeEntry('DELETE', { projectId, repoName, fullPath, ...{ operator: 'admin' } });
}

export function nodeTransferred(
  operateType: 'MOVE' | 'COPY',
  from: { readonly projectId: string; readonly repoName: string; readonly fullPath: string },
  to: { readonly projectId: string | null; readonly repoName: string | null; readonly fullPath: string },
): LogEntry {
  const { projectId, repoName, fullPath } = from;
  return nodeEntry(operateType, {
    ...{ srcProjectId: projectId, srcRepoName: repoName, srcFullPath: fullPath },
    ...{ destProjectId: to.projectId, destRepoName: to.repoName, destFullPath: to.fullPath },
    ...{ overwrite: false, operator: 'admin' },
    projectId,
    repoName,
    fullPath,
    ...{ operateName: operateType === 'MOVE' ? 'Move' : 'Copy' },
  });
}

export function metadataSaved(
  projectId: string,
  repoName: string,
  fullPath: string,
  metadata: Readonly<Record<string, unknown>>,
): LogEntry {
  return {
    resourceType: 'METADATA',
    resourceKey: `/${projectId}/${repoName}${fullPath}`,
    operateType: 'UPDATE',
    ...by,
    userId: 'system',
    description: { request: { projectId, repoName, fullPath, metadata, operator: 'system' } },
  };
}
