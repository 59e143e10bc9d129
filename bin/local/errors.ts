/**
 * What the person at the terminal is told when the local cloud cannot go on: one line that says what is wrong,
 * what to do, and which log to read.
 */
export class LocalCloudError extends Error {
  override readonly name = 'LocalCloudError';
}
