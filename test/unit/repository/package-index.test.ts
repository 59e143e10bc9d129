import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REPOSITORY_TYPES } from '../../../functions/shared/repository/configuration.ts';
import { isPackageIndex } from '../../../functions/shared/repository/package-index.ts';

const INDEXED = ['MAVEN', 'HELM', 'NPM', 'PYPI', 'RPM', 'DEBIAN', 'COMPOSER'];

const indexes: readonly (readonly [type: string, fullPath: string])[] = [
  ['MAVEN', '/com/acme/app/maven-metadata.xml'],
  ['MAVEN', '/com/acme/app/1.0-SNAPSHOT/maven-metadata.xml.sha1'],
  ['MAVEN', '/maven-metadata.xml.md5'],
  ['MAVEN', '/a/maven-metadata.xml.sha256'],
  ['MAVEN', '/a/maven-metadata.xml.sha512'],
  ['HELM', '/index.yaml'],
  ['HELM', '/index-cache.yaml'],
  ['HELM', '/stable/index.yaml'],
  ['NPM', '/.npm/left-pad/package.json'],
  ['NPM', '/.npm/left-pad/left-pad-1.0.0.json'],
  ['NPM', '/.npm/@acme/app/package.json'],
  ['NPM', '/left-pad/package.json'],
  ['NPM', '/@acme/app/package.json'],
  ['PYPI', '/simple'],
  ['PYPI', '/simple/requests/index.html'],
  ['RPM', '/repodata'],
  ['RPM', '/repodata/repomd.xml'],
  ['RPM', '/el8/x86_64/repodata/primary.xml.gz'],
  ['DEBIAN', '/dists/stable/main/binary-amd64/Packages.gz'],
  ['COMPOSER', '/packages.json'],
  ['COMPOSER', '/p/acme/app.json'],
  ['COMPOSER', '/p2/acme/app.json'],
];

const packages: readonly (readonly [type: string, fullPath: string])[] = [
  ['MAVEN', '/com/acme/app/1.0/app-1.0.pom'],
  ['MAVEN', '/com/acme/app/1.0/app-1.0.jar.sha1'],
  ['MAVEN', '/com/acme/my-maven-metadata.xml'],
  ['MAVEN', '/com/acme/maven-metadata.xml.asc'],
  ['MAVEN', '/com/maven-metadata.xml/app.jar'],
  ['HELM', '/app-1.0.0.tgz'],
  ['HELM', '/app-1.0.0.tgz.prov'],
  ['HELM', '/myindex.yaml'],
  ['HELM', '/index.yaml.bak'],
  ['NPM', '/left-pad/-/left-pad-1.0.0.tgz'],
  ['NPM', '/@acme/app/-/app-1.0.0.tgz'],
  ['NPM', '/left-pad/-/package.json'],
  ['NPM', '/@acme/package.json'],
  ['NPM', '/package.json'],
  ['PYPI', '/requests/2.0/requests-2.0.tar.gz'],
  ['PYPI', '/simple-1.0.tar.gz'],
  ['PYPI', '/a/simple/x.whl'],
  ['RPM', '/el8/x86_64/app-1.0.rpm'],
  ['RPM', '/repodata-1.0.rpm'],
  ['DEBIAN', '/pool/main/d/dists/dists_1.0.deb'],
  ['COMPOSER', '/acme/app/app-1.0.zip'],
  ['COMPOSER', '/acme/packages.json'],
  ['COMPOSER', '/p/app/app-1.0.zip'],
  ['COMPOSER', '/p'],
];

const segment = fc.stringMatching(/^[a-zA-Z0-9_.@目-]{1,12}$/).filter((name) => !/^\.{1,2}$/.test(name));
const path = fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join('/')}`);

describe('isPackageIndex', () => {
  it.each(indexes)('takes an index of %s for one: %s', (type, fullPath) => {
    expect(isPackageIndex(type, fullPath)).toBe(true);
    for (const other of [...INDEXED, ...REPOSITORY_TYPES, 'generic']) {
      const own = indexes.some(([each, at]) => each === other && at === fullPath);
      expect(isPackageIndex(other, fullPath)).toBe(own);
    }
  });

  it.each(packages)('takes no other file of %s for one: %s', (type, fullPath) => {
    expect(isPackageIndex(type, fullPath)).toBe(false);
  });

  it('finds none in a repository of another type, nor at the root', () => {
    const others = REPOSITORY_TYPES.filter((type) => !INDEXED.includes(type));
    expect(others).toEqual(['NONE', 'GENERIC', 'DOCKER', 'NUGET']);
    fc.assert(
      fc.property(fc.constantFrom(...others, 'constructor', 'toString', ''), path, (type, fullPath) => {
        expect(isPackageIndex(type, fullPath)).toBe(false);
      }),
    );
    for (const type of INDEXED) {
      expect(isPackageIndex(type, '/')).toBe(false);
    }
  });

  it('finds those that lie beside packages at any depth', () => {
    const name = fc.constantFrom(
      ['MAVEN', 'maven-metadata.xml'],
      ['MAVEN', 'maven-metadata.xml.sha1'],
      ['HELM', 'index.yaml'],
      ['RPM', 'repodata'],
    );
    fc.assert(
      fc.property(name, path, ([type = '', file], folder) => {
        expect(isPackageIndex(type, `${folder === '/' ? '' : folder}/${file}`)).toBe(true);
      }),
    );
  });

  it('takes what is in an index folder for part of it', () => {
    const folder = fc.constantFrom(
      ['RPM', '/os/repodata'],
      ['PYPI', '/simple'],
      ['DEBIAN', '/dists'],
      ['NPM', '/.npm'],
    );
    fc.assert(
      fc.property(folder, path, ([type = '', at], below) => {
        expect(isPackageIndex(type, `${at}${below === '/' ? '' : below}`)).toBe(true);
      }),
    );
  });

  it('tells a package from an index by whole names', () => {
    const affix = segment.filter((text) => /^[a-z0-9]+$/.test(text));
    fc.assert(
      fc.property(
        fc.constantFrom(
          ...indexes.filter(([, at]) => at.split('/').length === 2 && !at.startsWith('/maven')),
        ),
        affix,
        ([type, at], text) => {
          expect(isPackageIndex(type, `/${text}${at.slice(1)}`)).toBe(false);
          expect(isPackageIndex(type, `${at}${text}`)).toBe(false);
        },
      ),
    );
  });
});
