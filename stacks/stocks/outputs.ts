import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { ArchiveBucket } from '../../constructs/archive-bucket.ts';
import type { SqlStack } from '../../constructs/sql-stack.ts';
import type { Warehouse } from '../../constructs/warehouse.ts';
import type { TickFeed } from './tick-feed.ts';
import type { TickStream } from './tick-stream.ts';

/** What one needs to use the lab, with commands to paste. Makes the dashboard, so it comes last. */
export function stocksOutputs(
  stack: SqlStack,
  lab: {
    archive: ArchiveBucket;
    warehouse: Warehouse;
    stream: TickStream;
    feed: TickFeed;
    states: Table;
    rows: Queue;
    notLoaded: Queue;
    load: LambdaFunction;
    publish: LambdaFunction;
  },
): void {
  const { archive, feed } = lab;
  stack.output('ArchiveBucketName', 'raw/, rows/ and set-aside/ by hour or day', archive.bucket.bucketName);
  stack.output('StreamName', 'Ticks on their way', lab.stream.stream.streamName);
  stack.output('StateTableName', 'What is known of each symbol', lab.states.tableName);
  stack.output('LeaseTableName', 'Which task of the feed is active', feed.leases.tableName);
  stack.output(
    'ProviderSecretArn',
    'Secret to fill in with the login of the provider',
    feed.secret.secretArn,
  );
  stack.output('FeedClusterName', 'Cluster of the feed', feed.cluster.clusterName);
  stack.output('FeedServiceName', 'Service of the feed', feed.service.serviceName);
  stack.output('RowsQueueUrl', 'Objects that wait to be loaded', lab.rows.queueUrl);
  stack.output('LoadFunctionName', 'Loads objects of rows', lab.load.functionName);
  stack.output(
    'PublishFunctionName',
    'Takes the rows of a replay into SQL; whoever may call it may publish',
    lab.publish.functionName,
  );
  stack.output(
    'FillInSecretCommand',
    'Fill in the login of the provider: key, secret, and streamUrl and historyUrl where they are others; the feed reads it within a minute',
    feed.secret.fillInCommand({ key: 'KEY', secret: 'SECRET' }),
  );
  stack.output(
    'RedriveCommand',
    'Load again what was given up, after the cause is mended',
    `aws sqs start-message-move-task --source-arn ${lab.notLoaded.queueArn}`,
  );
  stack.output(
    'ReplayCommand',
    'Read a time again from the raw archive and compare; with --publish the rows go into SQL then',
    `npm run replay -- stocks --stack ${stack.stackName} --from YYYY-MM-DDTHH:00:00Z --to YYYY-MM-DDTHH:00:00Z`,
  );
  stack.outputWarehouse(
    lab.warehouse,
    'SELECT symbol, price, trend, score FROM stocks.latest ORDER BY symbol',
  );
  stack.outputOperations();
}
