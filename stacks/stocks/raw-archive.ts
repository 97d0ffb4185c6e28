import { Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import { type IMetric, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { Grant, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnDeliveryStream } from 'aws-cdk-lib/aws-kinesisfirehose';
import { LogStream } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge } from '../../constructs/acknowledge.ts';
import type { ArchiveBucket } from '../../constructs/archive-bucket.ts';
import { labLog } from '../../constructs/lab-log.ts';
import { rawPrefix } from '../../domain/stocks/contract.ts';
import type { TickStream } from './tick-stream.ts';

/** What Firehose could not write as it should, by its reason. */
export const rawFailedPrefix = 'raw-failed/';

export interface RawArchiveProps {
  readonly stream: TickStream;
  readonly archive: ArchiveBucket;
  /** An object is written when it is this old or this large, before compression. @default 60 seconds, 64 MiB */
  readonly buffer?: { age: Duration; size: Size };
}

/**
 * Every record of the stream, whole and unchanged, in gzipped objects of a line each, below the hour of its arrival in UTC.
 * It reads the stream by itself: a trend that stands still keeps nothing out of the archive.
 */
export class RawArchive extends Construct {
  readonly deliveryStreamName: string;

  constructor(scope: Construct, id: string, props: RawArchiveProps) {
    super(scope, id);
    const buffer = props.buffer ?? { age: Duration.seconds(60), size: Size.mebibytes(64) };
    const { stream } = props.stream;
    const { bucket } = props.archive;
    const log = labLog(this, 'Log');
    const logStream = new LogStream(this, 'LogStream', {
      logGroup: log,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // Not the L2: its role may also read and delete in the whole archive.
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('firehose.amazonaws.com') });
    props.stream.grantRead(role);
    const granted = [
      props.archive.grantUpload(role, rawPrefix, rawFailedPrefix),
      Grant.addToPrincipal({
        grantee: role,
        actions: ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'],
        resourceArns: [bucket.bucketArn],
      }),
      Grant.addToPrincipal({
        grantee: role,
        // What AWS's page lists for a destination beside the upload (Firehose developer guide, "Grant Firehose access to an
        // Amazon S3 destination"): Firehose reads back what it wrote itself.
        actions: ['s3:AbortMultipartUpload', 's3:GetObject'],
        resourceArns: [rawPrefix, rawFailedPrefix].map((prefix) => bucket.arnForObjects(`${prefix}*`)),
      }),
      log.grantWrite(role),
    ];
    const hour = '!{timestamp:yyyy/MM/dd/HH}/';
    const delivery = new CfnDeliveryStream(this, 'DeliveryStream', {
      deliveryStreamType: 'KinesisStreamAsSource',
      kinesisStreamSourceConfiguration: { kinesisStreamArn: stream.streamArn, roleArn: role.roleArn },
      extendedS3DestinationConfiguration: {
        bucketArn: bucket.bucketArn,
        roleArn: role.roleArn,
        prefix: `${rawPrefix}${hour}`,
        errorOutputPrefix: `${rawFailedPrefix}!{firehose:error-output-type}/${hour}`,
        compressionFormat: 'GZIP',
        bufferingHints: {
          intervalInSeconds: buffer.age.toSeconds(),
          sizeInMBs: buffer.size.toMebibytes(),
        },
        // A line a record; the feed sends none of its own.
        processingConfiguration: {
          enabled: true,
          processors: [
            {
              type: 'AppendDelimiterToRecord',
              parameters: [{ parameterName: 'Delimiter', parameterValue: '\\n' }],
            },
          ],
        },
        cloudWatchLoggingOptions: {
          enabled: true,
          logGroupName: log.logGroupName,
          logStreamName: logStream.logStreamName,
        },
      },
    });
    acknowledge(delivery, 'it holds nothing at rest: source and target are encrypted', 'KDF1');
    for (const grant of granted) grant.applyBefore(delivery);
    this.deliveryStreamName = delivery.ref;
  }

  /** Seconds for which the oldest record that is not in the archive yet has been waiting. */
  freshness(period: Duration): IMetric {
    return new Metric({
      namespace: 'AWS/Firehose',
      metricName: 'DeliveryToS3.DataFreshness',
      dimensionsMap: { DeliveryStreamName: this.deliveryStreamName },
      statistic: 'Maximum',
      period,
    });
  }
}
