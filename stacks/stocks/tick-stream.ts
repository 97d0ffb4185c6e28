import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { Stream, StreamConsumer, StreamEncryption, StreamMode } from 'aws-cdk-lib/aws-kinesis';
import type { Key } from 'aws-cdk-lib/aws-kms';
import {
  EventSourceMapping,
  type EventSourceMappingProps,
  type Function as LambdaFunction,
  StartingPosition,
} from 'aws-cdk-lib/aws-lambda';
import { SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledge } from '../../constructs/acknowledge.ts';

export interface TickStreamProps {
  readonly key: Key;
  /** @default 7 days */
  readonly retention?: Duration;
}

/** From the oldest record that the stream keeps; from what arrives from now on; or from what has arrived since then. */
export type StreamPosition = 'TRIM_HORIZON' | 'LATEST' | Date;

export interface SubscriptionProps {
  /** Whether it reads at a throughput of its own. @default true */
  readonly fanOut?: boolean;
  /** Batches of one shard that are worked on at a time, 1 to 10; a symbol's are one after another. @default 1 */
  readonly parallelization?: number;
  /** For how long records are gathered before a call. @default 0 seconds */
  readonly gatherFor?: Duration;
  /** Where it begins to read when it is made. @default TRIM_HORIZON */
  readonly startingPosition?: StreamPosition;
  /** Gets shard and sequence numbers of what was given up. */
  readonly givenUp: Queue;
}

/** The most that Lambda hands over, 4 MB of trades. It gathers so many only where the trend has fallen behind. */
const batchSize = 10_000;

/** Lambda takes no longer age of a record than this. */
const longestAge = Duration.days(7);

/** Ticks on their way, on demand: shards come and go with the traffic, and a symbol's records stay in order. */
export class TickStream extends Construct {
  readonly stream: Stream;
  private readonly key: Key;
  private readonly retention: Duration;

  constructor(scope: Construct, id: string, props: TickStreamProps) {
    super(scope, id);
    this.key = props.key;
    this.retention = props.retention ?? longestAge;
    this.stream = new Stream(this, 'Stream', {
      streamMode: StreamMode.ON_DEMAND,
      encryption: StreamEncryption.KMS,
      encryptionKey: props.key,
      retentionPeriod: this.retention,
      // An empty one is billed by the hour; what it held is in the raw archive once the stack was drained.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledge(this.stream, 'the key of the lab: who may read its ticks is said in one place', 'KDS3');
  }

  /** Lets the grantee put records. The stream's own method would give more of the key than that takes. */
  grantPut(grantee: IGrantable): void {
    this.stream.grant(grantee, 'kinesis:PutRecords');
    this.key.grant(grantee, 'kms:GenerateDataKey');
  }

  /** Lets the grantee read, each shard at the throughput that all readers share. */
  grantRead(grantee: IGrantable): void {
    this.stream.grant(
      grantee,
      'kinesis:DescribeStream',
      'kinesis:DescribeStreamSummary',
      'kinesis:GetRecords',
      'kinesis:GetShardIterator',
      'kinesis:ListShards',
    );
    this.key.grant(grantee, 'kms:Decrypt');
  }

  /**
   * Calls the function with each batch, in order. A batch that fails is cut in halves and comes again until it succeeds; an hour
   * before its records leave the stream it is given up and told.
   */
  subscribe(target: LambdaFunction, props: SubscriptionProps): EventSourceMapping {
    this.grantRead(target);
    const age = Math.min(this.retention.toHours() - 1, longestAge.toHours());
    return new EventSourceMapping(this, 'Subscription', {
      target,
      eventSourceArn: (props.fanOut ?? true) ? this.consumer(target) : this.stream.streamArn,
      batchSize,
      maxBatchingWindow: props.gatherFor ?? Duration.seconds(0),
      parallelizationFactor: props.parallelization ?? 1,
      bisectBatchOnError: true,
      maxRecordAge: Duration.hours(age),
      onFailure: new SqsDlq(props.givenUp),
      ...starting(props.startingPosition ?? 'TRIM_HORIZON'),
    });
  }

  /** Enhanced fan-out: records are pushed as they come, 2 MB/s a shard for this consumer alone. */
  private consumer(target: LambdaFunction): string {
    const consumer = new StreamConsumer(this, 'Consumer', {
      stream: this.stream,
      // The service has no generated names. One of the stream's own is enough: consumers are told apart below a stream.
      streamConsumerName: 'trend',
    });
    consumer.grant(target, 'kinesis:SubscribeToShard', 'kinesis:DescribeStreamConsumer');
    return consumer.streamConsumerArn;
  }
}

function starting(
  position: StreamPosition,
): Pick<EventSourceMappingProps, 'startingPosition' | 'startingPositionTimestamp'> {
  if (typeof position === 'string') return { startingPosition: StartingPosition[position] };
  return {
    startingPosition: StartingPosition.AT_TIMESTAMP,
    startingPositionTimestamp: Math.floor(position.getTime() / 1000), // seconds, by the API
  };
}
