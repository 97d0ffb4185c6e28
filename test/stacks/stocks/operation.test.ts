/** From rows to SQL, and who is woken up by what. */
import { jest } from '@jest/globals';
import { Duration } from 'aws-cdk-lib';
import { metricNamespaceOf } from '../../../domain/shared/contract.ts';
import { loadEnvironment, watchEnvironment } from '../../../domain/stocks/contract.ts';
import { defaultFeedSettings } from '../../../domain/stocks/feed-settings.ts';
import { mostObjects } from '../../../domain/stocks/sql.ts';
import { environmentOf, only, type Properties, plain, resourcesOf, statementsOf } from '../synthesized.ts';
import { synthesizeStocks } from './synthesized-stocks.ts';

jest.setTimeout(300_000); // the CDK loads most of itself at a first synth, on a machine that may be busy

const { stocks } = synthesizeStocks();
const ephemeral = synthesizeStocks({ ephemeral: true, loadEvery: Duration.seconds(60) });
const [bucketId, bucket] = only(stocks, 'AWS::S3::Bucket', 'ArchiveBucket');
const [queueId, queue] = only(stocks, 'AWS::SQS::Queue', 'Rows');
const [, load] = only(stocks, 'AWS::Lambda::Function', 'LoadingLoad');
const [publishId, publish] = only(stocks, 'AWS::Lambda::Function', 'LoadingPublish');
const mappingOf = (template: typeof stocks): Properties =>
  only(template, 'AWS::Lambda::EventSourceMapping', 'Loading')[1].Properties;
const roleOf = (each: typeof load) => plain(each.Properties.Role).slice(1, -'.Arn>'.length);

