import { type CfnResource, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Grant, type IGrantable, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  type LifecycleRule,
  ObjectOwnership,
  StorageClass,
} from 'aws-cdk-lib/aws-s3';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct, type IConstruct } from 'constructs';
import { acknowledge } from './acknowledge.ts';

export interface ArchiveBucketProps {
  readonly key: IKey;
  /** Prefixes that hold the archive itself. */
  readonly archived: string[];
  /** Prefixes that hold what is needed for a short time only. @default none */
  readonly shortLived?: { prefix: string; expiresAfter: Duration }[];
  /** After this the archive moves to Glacier Instant Retrieval, which still replays in milliseconds. @default 30 days */
  readonly coldAfter?: Duration;
  /** @default 7 years */
  readonly keptFor?: Duration;
  /** How long an object of the archive that was deleted or overwritten can be brought back. @default 90 days */
  readonly restorableFor?: Duration;
  /** Whether each object is announced on EventBridge, which is billed by the object. @default true */
  readonly announced?: boolean;
  /** Prefixes whose new objects are told to a queue, in less time than EventBridge takes. @default none */
  readonly told?: { prefix: string; queue: Queue }[];
  /** @default RETAIN */
  readonly removalPolicy?: RemovalPolicy;
}

/** Versioned, encrypted with the lab's key, TLS only, private; tells of each object where it is wanted. */
export class ArchiveBucket extends Construct {
  readonly bucket: Bucket;
  private readonly key: IKey;

