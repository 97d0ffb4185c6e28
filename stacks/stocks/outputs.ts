import { CfnOutput, type Stack } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { ArchiveBucket } from '../../constructs/archive-bucket.ts';
import type { Operations } from '../../constructs/operations.ts';
import type { Warehouse } from '../../constructs/warehouse.ts';
import type { TickFeed } from './tick-feed.ts';
import type { TickStream } from './tick-stream.ts';

/** What one needs to use the lab, with commands to paste. Makes the dashboard, so it comes last. */
export function stocksOutputs(
  stack: Stack,
  lab: {
    archive: ArchiveBucket;
    warehouse: Warehouse;
    stream: TickStream;
    feed: TickFeed;
    states: Table;
    rows: Queue;
    notLoaded: Queue;
    operations: Operations;
  },
): void {
  const dashboard = lab.operations.dashboard();
  const output = (id: string, description: string, value: string) =>
    new CfnOutput(stack, id, { description, value });
  const { archive, warehouse, feed } = lab;
  const secret = feed.secret.secretArn;
  const service = `--cluster ${feed.cluster.clusterName} --service ${feed.service.serviceName}`;
  output('ArchiveBucketName', 'raw/, rows/ and set-aside/ by hour or day', archive.bucket.bucketName);
  output('StreamName', 'Ticks on their way', lab.stream.stream.streamName);
  output('StateTableName', 'What is known of each symbol', lab.states.tableName);
  output('LeaseTableName', 'Which task of the feed is active', feed.leases.tableName);
  output('ProviderSecretArn', 'Secret to fill in with the login of the provider', secret);
  output('FeedClusterName', 'Cluster of the feed', feed.cluster.clusterName);
  output('FeedServiceName', 'Service of the feed', feed.service.serviceName);
  output('RowsQueueUrl', 'Objects that wait to be loaded', lab.rows.queueUrl);
  output('WorkgroupName', 'Redshift Serverless workgroup', warehouse.workgroupName);
  output('DatabaseName', 'Database in it', warehouse.databaseName);
  output('AlarmTopicArn', 'Subscribe whoever is on duty', lab.operations.alarms.topicArn);
  output('DashboardName', 'CloudWatch dashboard', dashboard.dashboardName);
  output(
    'FillInSecretCommand',
    'Fill in the login of the provider; the feed reads it when it connects',
    `aws secretsmanager put-secret-value --secret-id ${secret} --secret-string '{"key":"KEY","secret":"SECRET"}'`,
  );
  output(
    'RestartFeedCommand',
    'Start the feed anew, one task after the other',
    `aws ecs update-service ${service} --force-new-deployment`,
  );
  output(
    'RedriveCommand',
    'Load again what was given up, after the cause is mended',
    `aws sqs start-message-move-task --source-arn ${lab.notLoaded.queueArn}`,
  );
  output(
    'ReplayCommand',
    'Read a time again from the raw archive and compare',
    `npm run replay -- stocks --stack ${stack.stackName} --from YYYY-MM-DDTHH:00:00Z --to YYYY-MM-DDTHH:00:00Z`,
  );
  output(
    'QueryCommand',
    'Ask through the Data API, then: aws redshift-data get-statement-result --id ID',
    `aws redshift-data execute-statement --workgroup-name ${warehouse.workgroupName} --database ${warehouse.databaseName} --secret-arn '${warehouse.adminSecretName}' --sql 'SELECT symbol, price, trend, score FROM stocks.latest ORDER BY symbol'`,
  );
}
