import { readEndpoints } from '../../bin/local/endpoints.ts';
import { Stage } from '../../bin/simulator/stage.ts';

/** Both stages of the running local cloud. */
export async function connectStages(): Promise<{ source: Stage; target: Stage; close: () => Promise<void> }> {
  const { stages } = await readEndpoints();
  const source = await Stage.connect(stages.source);
  const target = await Stage.connect(stages.target);
  return {
    source,
    target,
    close: async () => {
      await source.close();
      await target.close();
    },
  };
}
