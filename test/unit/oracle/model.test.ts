import { describe, expect, it } from 'vitest';
import {
  type CapturedNode,
  capturedExchanges,
  capturedNodes,
  capturedUserOperations,
} from '../../oracle/captured.ts';
import { Model, type ModelNode, normalize } from '../../oracle/model.ts';
import { hasGolden } from '../../support/golden.ts';

/** Each operation has a time of its own, so that a model's node tells which one made and which one changed it. */
function timeOf(step: number): Date {
  return new Date(step);
}

describe.skipIf(!hasGolden)('the model, beside the captured exchanges with a receiver', () => {
  /** The model's answer where it is not the captured one. */
  const DIFFERENT: Readonly<Record<string, number>> = {
    // A folder into itself: a mess there, refused here.
    'node.copy.folder-into-itself': 250103,
    'node.move.folder-into-itself': 250103,
    // A null value: an error without a name there.
    'node.create.nullmeta': 250103,
    'metadata.save.null': 250103,
  };

  it('gives every answer', () => {
    const model = new Model();
    for (const name of ['p1/g1', 'p1/g2', 'p1/g3', 'p1/h1']) {
      model.addRepository(name, 'LOCAL');
    }
    model.addRepository('p1/c2', 'COMPOSITE');
    model.addRepository('p1/v1', 'VIRTUAL');
    const captured = capturedExchanges();
    const answers = captured.map((exchange, step) => {
      if ('exists' in exchange) {
        const path = normalize(exchange.path);
        return [exchange.name, path === '/' || model.tree(exchange.repository).live.has(path)];
      }
      return [exchange.name, model.apply(exchange.operation, timeOf(step))];
    });
    expect(captured.length).toBeGreaterThan(150);
    expect(answers).toEqual(
      captured.map((exchange) => [
        exchange.name,
        'exists' in exchange ? exchange.exists : (DIFFERENT[exchange.name] ?? exchange.code),
      ]),
    );
  });
});

describe.skipIf(!hasGolden)('the model, beside the captured database', () => {
  const REPOSITORIES = ['ops/generic-local', 'ops/generic-two', 'test/generic-local'];
  const ROOT_INTO_ITSELF = '85 copy / -> /rootcopy {}';
  /** What the interfaces in front of the nodes answer instead: an error without a name, a refusal of their own. */
  const IN_FRONT: Readonly<Record<number, number>> = { 250101: 250103, 405: 0 };

  const model = new Model();
  for (const name of REPOSITORIES) {
    model.addRepository(name, 'LOCAL');
  }
  model.addRepository('ops/npm-virtual', 'VIRTUAL');
  const operations = hasGolden ? capturedUserOperations() : [];

  it('gives every answer', () => {
    // A non-empty folder is deleted by the nodes, but not by the interface that was asked; and the database under
    // the captured system removed no metadata.
    const captured = operations.filter(
      ({ operation, code }) => code !== 405 && operation.kind !== 'metadata-delete',
    );
    const answers = captured.map(({ name, operation }, step) => [name, model.apply(operation, timeOf(step))]);
    expect(captured.length).toBeGreaterThan(90);
    expect(answers).toEqual(
      captured.map(({ name, code }) => [name, name === ROOT_INTO_ITSELF ? 250103 : (IN_FRONT[code] ?? code)]),
    );
  });

  const stored = (hasGolden ? capturedNodes() : []).filter(
    ({ fullPath }) => fullPath !== '/rootcopy' && !fullPath.startsWith('/rootcopy/'),
  );

  it.each(REPOSITORIES)('has the live nodes of %s', (name) => {
    const { live } = model.tree(name);
    const expected = stored.filter((node) => nameOf(node) === name && isLive(node));
    expect([...live.keys()].sort()).toEqual(expected.map(({ fullPath }) => fullPath).sort());
    for (const node of expected) {
      expect(comparableModel(live.get(node.fullPath)), node.fullPath).toEqual(comparableStored(node));
    }
  });

  it.each(REPOSITORIES)('has the tombstones of %s', (name) => {
    const { tombstones } = model.tree(name);
    const expected = stored.filter((node) => nameOf(node) === name && !isLive(node));
    const entries = [...tombstones].flatMap(([path, digests]) =>
      digests.map((digest) => `${path} ${digest}`),
    );
    expect(entries.sort()).toEqual(
      expected.map(({ fullPath, sha256 }) => `${fullPath} ${sha256 ?? null}`).sort(),
    );
  });

  it.each(['createdDate', 'lastModifiedDate'] as const)('dates the nodes in the same order: %s', (date) => {
    for (const name of REPOSITORIES) {
      const { live } = model.tree(name);
      const steps = stored
        .filter((node) => nameOf(node) === name && isLive(node))
        .sort((one, other) => one[date].getTime() - other[date].getTime())
        .map(({ fullPath }) => live.get(fullPath)?.[date].getTime());
      expect(steps).toEqual([...steps].sort((one, other) => Number(one) - Number(other)));
    }
  });
});

function nameOf({ projectId, repoName }: CapturedNode): string {
  return `${projectId}/${repoName}`;
}

function isLive({ deleted }: CapturedNode): boolean {
  return deleted === null || deleted === undefined;
}

function comparableStored(node: CapturedNode): unknown {
  const { folder, size, createdBy, lastModifiedBy, metadata, expireDate } = node;
  return {
    ...{ folder, size, createdBy, lastModifiedBy },
    sha256: node.sha256 ?? null,
    md5: node.md5 ?? null,
    metadata: Object.fromEntries((metadata ?? []).map(({ key, value }) => [key, value])),
    expires: expireDate !== null && expireDate !== undefined,
  };
}

function comparableModel(node: ModelNode | undefined): unknown {
  if (node === undefined) {
    return undefined;
  }
  const { createdDate: _created, lastModifiedDate: _modified, expireDate, ...rest } = node;
  return { ...rest, expires: expireDate !== null };
}
