import type { ConflictGuard } from '../conflict/guard.ts';
import type { NodeWriter } from './node-writer.ts';
import { APPLIED, type Outcome } from './outcome.ts';
import type { SourceNode } from './source-catalog.ts';

/** A writer that leaves some paths at the target as they are. What lies under a folder that is removed goes with it. */
export function leavingOut(writer: NodeWriter, isLeftOut: (fullPath: string) => boolean): NodeWriter {
  const unless = <Node extends { readonly fullPath: string }>(put: (node: Node) => Promise<Outcome>) => {
    return async (node: Node): Promise<Outcome> => (isLeftOut(node.fullPath) ? APPLIED : put(node));
  };
  return {
    ...writer,
    putFile: unless(writer.putFile),
    putFolder: unless(writer.putFolder),
    putNode: unless(writer.putNode),
    async remove(fullPath, operator) {
      if (!isLeftOut(fullPath)) {
        await writer.remove(fullPath, operator);
      }
    },
  };
}

/**
 * A writer that tells the guard what it has done, and has a file make way where the guard knows of one in a folder's place: a
 * remote says of both that the node exists.
 */
export function telling(writer: NodeWriter, guard: ConflictGuard | undefined): NodeWriter {
  if (guard === undefined) {
    return writer;
  }
  const told = (
    node: Pick<SourceNode, 'fullPath' | 'folder'> & { readonly sha256?: string },
    outcome: Outcome,
  ) => {
    if (outcome.kind === 'APPLIED') {
      guard.noteSent(node);
    }
    return outcome;
  };
  const vacate: NodeWriter['vacate'] = async (fullPath, operator) => {
    await writer.vacate(fullPath, operator);
    guard.noteTransferred(fullPath, [], true);
  };
  const putFolder: NodeWriter['putFolder'] = async (folder) => {
    const { fullPath, operator } = folder;
    if (guard.holdsFile(fullPath)) {
      await vacate(fullPath, operator);
    }
    return told({ fullPath, folder: true }, await writer.putFolder(folder));
  };
  return {
    putFile: async (file) => {
      const { fullPath, sha256 } = file;
      return told({ fullPath, folder: false, sha256 }, await writer.putFile(file));
    },
    putFolder,
    putNode: async (node) =>
      node.folder ? putFolder({ ...node, operator: node.createdBy }) : told(node, await writer.putNode(node)),
    async remove(fullPath, operator) {
      await writer.remove(fullPath, operator);
      guard.noteRemoved(fullPath);
    },
    occupy: (fullPath, operator) => writer.occupy(fullPath, operator),
    vacate,
  };
}
