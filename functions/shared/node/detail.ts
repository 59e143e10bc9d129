import { formatLocalDateTime } from '../http/local-date-time.ts';
import { jsonMetadata } from './metadata.ts';
import type { CreatedNode } from './node-service.ts';

/**
 * A node as the contract answers it: its fields, and the same once more under `nodeInfo`. A folder's digests are
 * null.
 *
 * @param timeZone IANA name of the zone that answers are written in.
 */
export function nodeDetail(node: CreatedNode, timeZone: string) {
  const nodeInfo = {
    createdBy: node.createdBy,
    createdDate: formatLocalDateTime(node.createdDate, timeZone),
    lastModifiedBy: node.lastModifiedBy,
    lastModifiedDate: formatLocalDateTime(node.lastModifiedDate, timeZone),
    folder: node.folder,
    path: node.path,
    name: node.name,
    fullPath: node.fullPath,
    size: node.size,
    sha256: node.sha256 ?? null,
    md5: node.md5 ?? null,
    metadata: jsonMetadata(node.metadata ?? []),
    projectId: node.projectId,
    repoName: node.repoName,
  };
  return { nodeInfo, ...nodeInfo };
}
