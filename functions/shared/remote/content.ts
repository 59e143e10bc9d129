import type { Container } from '../lane/message.ts';
import type { RemoteClient, RemoteFile } from './client.ts';
import { type Content, MAX_CONTENTS, type OpenContent } from './content-calls.ts';

/**
 * Bytes up to which a file goes in one form whatever the remote announces, unless its content is known to be there:
 * asking first, and two calls in place of one, would take longer than its content.
 */
const MAX_FORM_BYTES = 256 * 1024;

const SHA256 = /^[0-9a-f]{64}$/;

/**
 * What is known of a remote repository's content. Keep it for one batch: a remote may remove content that no node
 * names.
 */
export interface ContentKnowledge {
  /** Digests to ask for with the next one. */
  readonly expected: Set<string>;
  readonly asked: Set<string>;
  /** Bytes that the remote holds under a digest. */
  readonly held: Map<string, number>;
}

/** @param contents what may be sent soon: when the remote is asked for content at all, it is asked for these too. */
export function contentKnowledge(contents: readonly Pick<Content, 'sha256'>[]): ContentKnowledge {
  const digests = contents.map(({ sha256 }) => sha256.toLowerCase()).filter((digest) => SHA256.test(digest));
  return { expected: new Set(digests), asked: new Set(), held: new Map() };
}

/** Brings files to one repository of a remote, by the cheapest way that the remote announces. */
export interface ContentSender {
  /**
   * Put a file at its path, replacing the one there. Content that the remote holds is not sent; the node is created
   * only when the content is there. Repeated after a failure, content that has arrived is not sent again.
   *
   * @param open as of `uploadFile`, whose errors these are.
   */
  send(
    file: RemoteFile,
    open: OpenContent,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
}

export function contentSender(options: {
  readonly client: Pick<
    RemoteClient,
    'identity' | 'heldContent' | 'putContent' | 'createFile' | 'uploadFile'
  >;
  readonly repository: Container;
  readonly knowledge: ContentKnowledge;
}): ContentSender {
  const { client, repository, knowledge } = options;
  const { expected, asked, held } = knowledge;

  async function ask(sha256: string): Promise<void> {
    const sha256s = [...new Set([sha256, ...expected])].slice(0, MAX_CONTENTS);
    for (const [digest, bytes] of await client.heldContent({ ...repository, sha256s })) {
      held.set(digest, bytes);
    }
    for (const digest of sha256s) {
      asked.add(digest);
      expected.delete(digest);
    }
  }

  /** See that the remote holds the content. @returns false when there is no way to it but the file's form. */
  async function bring(
    content: Content,
    open: OpenContent,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { sha256, size } = content;
    if (held.get(sha256) === size) {
      return true;
    }
    if (size <= MAX_FORM_BYTES || !SHA256.test(sha256)) {
      return false;
    }
    const { extensions } = await client.identity();
    if (!extensions.has('blob')) {
      return false;
    }
    if (!asked.has(sha256)) {
      await ask(sha256);
    }
    if (held.get(sha256) === size) {
      return true;
    }
    if (!extensions.has('presigned')) {
      return false;
    }
    await client.putContent({ ...repository, ...content }, open, { signal });
    held.set(sha256, size);
    return true;
  }

  return {
    async send(file, open, { signal } = {}) {
      const content = { sha256: file.sha256.toLowerCase(), size: file.size };
      if (await bring(content, open, signal)) {
        await client.createFile({ ...file, ...content });
      } else {
        await client.uploadFile(file, open, { signal });
      }
    },
  };
}