describe('rows to SQL', () => {
  it('each new object of rows, and no other, is told to the queue by S3 itself', () => {
    expect(bucket.Properties.NotificationConfiguration).toEqual({
      QueueConfigurations: [
        {
          Event: 's3:ObjectCreated:*',
          Queue: { 'Fn::GetAtt': [queueId, 'Arn'] },
          Filter: { S3Key: { Rules: [{ Name: 'prefix', Value: 'rows/' }] } },
        },
      ],
    });
    const [policyId, policy] = only(stocks, 'AWS::SQS::QueuePolicy', 'Rows');
    expect(bucket.DependsOn).toContain(policyId); // S3 tries the queue when the bucket is made
    expect(policy.Properties.PolicyDocument.Statement).toContainEqual({
      Effect: 'Allow',
      Principal: { Service: 's3.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: { 'Fn::GetAtt': [queueId, 'Arn'] },
      Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
    });
  });

  it('objects of five seconds are one call, which is a prop; one transaction can take them', () => {
    expect(mappingOf(stocks)).toMatchObject({
      EventSourceArn: { 'Fn::GetAtt': [queueId, 'Arn'] },
      BatchSize: 500,
      MaximumBatchingWindowInSeconds: 5,
      ScalingConfig: { MaximumConcurrency: 2 },
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    expect(mappingOf(stocks).BatchSize).toBeLessThanOrEqual(mostObjects);
    expect(mappingOf(ephemeral.stocks).MaximumBatchingWindowInSeconds).toBe(60);
  });

  it('times are in tiers: the wait for the warehouse, the call, the message out of sight, the message kept', () => {
    const patience = Number(load.Properties.Environment.Variables.STATEMENT_PATIENCE_SECONDS);
    const { VisibilityTimeout, MessageRetentionPeriod, RedrivePolicy } = queue.Properties;
    expect(patience).toBeLessThan(load.Properties.Timeout);
    // The longest gathering there can be, and a call.
    expect(VisibilityTimeout).toBeGreaterThan(load.Properties.Timeout + 60);
    expect(RedrivePolicy.maxReceiveCount * VisibilityTimeout).toBeLessThan(MessageRetentionPeriod);
  });

  it('what was tried for hours goes where a person looks', () => {
    const [notLoaded] = only(stocks, 'AWS::SQS::Queue', 'OperationsNotLoaded');
    const { RedrivePolicy, VisibilityTimeout } = queue.Properties;
    expect(RedrivePolicy.deadLetterTargetArn).toEqual({ 'Fn::GetAtt': [notLoaded, 'Arn'] });
    expect(RedrivePolicy.maxReceiveCount * VisibilityTimeout).toBeGreaterThan(4 * 3600);
  });

  it.each([
    ['loader', 'LoadingLoad', load],
    ['publisher', 'LoadingPublish', publish],
  ])('the %s writes manifests and runs batches under its database role; nothing else', (_what, id, each) => {
    const { environment } = environmentOf(each.Properties.Environment.Variables);
    expect(Object.keys(environment).sort()).toEqual([...loadEnvironment].sort());
    const granted = statementsOf(stocks, roleOf(each));
    const objects = granted.filter(({ Action }) => Action.some((action) => action.startsWith('s3:')));
    expect(objects.map(({ Action, Resource }) => [Action, Resource])).toEqual([
      [['s3:PutObject'], [`<${bucketId}.Arn>/manifest/*`]],
    ]);
    expect(granted.flatMap(({ Action }) => Action)).not.toContain('redshift-data:ExecuteStatement');
    const [, role] = only(stocks, 'AWS::IAM::Role', `${id}Role`);
    expect(role.Properties.Tags).toContainEqual({ Key: 'RedshiftDbRoles', Value: 'stocks_loader' });
  });

  it('COPY reads rows/, manifest/ and replay/, and nothing else', () => {
    const [copyRole] = only(stocks, 'AWS::IAM::Role', 'WarehouseCopyRole');
    const objects = statementsOf(stocks, copyRole).filter(({ Action }) => Action.includes('s3:GetObject'));
    expect(objects.flatMap(({ Resource }) => Resource).sort()).toEqual(
      ['manifest/*', 'replay/*', 'rows/*'].map((path) => `<${bucketId}.Arn>/${path}`),
    );
  });

  it('nothing is loaded before the tables are there', () => {
    const [migrations] = only(stocks, 'Custom::WarehouseMigrations');
    const [, mapping] = only(stocks, 'AWS::Lambda::EventSourceMapping', 'Loading');
    expect(mapping.DependsOn).toContain(migrations);
  });
});

describe('rows of a replay to SQL', () => {
  it('come by a function that only a call starts, and that waits for the warehouse as long as there can be', () => {
    expect(stocks.Outputs.PublishFunctionName?.Value).toEqual({ Ref: publishId });
    const called = [
      'AWS::Lambda::EventSourceMapping',
      'AWS::Lambda::Permission',
      'AWS::Events::Rule',
    ].flatMap((type) => resourcesOf(stocks, type));
    expect(JSON.stringify(called)).not.toContain(publishId);
    const patience = Number(publish.Properties.Environment.Variables.STATEMENT_PATIENCE_SECONDS);
    expect(publish.Properties.Timeout).toBe(900);
    expect(patience).toBeLessThan(publish.Properties.Timeout);
    expect(patience).toBeGreaterThan(600);
  });

  it('ring no alarm: who publishes waits for the answer', () => {
    for (const [id, { Properties }] of resourcesOf(stocks, 'AWS::CloudWatch::Alarm'))
      expect([id, JSON.stringify(Properties)]).toEqual([id, expect.not.stringMatching(publishId)]);
    for (const [, { Properties }] of resourcesOf(stocks, 'AWS::CloudWatch::Alarm'))
      expect(Properties.Dimensions ?? []).not.toContainEqual({ Name: 'service', Value: 'Publish' });
  });
});

describe('the watch', () => {
  const [watchId, watch] = only(stocks, 'AWS::Lambda::Function', 'Watch');

  it('looks each minute, and reads states alone', () => {
    const [, rule] = only(stocks, 'AWS::Events::Rule');
    expect(rule.Properties).toMatchObject({
      ScheduleExpression: 'rate(1 minute)',
      State: 'ENABLED',
      Targets: [expect.objectContaining({ Arn: { 'Fn::GetAtt': [watchId, 'Arn'] } })],
    });
    const { environment } = environmentOf(watch.Properties.Environment.Variables);
    expect(Object.keys(environment)).toEqual([...watchEnvironment]);
    const actions = statementsOf(stocks, roleOf(watch)).flatMap(({ Action }) => Action);
    expect(actions.filter((action) => !action.startsWith('logs:'))).toEqual(['dynamodb:BatchGetItem']);
  });
});

describe('alarms', () => {
  const alarms = resourcesOf(stocks, 'AWS::CloudWatch::Alarm').map(([id, { Properties }]) => ({
    name: id.replace(/^Operations|[0-9A-F]{8}$/g, ''),
    ...Properties,
  })) as (Properties & { name: string })[];
  const alarm = (name: string) => alarms.find((each) => each.name === name);

  it('watch the feed, the way to the archive and to SQL, and what was given up or set aside', () => {
    expect(alarms.map(({ name }) => name).sort()).toEqual([
      'FeedInactive',
      'FeedTasksMissing',
      'FeedWaitsForLogin',
      'GivenUpNotEmpty',
      'LoadFails',
      'NotLoadedNotEmpty',
      'NothingArrives',
      'ObjectsNotLoaded',
      'RawArchiveStale',
      'SetAside',
      'SnapshotNotTakenNotEmpty',
      'SqlStale',
      'TrendBehind',
    ]);
    for (const each of alarms) {
      expect([each.name, each.Metrics]).toEqual([each.name, undefined]); // one metric each, no formula
    }
  });

  it('ring when nothing arrives while the market is open, and when nobody looks whether it does', () => {
    expect(alarm('NothingArrives')).toMatchObject({
      Namespace: metricNamespaceOf('StockTrends'),
      MetricName: 'SilentSeconds',
      Dimensions: [{ Name: 'service', Value: 'Watch' }],
      Threshold: 60,
      TreatMissingData: 'breaching',
    });
  });

  it('ring when the feed does not run, or runs and listens to nothing', () => {
    for (const name of ['FeedTasksMissing', 'FeedInactive']) {
      expect(alarm(name)).toMatchObject({
        ComparisonOperator: 'LessThanThreshold',
        TreatMissingData: 'breaching',
      });
    }
    expect(alarm('FeedTasksMissing')).toMatchObject({ Statistic: 'SampleCount', Threshold: 2 });
  });

  it('ring when the feed waits for a login, with what to do; not while it has one, when nothing is measured', () => {
    expect(alarm('FeedWaitsForLogin')).toMatchObject({
      MetricName: 'WaitsForLogin',
      Dimensions: [{ Name: 'service', Value: 'Feed' }],
      Statistic: 'Maximum',
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'notBreaching',
      AlarmDescription: expect.stringContaining('FillInSecretCommand'),
    });
    // A look that fails, and the one after it.
    const { Period, EvaluationPeriods } = alarm('FeedWaitsForLogin') as Properties;
    expect(Period * EvaluationPeriods * 1000).toBeGreaterThan(2 * defaultFeedSettings.refusedRetryMs);
  });

  it('ring for the first record that was set aside, and the first message that was given up', () => {
    for (const name of ['SetAside', 'GivenUpNotEmpty', 'NotLoadedNotEmpty'])
      expect(alarm(name)).toMatchObject({ Threshold: 1, EvaluationPeriods: 1 });
  });
});

it('outputs hold the commands of this lab, to paste', () => {
  const commands = Object.keys(stocks.Outputs).filter((name) => name.endsWith('Command'));
  expect(commands.sort()).toEqual(['FillInSecretCommand', 'QueryCommand', 'RedriveCommand', 'ReplayCommand']);
});
