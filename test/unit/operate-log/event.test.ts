import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { BSON, ObjectId } from 'mongodb';
import { describe, expect, it } from 'vitest';
import {
  archivedForm,
  type LogDocument,
  parseLogDocument,
} from '../../../functions/shared/operate-log/event.ts';

/** The captured log of a real bk-repo, where the workplace has it. */
const captured = new URL('../../../../shared/wire/golden/operate_log.jsonl', import.meta.url);

const nodeEntry = (operateType: string, request: unknown) => ({
  resourceType: 'NODE',
  operateType,
  description: { projectId: 'p', repoName: 'r', request: JSON.stringify(request, null, 2) },
});

const entry = (fields: Record<string, unknown>): LogDocument =>
  archivedForm({
    _id: new ObjectId('6b024090d2b9d90e1fdfcbcf'),
    createdDate: new Date('2026-11-22T01:08:32.227Z'),
    resourceKey: '/p/r/x',
    userId: 'admin',
    clientAddress: '127.0.0.1',
    ...fields,
  });

const changeOf = (fields: Record<string, unknown>) => {
  const event = parseLogDocument(entry(fields));
  return 'change' in event ? event.change : event.unreadable;
};

describe('archived form', () => {
  it('keeps the identity, the date and every BSON type', () => {
    const document = entry({ description: { number: BSON.Long.fromNumber(7), real: new BSON.Double(7) } });
    expect(document.id).toBe('6b024090d2b9d90e1fdfcbcf');
    expect(document.loggedAt).toBe('2026-11-22T01:08:32.227Z');
    expect(document.text).toContain('"number":{"$numberLong":"7"},"real":{"$numberDouble":"7.0"}');
  });

  it('takes an _id of any type and a missing date', () => {
    expect(archivedForm({ _id: 'own' })).toMatchObject({ id: '"own"', loggedAt: '1970-01-01T00:00:00.000Z' });
  });
});

describe('log documents', () => {
  it('reads a file with its path normalised and its nulls as defaults', () => {
    const request = {
      projectId: 'p',
      repoName: 'r',
      fullPath: 'a//b/./c.txt',
      folder: false,
      expires: 0,
      overwrite: true,
      size: 4,
      sha256: 'ab',
      md5: 'cd',
      metadata: null,
      operator: 'jo',
      createdBy: null,
    };
    expect(changeOf(nodeEntry('CREATE', request))).toEqual({
      kind: 'NODE_CREATE',
      projectId: 'p',
      repoName: 'r',
      fullPath: '/a/b/c.txt',
      folder: false,
      expires: 0,
      overwrite: true,
      size: 4,
      sha256: 'ab',
      md5: 'cd',
      metadata: {},
      operator: 'jo',
    });
  });

  it('reads a copy without a destination repository as one within the source', () => {
    const request = {
      srcProjectId: 'p',
      srcRepoName: 'r',
      srcFullPath: '/a',
      destProjectId: null,
      destRepoName: null,
      destFullPath: '\\b\\c',
      overwrite: false,
      operator: 'jo',
    };
    expect(changeOf(nodeEntry('COPY', request))).toMatchObject({
      kind: 'NODE_COPY',
      fullPath: '/a',
      destination: { projectId: 'p', repoName: 'r' },
      destFullPath: '/b/c',
    });
  });

  it('reads the clusters that a change came by, and takes nothing else for one', () => {
    const id = '0123456789abcdef'.repeat(2);
    const originOf = (origin: unknown) => {
      const request = { projectId: 'p', repoName: 'r', fullPath: '/a' };
      const event = parseLogDocument(entry({ ...nodeEntry('DELETE', request), origin }));
      return 'origin' in event ? event.origin : event.unreadable;
    };
    expect(originOf([id])).toEqual([id]);
    expect(originOf([id.toUpperCase(), 7, '', id, id])).toEqual([id]);
    for (const none of [undefined, null, 'text', { 0: id }]) {
      expect(originOf(none)).toEqual([]);
    }
    const many = Array.from({ length: 20 }, (_, number) => String(number).padStart(32, '0'));
    expect(originOf(many)).toEqual(many.slice(4));
  });

  it('tells a metadata save from a metadata delete by the field', () => {
    const head = { resourceType: 'METADATA', operateType: 'UPDATE' };
    const node = { projectId: 'p', repoName: 'r', fullPath: '/a', operator: 'system' };
    expect(
      changeOf({ ...head, description: { request: { ...node, metadata: { k: [1, { x: true }] } } } }),
    ).toEqual({
      kind: 'METADATA_SAVE',
      ...node,
      metadata: { k: [1, { x: true }] },
    });
    expect(changeOf({ ...head, description: { request: { ...node, keyList: ['k'] } } })).toEqual({
      kind: 'METADATA_DELETE',
      ...node,
      keyList: ['k'],
    });
  });

  it.each([
    ['an unknown kind', { resourceType: 'NODE', operateType: 'EXPLODE', description: {} }, 'no known kind'],
    ['an inherited name', { resourceType: 'constructor', operateType: '', description: {} }, 'no known kind'],
    ['no description', { resourceType: 'NODE', operateType: 'DELETE' }, 'description'],
    [
      'a request that is no JSON',
      { ...nodeEntry('DELETE', {}), description: { request: '{' } },
      'no JSON text',
    ],
    [
      'a file without digests',
      nodeEntry('CREATE', { projectId: 'p', repoName: 'r', fullPath: '/a' }),
      'sha256',
    ],
    [
      'a path that is none',
      nodeEntry('DELETE', { projectId: 'p', repoName: 'r', fullPath: '/a\0' }),
      'fullPath: is no valid node path',
    ],
    [
      'a name that would break a key',
      nodeEntry('DELETE', { projectId: 'p/q', repoName: 'r', fullPath: '/a' }),
      'name',
    ],
  ])('says that %s is unreadable, without its content', (_, fields, reason) => {
    const outcome = changeOf({ ...fields, secret: 'hunter2' });
    expect(outcome).toContain(reason);
    expect(outcome).not.toContain('hunter2');
  });

  it('never throws, whatever a document holds', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('NODE', 'REPOSITORY', 'PROJECT', 'METADATA'),
        fc.constantFrom('CREATE', 'RENAME', 'UPDATE', 'MOVE', 'COPY', 'DELETE'),
        fc.oneof(fc.object(), fc.record({ request: fc.oneof(fc.object(), fc.json(), fc.string()) })),
        (resourceType, operateType, description) => {
          const event = parseLogDocument(entry({ resourceType, operateType, description }));
          expect('change' in event || event.unreadable.length > 0).toBe(true);
        },
      ),
    );
  });
});

describe.skipIf(!existsSync(captured))('the captured log of a real bk-repo', () => {
  const lines = existsSync(captured) ? readFileSync(captured, 'utf8').trimEnd().split('\n') : [];

  it('holds 96 documents', () => {
    expect(lines).toHaveLength(96);
  });

  it.each(lines.map((line, index) => [index + 1, line] as const))(
    'line %i is understood and archived as it was',
    (_, line) => {
      const document = BSON.EJSON.parse(line, { relaxed: false }) as Record<string, unknown>;
      const archived = archivedForm(document);
      expect(JSON.parse(archived.text)).toEqual(JSON.parse(line));
      expect(parseLogDocument(archived)).toHaveProperty('change');
    },
  );
});
