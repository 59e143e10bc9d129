import { z } from 'zod';
import { openFrontDoor } from './front-door.ts';

/**
 * The program that keeps the front doors open: it is given the APIs as a JSON argument, tells its parent the ports,
 * and then runs until it is stopped.
 */
const apis = z.record(z.string(), z.object({ endpoint: z.url(), apiId: z.string() }));

const ports: Record<string, number> = {};
for (const [stage, api] of Object.entries(apis.parse(JSON.parse(process.argv[2] ?? '')))) {
  ports[stage] = (await openFrontDoor(api)).port;
}
process.send?.(ports);
