/**
 * The main job on the local cloud, from nothing to verified artifacts: `npm run demo`.
 *
 * Brings the local cloud up (or uses the one that runs), creates an incremental task over the API, changes the source
 * as bk-repo does, watches the account until it closes, and compares both ends. Exits 0 only if all agree.
 */
import { randomBytes } from 'node:crypto';
import { isRunning, startLocalCloud, stopLocalCloud } from './local/cloud.ts';
import { readEndpoints } from './local/endpoints.ts';
import { compareProjects, type RepositoryComparison } from './simulator/comparison.ts';
import { SimulatedSource } from './simulator/source.ts';
import { type Account, Stage } from './simulator/stage.ts';
import { playStory, storyProjects } from './simulator/story.ts';

/** The first run of the tailer's schedule comes up to 70 s after the deployment; the rest is slack for a slow machine. */
const PATIENCE_MS = 300_000;

const say = (line: string) => process.stdout.write(`${line}\n`);

async function main(): Promise<boolean> {
  const startedHere = !(await isRunning());
  if (startedHere) {
    await startLocalCloud({ log: say, detach: false });
  }
  const stages: Stage[] = [];
  try {
    const { source, target } = (await readEndpoints()).stages;
    for (const endpoints of [source, target]) {
      stages.push(await Stage.connect(endpoints));
    }
    const [from, to] = stages;
    return from !== undefined && to !== undefined && (await demonstrate(from, to));
  } finally {
    await Promise.all(stages.map((stage) => stage.close()));
    if (startedHere) {
      await stopLocalCloud({ log: say });
    }
  }
}

async function demonstrate(source: Stage, target: Stage): Promise<boolean> {
  const suffix = randomBytes(3).toString('hex');
  const taskKey = await source.follow(target.asRemote);
  say(`Task ${taskKey} replicates ${source.endpoints.apiUrl} to ${target.endpoints.apiUrl}`);
  try {
    const { operateLogCollection } = source.endpoints;
    const entries = await playStory(new SimulatedSource({ ...source.cluster, operateLogCollection }), suffix);
    say(`Wrote ${entries} changes at the source; the tailer's schedule fires within 70 s`);
    const account = await source.settled({ taskKey, read: entries, patienceMs: PATIENCE_MS, show });
    const projects = Object.values(storyProjects(suffix));
    return report(
      account,
      await compareProjects({ source: source.cluster, target: target.cluster, projects }),
    );
  } finally {
    await source.call('DELETE', `/replication/task/delete/${taskKey}`);
  }
}

function show(account: Account): void {
  const counts = Object.entries(account).map(([name, count]) => `${name} ${count}`);
  say(`  ${new Date().toISOString().slice(11, 19)}  ${counts.join('  ')}`);
}

function report(account: Account, comparisons: readonly RepositoryComparison[]): boolean {
  const header = ['repository', 'folders', 'files', 'bytes verified', 'result'];
  const rows = comparisons.map((of) => [
    `${of.projectId}/${of.repoName}`,
    String(of.folders),
    String(of.files),
    String(of.bytesVerified),
    of.differences.length === 0 ? 'equal' : `${of.differences.length} differences`,
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  say('');
  for (const row of [header, ...rows]) {
    say(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  }
  const differences = comparisons.flatMap((of) =>
    of.differences.map((text) => `${of.projectId}/${of.repoName}: ${text}`),
  );
  for (const difference of differences) {
    say(difference);
  }
  const files = comparisons.reduce((sum, of) => sum + of.files, 0);
  const agree = differences.length === 0 && account.failed === 0 && files > 0;
  say('');
  say(agree ? `All ${files} artifacts verified at the target.` : 'Source and target differ.');
  return agree;
}

process.exitCode = (await main()) ? 0 : 1;
