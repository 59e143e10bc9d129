import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { BlobStore } from '../blob/blob-store.ts';
import { DomainError } from '../errors.ts';
import { parseMultipart } from '../http/multipart.ts';
import { SYSTEM_OPERATOR } from '../operator.ts';
import type { RepositoryService } from '../repository/repository-service.ts';
import type { MetadataEntry } from './metadata.ts';
import type { CreatedNode, NodeAddress, NodeService } from './node-service.ts';
import { isRoot, normalizeFullPath } from './path.ts';
import { checkStorage } from './storage.ts';

/** Where the file's own address begins in a request's path, under both prefixes. */
const UPLOAD_PATH =
  /^(?:\/api)?\/replication\/replica\/file\/(?<projectId>[^/]+)\/(?<repoName>[^/]+)(?<fullPath>\/.*)?$/s;

const METADATA_FIELD = /^metadata\[(?<key>.*)\]$/s;

/** A whole number that Java would read (`-1` too); the sign and leading zeros are its own. */
const WHOLE_NUMBER = /^[+-]?\d{1,15}$/;

/** What a file upload brings: the content, and what its sender says of it. */
export interface FileUpload extends NodeAddress {
  readonly content: Buffer;
  /** Bytes. */
  readonly size: number;
  /** Hex, in either case. */
  readonly sha256: string;
  readonly md5: string;
  readonly userId: string;
  /** Days; 0 or less: never. */
  readonly expires: number;
  readonly metadata: readonly MetadataEntry[];
}

/** The raw parts of an upload request. */
export const fileUploadRequest = z.object({
  rawPath: z.string(),
  contentType: z.string().optional(),
  body: z.instanceof(Buffer),
});

/**
 * Read an upload: the address from the path, the rest from the form. The file part's own file name is not read.
 *
 * @throws DomainError PARAMETER_MISSING for a part that is missing or blank, PARAMETER_INVALID for one that is no
 * number where one belongs, and what `parseMultipart` throws.
 */
export async function readFileUpload(request: z.output<typeof fileUploadRequest>): Promise<FileUpload> {
  const address = uploadAddress(request.rawPath);
  const { fields, file } = await parseMultipart({ contentType: request.contentType, body: request.body });
  if (file === undefined || file.name !== 'file') {
    throw new DomainError('PARAMETER_MISSING', ['file']);
  }
  return {
    ...address,
    content: file.content,
    size: wholeNumber(required(fields, 'size'), 'size'),
    sha256: required(fields, 'sha256'),
    md5: required(fields, 'md5'),
    userId: present(fields, 'userId') ?? SYSTEM_OPERATOR,
    expires: wholeNumber(present(fields, 'expires') ?? '0', 'expires'),
    metadata: metadataOf(fields),
  };
}

/**
 * Project, repository and path of an upload from the request's raw path.
 *
 * The gateway hands the path over decoded once, except that `%25` stays: what is left to decode is the percent
 * sign. Senders put a double slash before the path; normalising drops it.
 *
 * @example uploadAddress('/replication/replica/file/p/r//a/100%25.txt') // fullPath: '/a/100%.txt'
 * @throws DomainError NODE_PATH_INVALID; PARAMETER_INVALID `fullPath` for the root
 */
export function uploadAddress(rawPath: string): NodeAddress {
  const groups = UPLOAD_PATH.exec(rawPath.replaceAll('%25', '%'))?.groups;
  const { projectId = '', repoName = '', fullPath: path = '' } = groups ?? {};
  const fullPath = normalizeFullPath(path);
  if (isRoot(fullPath)) {
    throw new DomainError('PARAMETER_INVALID', ['fullPath']);
  }
  return { projectId, repoName, fullPath };
}

/**
 * Take a file in: the content is hashed and compared with what is claimed of it, stored under its digest, and only
 * then the node is created. A file that is in its place is overwritten.
 *
 * @throws DomainError PARAMETER_INVALID `size`, `sha256` or `md5` when the content is not what is claimed;
 * UPLOAD_REPOSITORY_NOT_FOUND; OPERATION_UNSUPPORTED for a repository whose blobs are in another storage than the
 * one we write to; and what creating a node throws.
 */
export async function receiveFile(options: {
  readonly upload: FileUpload;
  readonly repositories: Pick<RepositoryService, 'find'>;
  readonly blobs: Pick<BlobStore, 'put'>;
  readonly nodes: Pick<NodeService, 'create'>;
}): Promise<CreatedNode> {
  const { upload, repositories, blobs, nodes } = options;
  const { content, userId, ...claimed } = upload;
  const digests = checkContent(upload);
  await checkStorage(repositories, upload);
  await blobs.put({ sha256: digests.sha256, content });
  return nodes.create({
    ...claimed,
    ...digests,
    folder: false,
    overwrite: true,
    operator: userId,
    createdBy: undefined,
    createdDate: undefined,
    lastModifiedDate: undefined,
  });
}

/** @returns the content's digests as blobs are named by them: lower-case hex. */
function checkContent(upload: FileUpload): { readonly sha256: string; readonly md5: string } {
  if (upload.content.length !== upload.size) {
    throw new DomainError('PARAMETER_INVALID', ['size']);
  }
  const sha256 = digestOf('sha256', upload.content);
  if (sha256 !== upload.sha256.toLowerCase()) {
    throw new DomainError('PARAMETER_INVALID', ['sha256']);
  }
  const md5 = digestOf('md5', upload.content);
  if (md5 !== upload.md5.toLowerCase()) {
    throw new DomainError('PARAMETER_INVALID', ['md5']);
  }
  return { sha256, md5 };
}

function digestOf(algorithm: 'sha256' | 'md5', content: Buffer): string {
  return createHash(algorithm).update(content).digest('hex');
}

function present(fields: ReadonlyMap<string, string>, name: string): string | undefined {
  const value = fields.get(name)?.trim();
  return value === '' ? undefined : value;
}

function required(fields: ReadonlyMap<string, string>, name: string): string {
  const value = present(fields, name);
  if (value === undefined) {
    throw new DomainError('PARAMETER_MISSING', [name]);
  }
  return value;
}

function wholeNumber(text: string, name: string): number {
  if (!WHOLE_NUMBER.test(text)) {
    throw new DomainError('PARAMETER_INVALID', [name]);
  }
  return Number(text);
}

function metadataOf(fields: ReadonlyMap<string, string>): MetadataEntry[] {
  return [...fields].flatMap(([name, value]) => {
    const key = METADATA_FIELD.exec(name)?.groups?.['key'];
    return key === undefined ? [] : [{ key, value }];
  });
}
