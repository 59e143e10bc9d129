import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { paths } from '../../bin/local/paths.ts';
import { preparePython } from '../../bin/local/python.ts';
import { installOnce } from '../../bin/local/toolbox.ts';
import { compareProjects } from '../../bin/simulator/comparison.ts';
import { SimulatedSource } from '../../bin/simulator/source.ts';
import { playStory, storyProjects } from '../../bin/simulator/story.ts';
import { connectStages } from '../support/stages.ts';
import { defaultSlot, setTailSchedule, tailerGone } from '../support/tail-schedule.ts';

/** The schedule's next run comes within 70 s; the rest is slack. */
const PATIENCE_MS = 240_000;

/**
 * The whole way, as deployed: the scheduled tailer, the queue, the replicator, the receiver. Nothing is called but the
 * API; the source is changed as bk-repo changes it.
 */
describe('from operate_log to the artifact at the target', { timeout: 2 * PATIENCE_MS }, () => {
  let stages: Awaited<ReturnType<typeof connectStages>>;
  let taskKey: string;
  let first: number;

  beforeAll(async () => {
    stages = await connectStages();
    taskKey = await stages.source.follow(stages.target.asRemote);
    first = (await defaultSlot(stages.source)).nextOrdinal;
  });

  afterAll(async () => {
    await stages.source.call('DELETE', `/replication/task/delete/${taskKey}`);
    await stages.close();
  });

  const source = () => {
    const { operateLogCollection } = stages.source.endpoints;
    return new SimulatedSource({ ...stages.source.cluster, operateLogCollection });
  };
  const differences = async (...projects: string[]) => {
    const comparisons = await compareProjects({
      source: stages.source.cluster,
      target: stages.target.cluster,
      projects,
    });
    return comparisons.flatMap((repository) => repository.differences);
  };
  /** Wait until the task has read every entry written since this suite began. */
  const settled = async (entries: number) => {
    const account = await stages.source.settled({ taskKey, read: entries, patienceMs: PATIENCE_MS });
    const { read, applied, superseded, filtered, conflicted, failed, pending } = account;
    expect(applied + superseded + filtered + conflicted + failed + pending).toBe(read);
    expect(failed).toBe(0);
    return account;
  };

  it('brings a day’s changes over, whatever their kind, equal to the byte', async () => {
    const suffix = randomBytes(3).toString('hex');
    const entries = await playStory(source(), suffix);
    await settled(entries);
    expect(await differences(...Object.values(storyProjects(suffix)))).toEqual([]);
  });

  it('brings over what a foreign program writes, in another language, with the endpoints alone', async () => {
    const project = `py_${randomBytes(3).toString('hex')}`;
    const before = (await stages.source.account(taskKey)).read;
    const written = await foreignWriter(project, 12);
    await settled(before + 14);
    expect(await differences(project)).toEqual([]);
    expect(Object.keys(written)).toHaveLength(12);
  });

  it('brings over what was written while no tailer ran', async () => {
    await setTailSchedule(stages.source, 'DISABLED');
    await tailerGone(stages.source);
    const project = `idle_${randomBytes(3).toString('hex')}`;
    const { nextOrdinal } = await defaultSlot(stages.source);
    await source().createProject(project);
    await source().createRepository(project, 'generic');
    await source().upload(project, 'generic', '/a/b.txt', 'written while nobody read');
    // More than a request to the target's API may hold, twice.
    const large = randomBytes(6 * 1024 * 1024);
    await source().upload(project, 'generic', '/large/one.bin', large, { parts: 7 });
    await source().upload(project, 'generic', '/large/two.bin', large);
    expect((await defaultSlot(stages.source)).nextOrdinal).toBe(nextOrdinal);
    await setTailSchedule(stages.source, 'ENABLED');
    await settled(nextOrdinal - first + 5);
    expect(await differences(project)).toEqual([]);
  });
});

/** Run the Python program, with its libraries installed privately once. */
async function foreignWriter(project: string, files: number): Promise<Record<string, string>> {
  const program = fileURLToPath(new URL('foreign/write_entries.py', import.meta.url));
  const requirements = fileURLToPath(new URL('foreign/requirements.txt', import.meta.url));
  const python = await preparePython({ log: () => undefined });
  const libraries = await installOnce({
    name: 'foreign-writer',
    madeFrom: [readFileSync(requirements, 'utf8')],
    install: (directory) => python.installInto(directory, ['--requirement', requirements]),
  });
  const { stdout } = await promisify(execFile)(
    python.interpreter,
    [program, paths.endpoints, project, String(files)],
    { env: { ...process.env, PYTHONPATH: libraries, PYTHONDONTWRITEBYTECODE: '1' }, timeout: 120_000 },
  );
  return z.record(z.string(), z.string()).parse(JSON.parse(stdout));
}
