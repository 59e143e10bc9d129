import type { Reporter, TestModule } from 'vitest/node';

/** Closes a run with one plain line of counts, for whoever reads only that. */
export default class CountsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    let brokenModules = 0;
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        counts[test.result().state] += 1;
      }
      // A file that fails before its tests are known has none to count.
      if (module.state() === 'failed' && module.errors().length > 0) {
        brokenModules += 1;
      }
    }
    const failed = counts.failed + counts.pending + brokenModules;
    process.stdout.write(`\n${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped\n`);
  }
}
