import { Duration, type Size } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { Construct } from 'constructs';
import { LabFunction } from '../../constructs/lab-function.ts';
import { LabTable } from '../../constructs/lab-table.ts';
import { SqlStack, type SqlStackProps } from '../../constructs/sql-stack.ts';
import {
  type FeedSettings,
  manifestPrefix,
  rawPrefix,
  replayPrefix,
  rowsPrefix,
  setAsidePrefix,
  type trendEnvironment,
  type watchEnvironment,
} from '../../domain/stocks/contract.ts';
import { operateStocks } from './operation.ts';
import { stocksOutputs } from './outputs.ts';
import { RawArchive, rawFailedPrefix } from './raw-archive.ts';
import { RowLoads, rowsQueue } from './row-loads.ts';
import { TickFeed } from './tick-feed.ts';
import { type StreamPosition, TickStream } from './tick-stream.ts';

export interface StocksStackProps extends SqlStackProps {
  /** What the feed is told beside its defaults. @default defaultFeedSettings of domain/stocks/feed-settings.ts */
  readonly feed?: Partial<FeedSettings>;
  /** GiB of disk for ticks that the feed's memory does not hold, 21 to 200. @default 30 */
  readonly feedSpillGibibytes?: number;
  /**
   * The image with Node that the feed's image is made from. A digest in place of the tag (`node@sha256:…`, that of the
   * index, which has an image for the machine that builds, too) makes every build have the same one. @default the tag in services/tick-feed/Dockerfile
   */
  readonly feedNodeImage?: string;
  /**
   * For how long the stream keeps records: what the trend can be away for, and what can be read again from the stream alone.
   * The first 24 hours are in its price, each further day is billed by the gigabyte. 1 to 365 days. @default 7 days
   */
  readonly streamRetention?: Duration;
  /**
   * Whether the trend reads by enhanced fan-out: some 70 ms in place of 200, billed by the gigabyte that it gets, as the stream is
   * on demand. Another value replaces the subscription, which then reads from `trendStartingPosition`. @default true
   */
  readonly fanOut?: boolean;
  /**
   * Where the trend begins to read when its subscription is made: at the first deploy, and each time `fanOut` is changed. A Date is
   * AT_TIMESTAMP: what arrived since, to the second. Records that were read before come again, and rows stay once each. Change it
   * together with `fanOut` alone: Lambda refuses a second subscription to the same source, and the deploy would be rolled back.
   * How to choose it: diagrams/stocks.md, "Switching fan-out". @default TRIM_HORIZON
   */
  readonly trendStartingPosition?: StreamPosition;
  /** Batches of one shard that the trend works on at a time, 1 to 10; each symbol's stay in order. @default 1 */
  readonly trendParallelization?: number;
  /** For how long ticks are gathered before the trend is called: each call is an object and a write a symbol. @default 0 */
  readonly trendEvery?: Duration;
  /** For how long objects are gathered before they are loaded, 1 to 300 seconds; see the price in the lab's page. @default 5 s */
  readonly loadEvery?: Duration;
  /** The raw archive's objects are this old or this large, before compression. @default 60 seconds, 64 MiB */
  readonly rawBuffer?: { age: Duration; size: Size };
}

/** Stocks: every trade of the DOW and NASDAQ symbols, with the trend of its symbol, in SQL within seconds. */
export class StocksStack extends SqlStack {
  constructor(scope: Construct, id: string, props: StocksStackProps = {}) {
    super(scope, id, props, {
      lab: 'stocks',
      title: 'Stock trends',
      description: 'Stocks: a websocket of trades to a trend for each in Redshift, archived and replayable',
    });
    const { key, operations, removalPolicy } = this;
    const notLoaded = operations.deadLetterQueue(
      'NotLoaded',
      'Objects of rows were tried for hours and are not in SQL. Read the errors of the Load function, mend the cause, then start the redrive of this queue (output RedriveCommand). Nothing is lost: the objects are in the archive.',
    );
    const givenUp = operations.deadLetterQueue(
      'GivenUp',
      'Records left the stream without a trend; a message names shard and sequence numbers. They are in the raw archive: mend the cause, then replay their hours.',
    );

    const rows = rowsQueue(this, 'Rows', notLoaded);
    const { archive, warehouse, migrations } = this.archiveToSql(props, {
      archived: [rawPrefix, rawFailedPrefix, rowsPrefix, setAsidePrefix],
      shortLived: [
        { prefix: manifestPrefix, expiresAfter: Duration.days(14) },
        { prefix: replayPrefix, expiresAfter: Duration.days(90) },
      ],
      told: [{ prefix: rowsPrefix, queue: rows }],
      announced: false, // nobody listens
      copied: [rowsPrefix, manifestPrefix, replayPrefix],
      migrations: new URL('migrations', import.meta.url),
      ledger: 'stocks_migrations',
      reader: 'stocks_reader',
    });
    const stream = new TickStream(this, 'Ticks', { key, retention: props.streamRetention });
    const raw = new RawArchive(this, 'Raw', { stream, archive, buffer: props.rawBuffer });
    const feed = new TickFeed(this, 'Feed', {
      key,
      stream,
      settings: props.feed ?? {},
      spillGibibytes: props.feedSpillGibibytes,
      nodeImage: props.feedNodeImage,
      removalPolicy,
    });

    const states = new LabTable(this, 'States', { key: 'symbol', removalPolicy });
    const trend = new LabFunction<(typeof trendEnvironment)[number]>(this, 'Trend', {
      handler: 'stocks/trend.ts',
      description: 'Says of each tick whether its price goes up or down',
      timeout: Duration.seconds(60),
      memory: 1769, // one full vCPU; the rule is one thread
      environment: { STATE_TABLE: states.tableName, ARCHIVE_BUCKET: archive.bucket.bucketName },
    });
    states.grant(trend, 'dynamodb:BatchGetItem', 'dynamodb:PutItem');
    archive.grantWrite(trend, rowsPrefix, setAsidePrefix);
    archive.grantRead(trend, rowsPrefix); // to see what an earlier attempt wrote
    stream.subscribe(trend, {
      fanOut: props.fanOut,
      parallelization: props.trendParallelization,
      gatherFor: props.trendEvery,
      startingPosition: props.trendStartingPosition,
      givenUp,
    });
    const { load, publish } = new RowLoads(this, 'Loading', {
      queue: rows,
      archive,
      warehouse,
      migrations,
      every: props.loadEvery ?? Duration.seconds(5),
    });

    const watch = new LabFunction<(typeof watchEnvironment)[number]>(this, 'Watch', {
      handler: 'stocks/watch.ts',
      description: 'Measures for how long no tick has come through while the market is open',
      timeout: Duration.seconds(20),
      memory: 256,
      environment: { STATE_TABLE: states.tableName },
    });
    states.grant(watch, 'dynamodb:BatchGetItem');
    new Rule(this, 'EachMinute', {
      description: 'Looks whether ticks come through',
      schedule: Schedule.rate(Duration.minutes(1)),
      targets: [new LambdaFunction(watch, { retryAttempts: 0 })], // the next minute looks again
    });

    operateStocks(operations, { feed, raw, trend, load });
    stocksOutputs(this, { archive, warehouse, stream, feed, states, notLoaded, rows, load, publish });
  }
}
