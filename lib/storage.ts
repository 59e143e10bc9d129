import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledgeWildcardResource } from './acknowledge.ts';
import type { Grantee } from './grantee.ts';

export interface StorageProps {
  /** Bucket that bk-repo keeps its blobs in; one is created when there is none. */
  readonly blobBucketName: string | undefined;
  /** What becomes of the data when the stack goes. */
  readonly removalPolicy: RemovalPolicy;
  /**
   * Days that the archive keeps what was read from the log: the longest time for which a paused task, a redrive or a
   * catch-up can go back.
   */
  readonly archiveRetention: Duration;
}

/** What is used of a bucket, whether it was made here or existed before. */
export type BucketReference = Pick<IBucket, 'bucketName' | 'bucketArn' | 'arnForObjects'>;

/** The table of tasks, slots, lanes and principals; the archive; the blobs. */
export class Storage extends Construct {
  readonly table: TableV2;
  readonly archiveBucket: BucketReference;
  readonly blobBucket: BucketReference;

  constructor(scope: Construct, id: string, props: StorageProps) {
    super(scope, id);
    this.table = new TableV2(this, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.awsManagedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      timeToLiveAttribute: 'expiresAt',
      deletionProtection: props.removalPolicy === RemovalPolicy.RETAIN,
      removalPolicy: props.removalPolicy,
    });
    const archiveBucket = this.#bucket('ArchiveBucket', props.removalPolicy);
    archiveBucket.addLifecycleRule({ id: 'expire', expiration: props.archiveRetention });
    this.archiveBucket = archiveBucket;
    this.blobBucket =
      props.blobBucketName === undefined
        ? this.#bucket('BlobBucket', props.removalPolicy)
        : Bucket.fromBucketName(this, 'BlobBucket', props.blobBucketName);
  }

  /** Read one principal: no other item of the table can be read by this. */
  grantReadPrincipals(grantee: Grantee): void {
    this.#allowItems(grantee, ['dynamodb:GetItem'], ['PRINCIPAL']);
  }

  /** Read one principal, token or access key. */
  grantReadCallers(grantee: Grantee): void {
    this.#allowItems(grantee, ['dynamodb:GetItem'], ['PRINCIPAL', 'ACCESS_KEY', 'TOKEN#*']);
  }

  /** Write principals. */
  grantWritePrincipals(grantee: Grantee): void {
    this.#allowItems(grantee, ['dynamodb:GetItem', 'dynamodb:PutItem'], ['PRINCIPAL']);
  }

  grantListPrincipals(grantee: Grantee): void {
    this.#allowItems(grantee, ['dynamodb:Query'], ['PRINCIPAL']);
  }

  /** Delete principals, on condition of others. */
  grantDeletePrincipals(grantee: Grantee): void {
    this.#allowItems(grantee, ['dynamodb:DeleteItem', 'dynamodb:ConditionCheckItem'], ['PRINCIPAL']);
  }

  grantWriteTokens(grantee: Grantee): void {
    this.#allowItems(grantee, ['dynamodb:PutItem'], ['TOKEN#*']);
  }

  /** List, write and delete access keys. */
  grantAccessKeys(grantee: Grantee): void {
    this.#allowItems(grantee, ['dynamodb:Query', 'dynamodb:PutItem', 'dynamodb:DeleteItem'], ['ACCESS_KEY']);
  }

  grantReadTable(grantee: Grantee): void {
    this.#allow(
      grantee,
      ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'],
      this.table.tableArn,
    );
  }

  grantWriteTable(grantee: Grantee): void {
    this.#allow(
      grantee,
      [
        'dynamodb:PutItem',
        'dynamodb:UpdateItem',
        'dynamodb:DeleteItem',
        'dynamodb:BatchWriteItem',
        'dynamodb:ConditionCheckItem',
      ],
      this.table.tableArn,
    );
  }

  grantReadArchive(grantee: Grantee): void {
    this.#allowObjects(grantee, this.archiveBucket, ['s3:GetObject']);
  }

  grantWriteArchive(grantee: Grantee): void {
    this.#allowObjects(grantee, this.archiveBucket, ['s3:GetObject', 's3:PutObject']);
  }

  grantReadBlobs(grantee: Grantee): void {
    this.#allowObjects(grantee, this.blobBucket, ['s3:GetObject']);
  }

  grantWriteBlobs(grantee: Grantee): void {
    this.#allowObjects(grantee, this.blobBucket, ['s3:GetObject', 's3:PutObject']);
  }

  #bucket(id: string, removalPolicy: RemovalPolicy): Bucket {
    const bucket = new Bucket(this, id, {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      removalPolicy,
      lifecycleRules: [{ id: 'abort-uploads', abortIncompleteMultipartUploadAfter: Duration.days(7) }],
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Access logs would be one more object for each object, for good. Only the roles of this stack have access; ' +
        'an account that must record every access turns on CloudTrail data events for the bucket.',
    });
    return bucket;
  }

  /**
   * Object actions on a bucket. Without s3:ListBucket S3 answers a missing key with 403 in place of 404, so that
   * "not there" and "not allowed" would look the same: it is part of reading.
   */
  #allowObjects(grantee: Grantee, bucket: BucketReference, actions: readonly string[]): void {
    const objects = bucket.arnForObjects('*');
    this.#allow(grantee, actions, objects);
    this.#allow(grantee, ['s3:ListBucket'], bucket.bucketArn);
    acknowledgeWildcardResource(
      grantee,
      objects,
      'Object keys are made from digests and ordinals at run time: the bucket is the narrowest resource there is.',
    );
  }

  /** Actions on the items of these partitions. */
  #allowItems(grantee: Grantee, actions: readonly string[], partitions: readonly string[]): void {
    const operator = partitions.some((name) => name.endsWith('*')) ? 'StringLike' : 'StringEquals';
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({
        actions: [...actions],
        resources: [this.table.tableArn],
        conditions: { [`ForAllValues:${operator}`]: { 'dynamodb:LeadingKeys': [...partitions] } },
      }),
    );
  }

  #allow(grantee: Grantee, actions: readonly string[], resource: string): void {
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({ actions: [...actions], resources: [resource] }),
    );
  }
}
