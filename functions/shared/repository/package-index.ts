/**
 * Package indexes: files that a repository server can rebuild from the packages that it holds.
 *
 * A target that has packages of its own keeps its own index (the policy `index_trans`): the source's would list only the
 * source's packages. The one table of which paths they are. Of a package's own files none is among them.
 */
const INDEXES: Readonly<Record<string, (segments: readonly string[]) => boolean>> = {
  // Of a group, an artifact or a snapshot, each with its digests.
  MAVEN: (segments) => /^maven-metadata\.xml(\.(md5|sha1|sha256|sha512))?$/.test(lastOf(segments)),
  // bk-repo has kept its index under both names.
  HELM: (segments) => /^index(-cache)?\.yaml$/.test(lastOf(segments)),
  // Package documents: bk-repo keeps them, and those of the versions, apart; other servers beside the tarballs' folder.
  NPM: (segments) => segments[0] === '.npm' || isPackageDocument(segments),
  PYPI: ([first]) => first === 'simple',
  // Beside the packages that it lists, at any depth.
  RPM: (segments) => segments.includes('repodata'),
  // No type of bk-repo of today.
  DEBIAN: ([first]) => first === 'dists',
  // The root index, and the documents of single packages that it refers to (Composer's `providers-url`, `metadata-url`).
  COMPOSER: (segments) =>
    (segments.length === 1 && segments[0] === 'packages.json') ||
    ((segments[0] === 'p' || segments[0] === 'p2') && lastOf(segments).endsWith('.json')),
};

/**
 * Whether a node is a package index, or lies in a folder that is one; so is the folder itself.
 *
 * @param type of the repository, as `REPOSITORY_TYPES` names it; an unknown one has no indexes.
 * @param fullPath normalised.
 * @example isPackageIndex('MAVEN', '/com/acme/app/maven-metadata.xml.sha1') // true
 */
export function isPackageIndex(type: string, fullPath: string): boolean {
  const segments = fullPath.split('/').slice(1);
  return Object.hasOwn(INDEXES, type) && INDEXES[type]?.(segments) === true;
}

function lastOf(segments: readonly string[]): string {
  return segments.at(-1) ?? '';
}

/** `/name/package.json`, or `/@scope/name/package.json`. */
function isPackageDocument(segments: readonly string[]): boolean {
  return (
    lastOf(segments) === 'package.json' && segments.length === (segments[0]?.startsWith('@') === true ? 3 : 2)
  );
}
