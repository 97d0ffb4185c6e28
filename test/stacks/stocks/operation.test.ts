/** From rows to SQL, who is woken up by what, and what is left when the stack goes. */
import { jest } from '@jest/globals';
import { Duration } from 'aws-cdk-lib';
import { metricNamespace } from '../../../domain/shared/contract.ts';
import { loadEnvironment, watchEnvironment } from '../../../domain/stocks/contract.ts';
import { mostObjects } from '../../../domain/stocks/sql.ts';
import { only, type Properties, plain, resourcesOf, statementsOf } from '../synthesized.ts';
import { synthesizeStocks } from './synthesized-stocks.ts';

jest.setTimeout(120_000); // the CDK loads most of itself at a first synth, on a machine that may be busy

const { stocks, report } = synthesizeStocks();
const ephemeral = synthesizeStocks({ ephemeral: true, loadEvery: Duration.seconds(60) });
const [bucketId, bucket] = only(stocks, 'AWS::S3::Bucket', 'ArchiveBucket');
const [queueId, queue] = only(stocks, 'AWS::SQS::Queue', 'Rows');
const [, load] = only(stocks, 'AWS::Lambda::Function', 'LoadingLoad');
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

  it('the loader writes manifests and runs batches under its database role; nothing else', () => {
    const { POWERTOOLS_SERVICE_NAME: _, ...environment } = load.Properties.Environment.Variables;
    expect(Object.keys(environment).sort()).toEqual([...loadEnvironment].sort());
    const granted = statementsOf(stocks, roleOf(load));
    const objects = granted.filter(({ Action }) => Action.some((action) => action.startsWith('s3:')));
    expect(objects.map(({ Action, Resource }) => [Action, Resource])).toEqual([
      [['s3:PutObject'], [`<${bucketId}.Arn>/manifest/*`]],
    ]);
    expect(granted.flatMap(({ Action }) => Action)).not.toContain('redshift-data:ExecuteStatement');
    const [, role] = only(stocks, 'AWS::IAM::Role', 'LoadingLoadRole');
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

describe('the watch', () => {
  const [watchId, watch] = only(stocks, 'AWS::Lambda::Function', 'Watch');

  it('looks each minute, and reads states alone', () => {
    const [, rule] = only(stocks, 'AWS::Events::Rule');
    expect(rule.Properties).toMatchObject({
      ScheduleExpression: 'rate(1 minute)',
      State: 'ENABLED',
      Targets: [expect.objectContaining({ Arn: { 'Fn::GetAtt': [watchId, 'Arn'] } })],
    });
    const { POWERTOOLS_SERVICE_NAME: _, ...environment } = watch.Properties.Environment.Variables;
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

  it('tell the topic, each with its line of the runbook', () => {
    const [topic] = only(stocks, 'AWS::SNS::Topic');
    expect(alarms.map(({ name }) => name).sort()).toEqual([
      'FeedInactive',
      'FeedTasksMissing',
      'GivenUpNotEmpty',
      'LoadFails',
      'NotLoadedNotEmpty',
      'NothingArrives',
      'ObjectsNotLoaded',
      'RawArchiveStale',
      'SetAside',
      'SqlStale',
      'TrendBehind',
    ]);
    for (const each of alarms) {
      expect([each.name, each.Metrics]).toEqual([each.name, undefined]); // one metric each, no formula
      expect(each.AlarmActions).toEqual([{ Ref: topic }]);
      expect(each.AlarmDescription.length).toBeGreaterThan(40);
    }
  });

  it('ring when nothing arrives while the market is open, and when nobody looks whether it does', () => {
    expect(alarm('NothingArrives')).toMatchObject({
      Namespace: metricNamespace,
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

  it('ring for the first record that was set aside, and the first message that was given up', () => {
    for (const name of ['SetAside', 'GivenUpNotEmpty', 'NotLoadedNotEmpty'])
      expect(alarm(name)).toMatchObject({ Threshold: 1, EvaluationPeriods: 1 });
  });

  it('every service that a metric of ours names is a function or the feed', () => {
    const services = new Set(
      Object.values(stocks.Resources).flatMap(({ Properties }) => [
        Properties?.Environment?.Variables?.POWERTOOLS_SERVICE_NAME,
        ...(Properties?.ContainerDefinitions ?? []).flatMap(({ Environment }: Properties) =>
          Environment.filter(({ Name }: Properties) => Name === 'POWERTOOLS_SERVICE_NAME').map(
            ({ Value }: Properties) => Value,
          ),
        ),
      ]),
    );
    const named = alarms.filter(({ Namespace }) => Namespace === metricNamespace);
    for (const { Dimensions } of named) expect(services).toContain(Dimensions[0].Value);
  });
});

describe('checks', () => {
  it.each([
    ['kept', report],
    ['ephemeral', ephemeral.report],
  ])('cdk-nag finds nothing, data %s, and what is acknowledged has a reason', (_what, validation) => {
    for (const plugin of validation.pluginReports) {
      expect(plugin).toMatchObject({ conclusion: 'success', violations: [] });
      for (const { reason } of plugin.suppressedViolations ?? []) expect(reason.length).toBeGreaterThan(10);
    }
    expect(validation.pluginReports.map((each: { pluginName: string }) => each.pluginName)).toContain(
      'AwsSolutions',
    );
  });

  it('buckets, queues, topics and streams are encrypted and reached by TLS alone', () => {
    for (const [, { Properties }] of resourcesOf(stocks, 'AWS::SQS::Queue'))
      expect(Properties.SqsManagedSseEnabled).toBe(true);
    for (const type of ['AWS::S3::BucketPolicy', 'AWS::SQS::QueuePolicy', 'AWS::SNS::TopicPolicy']) {
      for (const [, { Properties }] of resourcesOf(stocks, type))
        expect(JSON.stringify(Properties)).toContain('"aws:SecureTransport":"false"');
    }
  });
});

describe('when the stack goes', () => {
  it('the data stays by default, with the key that reads it; what is on its way too', () => {
    for (const type of [
      'AWS::S3::Bucket',
      'AWS::Kinesis::Stream',
      'AWS::DynamoDB::Table',
      'AWS::SecretsManager::Secret',
      'AWS::KMS::Key',
    ]) {
      for (const [id, { DeletionPolicy }] of resourcesOf(stocks, type))
        expect([id, DeletionPolicy]).toEqual([id, 'RetainExceptOnCreate']);
    }
    expect(queue.DeletionPolicy).toBe('RetainExceptOnCreate');
  });

  it('an ephemeral one keeps nothing', () => {
    const kept = Object.entries(ephemeral.stocks.Resources).filter(([, each]) =>
      /Retain|Snapshot/.test(`${each.DeletionPolicy}${each.UpdateReplacePolicy}`),
    );
    expect(kept.map(([id]) => id)).toEqual([]);
  });

  it('no log is kept for ever, and every function writes to one of the template', () => {
    for (const [id, { Properties }] of resourcesOf(stocks, 'AWS::Logs::LogGroup'))
      expect([id, Properties.RetentionInDays > 0]).toEqual([id, true]);
    for (const [id, { Properties }] of resourcesOf(stocks, 'AWS::Lambda::Function'))
      expect([id, stocks.Resources[Properties.LoggingConfig?.LogGroup?.Ref]?.Type]).toEqual([
        id,
        'AWS::Logs::LogGroup',
      ]);
  });
});

it('outputs are in PascalCase, say what they are, and hold commands to paste', () => {
  for (const [name, { Description }] of Object.entries(stocks.Outputs)) {
    expect(name).toMatch(/^([A-Z][a-z0-9]+)+$/);
    expect(Description.length).toBeGreaterThan(8);
  }
  const commands = Object.keys(stocks.Outputs).filter((name) => name.endsWith('Command'));
  expect(commands.sort()).toEqual([
    'FillInSecretCommand',
    'QueryCommand',
    'RedriveCommand',
    'ReplayCommand',
    'RestartFeedCommand',
  ]);
});
