/**
 * A tailer in a process of its own that kills itself (SIGKILL) before or after one of its steps. Run by
 * tailer-killed.test.ts; the order is in the environment variable DOOM as JSON.
 */
import { z } from 'zod';
import { readEndpoints } from '../../../bin/local/endpoints.ts';
import { tail } from '../../../functions/shared/tail/tail.ts';
import { interrupted } from '../../support/interruption.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { burst, sandboxedTail } from '../../support/sandboxed-tail.ts';

const doom = z
  .object({
    names: z.object({ table: z.string(), bucket: z.string(), queueUrl: z.string(), database: z.string() }),
    step: z.string(),
    when: z.enum(['before', 'after']),
    owner: z.string(),
    readLimit: z.number(),
    leaseMs: z.number(),
  })
  .parse(JSON.parse(process.env['DOOM'] ?? ''));

const { stages } = await readEndpoints();
const sandbox = await Sandbox.open(stages.source, doom.names);
const dependencies = interrupted(sandboxedTail(sandbox), doom.step, doom.when, async () => {
  process.kill(process.pid, 'SIGKILL');
});
const { owner, readLimit, leaseMs } = doom;
await tail(dependencies, burst(owner, { readLimit, leaseMs }));
await sandbox.close();
