import type { Code } from 'aws-cdk-lib/aws-lambda';

/** Gives the deployable code of a function by its folder; the archive's entry is `index.handler`. */
export type FunctionCode = (folder: string) => Code;