  constructor(scope: Construct, id: string, props: ArchiveBucketProps) {
    super(scope, id);
    this.key = props.key;
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    const keptFor = props.keptFor ?? Duration.days(7 * 365);
    const accessLog = new Bucket(this, 'AccessLog', {
      encryption: BucketEncryption.S3_MANAGED, // the log delivery service cannot use a key of ours
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy,
      autoDeleteObjects: removalPolicy === RemovalPolicy.DESTROY,
      lifecycleRules: [{ expiration: Duration.days(400) }],
    });
    acknowledge(accessLog, 'it is itself the access log', 'S1');
    this.bucket = new Bucket(this, 'Bucket', {
      serverAccessLogsBucket: accessLog,
      encryption: BucketEncryption.KMS,
      encryptionKey: props.key,
      bucketKeyEnabled: true,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy,
      autoDeleteObjects: removalPolicy === RemovalPolicy.DESTROY,
      lifecycleRules: [
        ...props.archived.map(
          (prefix): LifecycleRule => ({
            prefix,
            transitions: [
              {
                storageClass: StorageClass.GLACIER_INSTANT_RETRIEVAL,
                transitionAfter: props.coldAfter ?? Duration.days(30),
              },
            ],
            expiration: keptFor,
            // An expired object becomes a noncurrent version first: with `keptFor` here it would be kept twice as long.
            noncurrentVersionExpiration: props.restorableFor ?? Duration.days(90),
          }),
        ),
        ...(props.shortLived ?? []).map(
          ({ prefix, expiresAfter }): LifecycleRule => ({
            prefix,
            expiration: expiresAfter,
            noncurrentVersionExpiration: Duration.days(1),
          }),
        ),
        // What a broken upload leaves behind; this is why no function needs s3:AbortMultipartUpload.
        { abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
    });
    // The methods of the L2 (`eventBridgeEnabled`, `addEventNotification`) add a function with rights on every bucket of the
    // account; CloudFormation can do it by itself.
    const told = props.told ?? [];
    (this.bucket.node.defaultChild as CfnBucket).notificationConfiguration = {
      ...((props.announced ?? true) && { eventBridgeConfiguration: { eventBridgeEnabled: true } }),
      ...(told.length > 0 && {
        queueConfigurations: told.map(({ prefix, queue }) => ({
          event: 's3:ObjectCreated:*',
          queue: queue.queueArn,
          filter: { s3Key: { rules: [{ name: 'prefix', value: prefix }] } },
        })),
      }),
    };
    for (const { queue } of told) this.letTell(queue);
    // Without its policy a bucket that stays would answer without TLS.
    for (const { policy } of [this.bucket, accessLog]) policy?.applyRemovalPolicy(removalPolicy);
    if (removalPolicy === RemovalPolicy.DESTROY) this.removeEmptierLog();
  }

  /** S3 asks the queue at once when the bucket is made, so the permission comes first and cannot name the bucket. */
  private letTell(queue: Queue): void {
    queue.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('s3.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [queue.queueArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    this.bucket.node.addDependency(queue);
  }

  /**
   * Who may write into a bucket that is emptied when the stack goes has to go first, else it fills the bucket again, which then
   * cannot go: CloudFormation deletes in the reverse order of dependencies. The access log needs none of this: its policy lets
   * S3 write there, the emptier denies all writes in it, and both end with it.
   */
  private goesBeforeEmptier(role: IConstruct): void {
    const emptier = this.bucket.node.tryFindChild('AutoDeleteObjectsCustomResource');
    if (emptier) role.node.addDependency(emptier);
  }

  /** The function that empties the buckets before they go would leave a log group that no template knows. */
  private removeEmptierLog(): void {
    const provider = Stack.of(this).node.findChild('Custom::S3AutoDeleteObjectsCustomResourceProvider');
    if (provider.node.tryFindChild('Log')) return; // one function empties all buckets of the stack
    const log = new LogGroup(provider, 'Log', {
      retention: RetentionDays.ONE_WEEK,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const handler = provider.node.findChild('Handler') as CfnResource;
    handler.addPropertyOverride('LoggingConfig', { LogGroup: log.logGroupName });
  }

  /** Lets the grantee read the objects below these prefixes (no listing). */
  grantRead(grantee: IGrantable, ...prefixes: string[]): Grant {
    return this.grant(grantee, prefixes, ['s3:GetObject'], ['kms:Decrypt']);
  }

  /** Lets the grantee write small objects below these prefixes, or copy to them: each in one call. */
  grantWrite(grantee: IGrantable, ...prefixes: string[]): Grant {
    return this.grantPut(grantee, prefixes, ['kms:GenerateDataKey']);
  }

  /** Lets the grantee write objects of any size below these prefixes, in parts as well: a part needs kms:Decrypt. */
  grantUpload(grantee: IGrantable, ...prefixes: string[]): Grant {
    return this.grantPut(grantee, prefixes, ['kms:GenerateDataKey', 'kms:Decrypt']);
  }

  private grantPut(grantee: IGrantable, prefixes: string[], keyActions: string[]): Grant {
    // The role: whatever acts under it refers to it, and so goes before it.
    this.goesBeforeEmptier(grantee.grantPrincipal as unknown as IConstruct);
    return this.grant(grantee, prefixes, ['s3:PutObject'], keyActions);
  }

  /** Lets the grantee list the keys of all objects. */
  grantList(grantee: IGrantable): Grant {
    return Grant.addToPrincipal({
      grantee,
      actions: ['s3:ListBucket'],
      resourceArns: [this.bucket.bucketArn],
    });
  }

  private grant(grantee: IGrantable, prefixes: string[], actions: string[], keyActions: string[]): Grant {
    const logicalId = Stack.of(this).getLogicalId(this.bucket.node.defaultChild as CfnBucket);
    acknowledge(
      grantee.grantPrincipal as unknown as IConstruct,
      'one prefix of one bucket: the objects below it are named by date and hash',
      ...prefixes.map((prefix) => `IAM5[Resource::<${logicalId}.Arn>/${prefix}*]`),
    );
    return Grant.addToPrincipal({
      grantee,
      actions,
      resourceArns: prefixes.map((prefix) => this.bucket.arnForObjects(`${prefix}*`)),
    }).combine(Grant.addToPrincipal({ grantee, actions: keyActions, resourceArns: [this.key.keyArn] }));
  }
}
