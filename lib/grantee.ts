import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/** One that permissions are granted to, and below which their acknowledgements are recorded. */
export type Grantee = IGrantable & IConstruct;
