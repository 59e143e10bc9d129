import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { intercepted } from '../support/intercepted.ts';
import type { Cloud } from './cloud.ts';

/** Buckets in memory, by the rules of S3. */
export class MemoryS3 {
  /** Contents by `<bucket>/<key>`. */
  readonly objects = new Map<string, Buffer>();
  readonly client: S3Client;

  constructor(cloud: Cloud) {
    this.client = intercepted(new S3Client({ region: 'nowhere' }), {
      send: (command: unknown) =>
        cloud.call({ service: 'S3', name: nameOf(command) }, () => this.#answer(command)),
    });
  }

  #answer(command: unknown): unknown {
    if (command instanceof PutObjectCommand) {
      return this.#put(command.input);
    }
    if (command instanceof GetObjectCommand) {
      const content = this.objects.get(addressOf(command.input));
      if (content === undefined) {
        throw new NoSuchKey({
          message: 'The specified key does not exist.',
          $metadata: { httpStatusCode: 404 },
        });
      }
      const range = /^bytes=(\d+)-(\d+)$/.exec(command.input.Range ?? '');
      const part = range === null ? content : content.subarray(Number(range[1]), Number(range[2]) + 1);
      const stream = Readable.from([part], { objectMode: false });
      return {
        ContentLength: part.length,
        Body: Object.assign(stream, { transformToByteArray: async () => new Uint8Array(part) }),
      };
    }
    if (command instanceof HeadObjectCommand) {
      const content = this.objects.get(addressOf(command.input));
      if (content === undefined) {
        throw refusal('NotFound', 404);
      }
      return { ContentLength: content.length };
    }
    if (command instanceof ListObjectsV2Command) {
      const { Bucket, Prefix = '', StartAfter = '', MaxKeys = 1_000 } = command.input;
      const Contents = [...this.objects.keys()]
        .filter((address) => address.startsWith(`${Bucket}/${Prefix}`) && address > `${Bucket}/${StartAfter}`)
        .sort()
        .slice(0, MaxKeys)
        .map((address) => ({ Key: address.slice(`${Bucket}/`.length) }));
      return { Contents };
    }
    throw new Error(`S3 is not asked ${nameOf(command)} here`);
  }

  #put(input: PutObjectCommand['input']): unknown {
    const { Body, IfNoneMatch, ChecksumSHA256 } = input;
    const content = typeof Body === 'string' || Body instanceof Uint8Array ? Buffer.from(Body) : undefined;
    if (content === undefined) {
      throw new TypeError('Only whole contents are put here');
    }
    if (IfNoneMatch === '*' && this.objects.has(addressOf(input))) {
      throw refusal('PreconditionFailed', 412);
    }
    if (
      ChecksumSHA256 !== undefined &&
      ChecksumSHA256 !== createHash('sha256').update(content).digest('base64')
    ) {
      throw refusal('BadDigest', 400);
    }
    this.objects.set(addressOf(input), content);
    return {};
  }
}

function addressOf({
  Bucket,
  Key,
}: {
  readonly Bucket?: string | undefined;
  readonly Key?: string | undefined;
}): string {
  return `${Bucket}/${Key}`;
}

function refusal(name: string, httpStatusCode: number): S3ServiceException {
  return new S3ServiceException({ name, $fault: 'client', $metadata: { httpStatusCode }, message: name });
}

function nameOf(command: unknown): string {
  return command !== null && typeof command === 'object'
    ? command.constructor.name.replace('Command', '')
    : '';
}
