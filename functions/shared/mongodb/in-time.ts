/** An answer took longer than its question's time limit: nobody knows whether it is whole. */
export class LateAnswerError extends Error {
  override readonly name = 'LateAnswerError';

  constructor(limit: number) {
    super(`The database answered after the ${limit} ms that it had`);
  }
}

/**
 * Ask the database within a time limit, and take no answer for whole that comes after it.
 *
 * MongoDB ends an operation that is over its `maxTimeMS` with an error. FerretDB (v1.24.2) closes the cursor as well, and its
 * `find` then answers with what it had read until then, as if that were all: nodes would be taken for gone. The server's time
 * begins after ours, so that an answer in time is whole at either.
 *
 * @param limit milliseconds.
 * @throws LateAnswerError; MongoError as the server's error comes.
 */
export async function inTime<Answer>(
  limit: number,
  ask: (options: { readonly maxTimeMS: number }) => Promise<Answer>,
): Promise<Answer> {
  const begun = performance.now();
  const answer = await ask({ maxTimeMS: limit });
  if (performance.now() - begun >= limit) {
    throw new LateAnswerError(limit);
  }
  return answer;
}
