import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { RemoteFile } from '../../../functions/shared/remote/client.ts';
import { contentKnowledge, contentSender } from '../../../functions/shared/remote/content.ts';
import type { Content } from '../../../functions/shared/remote/content-calls.ts';
import { RemoteOutageError } from '../../../functions/shared/remote/errors.ts';
import { EXTENSIONS, type Extension } from '../../../functions/shared/remote/version.ts';

const REPOSITORY = { projectId: 'p1', repoName: 'g1' };
const LARGE = 256 * 1024 + 1;
const SMALL = 256 * 1024;

function digestOf(name: string): string {
  return createHash('sha256').update(name).digest('hex');
}

/** A file whose digest is made from the name of its content. */
function fileOf(content: string, size: number, fullPath = `/${content}`): RemoteFile {
  return {
    ...REPOSITORY,
    fullPath,
    size,
    sha256: digestOf(content),
    md5: 'x',
    expires: 0,
    operator: 'ada',
    metadata: { build: 42 },
  };
}

/** A remote that plays what it announces, and the calls that it got. */
function play(options: {
  readonly extensions: readonly Extension[];
  readonly holds?: readonly Content[];
  readonly expected?: readonly Content[];
}) {
  const { extensions, holds = [], expected = [] } = options;
  const store = new Map(holds.map(({ sha256, size }) => [sha256, size]));
  const calls: string[] = [];
  const created: RemoteFile[] = [];
  const questions: (readonly string[])[] = [];
  const outages: string[] = [];
  const record = (call: string) => {
    calls.push(call);
    if (outages[0] === call) {
      outages.shift();
      throw new RemoteOutageError('SERVER_ERROR');
    }
  };
  const sender = contentSender({
    repository: REPOSITORY,
    knowledge: contentKnowledge(expected),
    client: {
      identity: async () => ({ extensions: new Set(extensions) }),
      heldContent: async ({ sha256s }) => {
        record('ask');
        questions.push(sha256s);
        return new Map([...store].filter(([sha256]) => sha256s.includes(sha256)));
      },
      putContent: async ({ sha256, size }, open) => {
        record('put');
        await open();
        store.set(sha256, size);
      },
      createFile: async (file) => {
        record(`create ${file.fullPath}`);
        created.push(file);
      },
      uploadFile: async ({ fullPath, sha256, size }, open) => {
        record(`upload ${fullPath}`);
        await open();
        store.set(sha256, size);
      },
    },
  });
  let opened = 0;
  const open = async () => {
    opened += 1;
    return { size: 0, stream: Readable.from([]) };
  };
  return {
    calls,
    created,
    questions,
    outages,
    send: (file: RemoteFile) => sender.send(file, open),
    opened: () => opened,
  };
}

describe('a file on its way to a remote', () => {
  it('goes in one form to a remote of the base contract, whatever its size', async () => {
    const remote = play({ extensions: [] });
    await remote.send(fileOf('a', LARGE));
    await remote.send(fileOf('a', LARGE, '/b'));
    expect(remote.calls).toEqual(['upload /a', 'upload /b']);
  });

  it('is put into the store before its node is made', async () => {
    const remote = play({ extensions: EXTENSIONS });
    await remote.send(fileOf('a', LARGE));
    expect(remote.calls).toEqual(['ask', 'put', 'create /a']);
  });

  it('takes along by whom and when it was made, with its content or after it', async () => {
    const remote = play({ extensions: EXTENSIONS });
    const creation = { createdBy: 'bob', createdDate: '2020-02-29T12:34:56.789' };
    const files = [fileOf('a', LARGE), fileOf('a', LARGE, '/b')].map((file) => ({ ...file, ...creation }));
    for (const file of files) {
      await remote.send(file);
    }
    expect(remote.created).toEqual(files);
  });

  it('moves no bytes when the remote holds its content', async () => {
    const remote = play({ extensions: EXTENSIONS, holds: [fileOf('a', LARGE)] });
    await remote.send({ ...fileOf('a', LARGE), sha256: digestOf('a').toUpperCase() });
    expect(remote.calls).toEqual(['ask', 'create /a']);
    expect(remote.opened()).toBe(0);
  });

  it('moves no bytes under a second name', async () => {
    const remote = play({ extensions: EXTENSIONS });
    await remote.send(fileOf('a', LARGE));
    await remote.send(fileOf('a', LARGE, '/b'));
    expect(remote.calls).toEqual(['ask', 'put', 'create /a', 'create /b']);
    expect(remote.opened()).toBe(1);
  });

  it('is put again where the remote holds something of another size under its digest', async () => {
    const remote = play({ extensions: EXTENSIONS, holds: [{ ...fileOf('a', LARGE), size: LARGE - 1 }] });
    await remote.send(fileOf('a', LARGE));
    expect(remote.calls).toEqual(['ask', 'put', 'create /a']);
  });

  it('does not put its content again when only its node could not be made', async () => {
    const remote = play({ extensions: EXTENSIONS });
    remote.outages.push('create /a');
    await expect(remote.send(fileOf('a', LARGE))).rejects.toBeInstanceOf(RemoteOutageError);
    await remote.send(fileOf('a', LARGE));
    expect(remote.calls).toEqual(['ask', 'put', 'create /a', 'create /a']);
  });

  it('is asked for again after a question that got no answer', async () => {
    const remote = play({ extensions: EXTENSIONS });
    remote.outages.push('ask');
    await expect(remote.send(fileOf('a', LARGE))).rejects.toBeInstanceOf(RemoteOutageError);
    await remote.send(fileOf('a', LARGE));
    expect(remote.calls).toEqual(['ask', 'ask', 'put', 'create /a']);
  });

  it('goes in one form when it is small, or when the remote gives out no addresses', async () => {
    const small = play({ extensions: EXTENSIONS });
    await small.send(fileOf('a', SMALL));
    expect(small.calls).toEqual(['upload /a']);

    const later = play({ extensions: ['blob'], holds: [fileOf('b', LARGE)] });
    await later.send(fileOf('a', LARGE));
    await later.send(fileOf('b', LARGE));
    expect(later.calls).toEqual(['ask', 'upload /a', 'ask', 'create /b']);
  });

  it('goes in one form when its digest is none, for the remote to refuse', async () => {
    const remote = play({ extensions: EXTENSIONS });
    await remote.send({ ...fileOf('a', LARGE), sha256: '' });
    expect(remote.calls).toEqual(['upload /a']);
  });

  it('is asked for together with what follows, each digest once and 500 at a time', async () => {
    const files = Array.from({ length: 600 }, (_, index) => fileOf(`f${index}`, index === 7 ? SMALL : LARGE));
    const remote = play({
      extensions: EXTENSIONS,
      holds: files,
      expected: [...files, { ...fileOf('x', 1), sha256: 'no digest' }],
    });
    for (const file of files) {
      await remote.send(file);
    }
    expect(remote.questions.map((digests) => digests.length)).toEqual([500, 100]);
    expect(new Set(remote.questions.flat()).size).toBe(600);
    expect(remote.calls).toHaveLength(602);
    expect(remote.opened()).toBe(0);
  });
});
