import { randomBytes } from 'node:crypto';
import type { SimulatedSource } from './source.ts';

/** The projects that a story writes; `suffix` keeps stories on one cluster apart. */
export function storyProjects(suffix: string): { readonly apps: string; readonly libs: string } {
  return { apps: `apps_${suffix}`, libs: `libs_${suffix}` };
}

/**
 * A few dozen changes as a day at a cluster brings them: two projects, repositories of several types and categories,
 * files from nothing to 3 MB, an empty folder, names that are not ASCII, metadata of every JSON type that a source can
 * hold (bk-repo refuses null), overwrites and deletions.
 *
 * @returns the number of entries that were written to the log.
 */
export async function playStory(source: SimulatedSource, suffix: string): Promise<number> {
  const { apps, libs } = storyProjects(suffix);
  let entries = 0;
  const step = async (change: Promise<void>) => {
    await change;
    entries += 1;
  };

  await step(source.createProject(apps, { displayName: 'apps', description: 'applications 应用' }));
  await step(source.createProject(libs, { displayName: 'libs' }));
  await step(source.createRepository(apps, 'generic-local', { description: '通用仓库' }));
  await step(source.createRepository(apps, 'helm-local', { type: 'HELM', public: true }));
  await step(
    source.createRepository(libs, 'maven-composite', {
      type: 'MAVEN',
      category: 'COMPOSITE',
      configuration: {
        type: 'composite',
        proxy: { channelList: [] },
        settings: {},
        webHook: { webHookList: [] },
      },
    }),
  );
  await step(source.createRepository(libs, 'npm-local', { type: 'NPM' }));

  await step(source.createFolder(apps, 'generic-local', '/empty/folder'));
  await step(
    source.upload(apps, 'generic-local', '/releases/1.0/server.tar.gz', randomBytes(3 * 1024 * 1024)),
  );
  await step(
    source.upload(apps, 'generic-local', '/releases/1.0/README', 'first release\n', { stage: 'release' }),
  );
  await step(source.upload(apps, 'generic-local', '/releases/1.0/empty.txt', ''));
  await step(source.upload(apps, 'generic-local', '/文档/使用 说明.md', '# 使用说明\n', { 语言: '中文' }));
  await step(source.upload(apps, 'generic-local', '/名前/naïve café ☕.bin', randomBytes(2_048)));
  await step(
    source.upload(apps, 'generic-local', '/meta/typed.json', '{}', {
      text: 'word',
      integer: 7,
      real: 1.5,
      truth: true,
      list: [1, 'two', { three: 3 }],
      object: { nested: { deep: 'yes' } },
      empty: '',
    }),
  );
  await step(
    source.saveMetadata(apps, 'generic-local', '/releases/1.0/README', {
      approved: true,
      reviewers: ['li', 'jo'],
    }),
  );
  for (let build = 1; build <= 12; build += 1) {
    await step(
      source.upload(apps, 'generic-local', `/builds/${build}/app.bin`, randomBytes(8_192), {
        build: String(build),
      }),
    );
  }
  await step(
    source.upload(apps, 'generic-local', '/builds/12/app.bin', randomBytes(4_096), {
      build: '12',
      rebuilt: 'yes',
    }),
  );
  await step(source.deleteNode(apps, 'generic-local', '/builds/1'));
  await step(source.upload(apps, 'helm-local', '/chart-1.2.3.tgz', randomBytes(10_000)));
  await step(source.upload(apps, 'helm-local', '/index.yaml', 'apiVersion: v1\nentries: {}\n'));

  for (const version of ['1.0', '1.1', '2.0-SNAPSHOT']) {
    const folder = `/com/example/lib/${version}`;
    await step(source.upload(libs, 'maven-composite', `${folder}/lib-${version}.jar`, randomBytes(30_000)));
    await step(
      source.upload(libs, 'maven-composite', `${folder}/lib-${version}.pom`, `<project>${version}</project>`),
    );
  }
  await step(source.upload(libs, 'maven-composite', '/com/example/lib/maven-metadata.xml', '<metadata/>'));
  await step(
    source.upload(libs, 'npm-local', '/@scope/pkg/-/pkg-1.0.0.tgz', randomBytes(5_000), {
      'dist-tag': 'latest',
    }),
  );
  await step(source.upload(libs, 'npm-local', '/@scope/pkg/package.json', '{"name":"@scope/pkg"}'));
  await step(source.saveMetadata(libs, 'npm-local', '/@scope/pkg/package.json', { downloads: 42 }));
  return entries;
}
