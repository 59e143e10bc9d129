import { z } from 'zod';
import type { Stage } from '../../bin/simulator/stage.ts';
import { callRaw } from './api-client.ts';

const tokenHeaders = z.object({ 'x-subject-token': z.string().min(20) });
const resultsSchema = z.object({
  results: z.array(z.object({ id: z.string(), status: z.string() }).loose()),
});

/** A client of the second API as deployed: signed in as the stage's administrator, with a token. */
export class JobsClient {
  readonly token: string;
  readonly #stage: Stage;

  private constructor(stage: Stage, token: string) {
    this.#stage = stage;
    this.token = token;
  }

  static async signIn(stage: Stage): Promise<JobsClient> {
    const { apiUrl, admin, projectId } = stage.endpoints;
    const user = { name: admin.username, password: admin.password, domain: { name: 'any' } };
    const identity = { methods: ['password'], password: { user } };
    const scope = { project: { id: projectId } };
    const answer = await callRaw({
      url: `${apiUrl}/v3/auth/tokens`,
      method: 'POST',
      headers: {},
      content: Buffer.from(JSON.stringify({ auth: { identity, scope } })),
    });
    if (answer.status !== 201) {
      throw new Error(`Signing in was answered ${answer.status}: ${answer.text}`);
    }
    return new JobsClient(stage, tokenHeaders.parse(answer.headers)['x-subject-token']);
  }

  /**
   * One call about jobs.
   *
   * @returns its results, in the order of the jobs.
   * @throws Error when the call as a whole is refused, or a result says `failed`.
   */
  async call(name: string, body: unknown): Promise<z.output<typeof resultsSchema>['results']> {
    const { apiUrl, projectId } = this.#stage.endpoints;
    const { status, text } = await callRaw({
      url: `${apiUrl}/v3/${projectId}/jobs/${name}`,
      method: 'POST',
      headers: { 'x-auth-token': this.token, 'content-type': 'application/json' },
      content: Buffer.from(JSON.stringify(body)),
    });
    const parsed = status === 200 ? resultsSchema.parse(JSON.parse(text)) : undefined;
    if (parsed === undefined || parsed.results.some((result) => result.status === 'failed')) {
      throw new Error(`${name} was answered ${status}: ${text}`);
    }
    return parsed.results;
  }
}
