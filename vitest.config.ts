import { defineConfig } from 'vitest/config';

/**
 * One project per test tier. The integration, end-to-end and fault tiers share one local cloud, which the global
 * set-up starts when it is not running and stops when it started it.
 */
export default defineConfig({
  test: {
    reporters: ['default', './test/support/counts-reporter.ts'],
    projects: [
      {
        // Properties take seconds where others use the machine too: the limit is there to end what hangs.
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
      },
      {
        test: {
          name: 'infrastructure',
          include: ['test/infrastructure/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'cloud',
          include: ['test/{integration,e2e,faults}/**/*.test.ts'],
          globalSetup: ['test/support/local-cloud.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
