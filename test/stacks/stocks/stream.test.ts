/** The way of a tick from the provider to its trend: who listens, who reads, what happens to what fails. */
import { readFileSync } from 'node:fs';
import { jest } from '@jest/globals';
import { Duration, Size } from 'aws-cdk-lib';
import { feedEnvironment, trendEnvironment } from '../../../domain/stocks/contract.ts';
import { defaultFeedSettings, parseFeedSettings } from '../../../domain/stocks/feed-settings.ts';
import { unbundledApp } from '../../../local/synthesis.ts';
import { feedHealthCheck } from '../../../stacks/stocks/feed-health.ts';
import { StocksStack, type StocksStackProps } from '../../../stacks/stocks/stocks-stack.ts';
import {
  environmentOf,
  only,
  type Properties,
  plain,
  type Resource,
  resourcesOf,
  statementsOf,
  variablesOf,
} from '../synthesized.ts';
import { synthesizeStocks } from './synthesized-stocks.ts';

jest.setTimeout(300_000); // the CDK loads most of itself at a first synth, on a machine that may be busy

const { stocks } = synthesizeStocks();
const other = synthesizeStocks({
  fanOut: false,
  streamRetention: Duration.days(1),
  trendParallelization: 4,
  trendEvery: Duration.seconds(1),
  loadEvery: Duration.seconds(60),
  rawBuffer: { age: Duration.seconds(0), size: Size.mebibytes(1) },
  feed: { lingerMs: 5, stopSeconds: 40 },
}).stocks;

const subscription = ([, { Properties }] = only(stocks, 'AWS::Lambda::EventSourceMapping', 'TicksSub')) =>
  Properties;
const [streamId, stream] = only(stocks, 'AWS::Kinesis::Stream');
const [keyId] = only(stocks, 'AWS::KMS::Key');
const [bucketId, bucket] = only(stocks, 'AWS::S3::Bucket', 'ArchiveBucket');
const roleOf = (resource: Resource, property: string) => plain(resource.Properties[property]).slice(1, -5);

describe('the stream', () => {
  it('is on demand, encrypted with the key of the lab, and keeps a week', () => {
    expect(stream.Properties).toMatchObject({
      StreamModeDetails: { StreamMode: 'ON_DEMAND' },
      StreamEncryption: { EncryptionType: 'KMS', KeyId: { 'Fn::GetAtt': [keyId, 'Arn'] } },
      RetentionPeriodHours: 7 * 24,
    });
  });

  it('the trend reads by enhanced fan-out, from the oldest record, without gathering', () => {
    const [consumer, { Properties }] = only(stocks, 'AWS::Kinesis::StreamConsumer');
    expect(Properties.StreamARN).toEqual({ 'Fn::GetAtt': [streamId, 'Arn'] });
    expect(subscription()).toMatchObject({
      EventSourceArn: { 'Fn::GetAtt': [consumer, 'ConsumerARN'] },
      StartingPosition: 'TRIM_HORIZON',
      MaximumBatchingWindowInSeconds: 0,
      ParallelizationFactor: 1,
    });
  });

  it('a batch that fails is halved and comes again, until an hour before its records leave the stream: then it is told', () => {
    const [givenUp] = only(stocks, 'AWS::SQS::Queue', 'OperationsGivenUp');
    const each = subscription();
    expect(each).toMatchObject({
      BisectBatchOnFunctionError: true,
      MaximumRecordAgeInSeconds: 7 * 86_400 - 3600,
      DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': [givenUp, 'Arn'] } } },
    });
    // A number of attempts would throw records away that a later one could apply; an emulator loses reported items.
    expect([each.MaximumRetryAttempts, each.FunctionResponseTypes]).toEqual([undefined, undefined]);
  });

  it('fan-out, retention, parallelization and gathering are props', () => {
    expect(resourcesOf(other, 'AWS::Kinesis::StreamConsumer')).toEqual([]);
    const [id, { Properties }] = only(other, 'AWS::Kinesis::Stream');
    expect(Properties.RetentionPeriodHours).toBe(24);
    expect(subscription(only(other, 'AWS::Lambda::EventSourceMapping', 'TicksSub'))).toMatchObject({
      EventSourceArn: { 'Fn::GetAtt': [id, 'Arn'] },
      MaximumRecordAgeInSeconds: 23 * 3600,
      ParallelizationFactor: 4,
      MaximumBatchingWindowInSeconds: 1,
    });
  });
});

describe('where the trend begins to read', () => {
  const subscribed = (props: StocksStackProps) =>
    subscription(only(synthesizeStocks(props).stocks, 'AWS::Lambda::EventSourceMapping', 'TicksSub'));

  it.each([true, false])('is a prop, with enhanced fan-out or without (%s)', (fanOut) => {
    const latest = subscribed({ fanOut, trendStartingPosition: 'LATEST' });
    expect([latest.StartingPosition, latest.StartingPositionTimestamp]).toEqual(['LATEST', undefined]);
    const since = subscribed({ fanOut, trendStartingPosition: new Date('2026-11-30T20:00:00.999Z') });
    expect([since.StartingPosition, since.StartingPositionTimestamp]).toEqual([
      'AT_TIMESTAMP',
      Date.UTC(2026, 10, 30, 20) / 1000,
    ]);
  });

  it('a time that is none is refused at synth', () => {
    expect(() => subscribed({ trendStartingPosition: new Date('no time') })).toThrow(
      /startingPositionTimestamp/,
    );
  });

  it('another value of fan-out makes another subscription to another source, of the same stream', () => {
    // One that names the same source would be refused by Lambda while the first is there (read).
    const [before, after] = [subscription(), subscribed({ fanOut: false })];
    expect(after.EventSourceArn).not.toEqual(before.EventSourceArn);
    expect(after.FunctionName).toEqual(before.FunctionName);
  });
});

describe('the feed', () => {
  const [, service] = only(stocks, 'AWS::ECS::Service');
  const [taskId, task] = only(stocks, 'AWS::ECS::TaskDefinition');
  const [container] = task.Properties.ContainerDefinitions;

  it('runs twice, in two zones: one listens, one takes over', () => {
    expect(service.Properties).toMatchObject({
      DesiredCount: 2,
      LaunchType: 'FARGATE',
      TaskDefinition: { Ref: taskId },
      DeploymentConfiguration: {
        MinimumHealthyPercent: 100,
        MaximumPercent: 200,
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
      },
    });
    const { Subnets } = service.Properties.NetworkConfiguration.AwsvpcConfiguration;
    const zones = Subnets.map(
      ({ Ref }: { Ref: string }) => stocks.Resources[Ref]?.Properties.AvailabilityZone,
    );
    expect(zones).toEqual([0, 1].map((index) => ({ 'Fn::Select': [index, { 'Fn::GetAZs': '' }] })));
  });

  it('has a public address, because nothing else leads to the provider, and no NAT gateway', () => {
    const { AssignPublicIp } = service.Properties.NetworkConfiguration.AwsvpcConfiguration;
    expect(AssignPublicIp).toBe('ENABLED');
    const types = Object.values(stocks.Resources).map(({ Type }) => Type);
    expect(
      types.filter((type) => /NatGateway|EIP|ElasticLoadBalancing|SecurityGroupIngress/.test(type)),
    ).toEqual([]);
  });

  it('nobody reaches it, and it reaches HTTPS alone', () => {
    const { SecurityGroups } = service.Properties.NetworkConfiguration.AwsvpcConfiguration;
    const groups = SecurityGroups.map((group: unknown) => plain(group).slice(1, -'.GroupId>'.length));
    expect(groups).toHaveLength(1);
    const { SecurityGroupIngress, SecurityGroupEgress } = stocks.Resources[groups[0]]?.Properties ?? {};
    expect(SecurityGroupIngress).toBeUndefined();
    expect(SecurityGroupEgress).toEqual([
      expect.objectContaining({ CidrIp: '0.0.0.0/0', FromPort: 443, ToPort: 443, IpProtocol: 'tcp' }),
    ]);
  });

  it('its disk is read-only but for what memory does not hold', () => {
    expect(container).toMatchObject({
      ReadonlyRootFilesystem: true,
      MountPoints: [{ ContainerPath: '/spill', ReadOnly: false, SourceVolume: 'spill' }],
    });
    expect(task.Properties).toMatchObject({
      Volumes: [{ Name: 'spill' }],
      EphemeralStorage: { SizeInGiB: 30 },
      RuntimePlatform: { CpuArchitecture: 'ARM64' },
    });
  });

  it('has no privilege of Linux', () => {
    // API reference, LinuxParameters and KernelCapabilities: on Fargate all may be dropped, devices and tmpfs may not be said.
    expect(container.LinuxParameters).toEqual({ Capabilities: { Drop: ['ALL'] } });
    expect(container.Privileged ?? false).toBe(false);
    expect(container.User).toBeUndefined(); // that of the image, which is not root
  });

  it('is replaced when it hangs: the command that test/services/tick-feed/main.test.ts runs', () => {
    expect(container.HealthCheck).toEqual({
      Command: feedHealthCheck.command,
      Interval: 15,
      Timeout: 10,
      Retries: 3,
      StartPeriod: 60,
    });
    // API reference, HealthCheck: ECS replaces a task whose essential container is unhealthy.
    expect(container.Essential).toBe(true);
    expect(service.Properties.HealthCheckGracePeriodSeconds).toBeUndefined(); // of load balancers alone
  });

  it('gets what its contract names, and settings that it can read', () => {
    const { environment, observed } = environmentOf(variablesOf(container));
    expect(Object.keys(environment).sort()).toEqual([...feedEnvironment].sort());
    expect(observed.service).toBe('Feed');
    expect(parseFeedSettings(environment.FEED_SETTINGS)).toEqual({
      ...defaultFeedSettings,
      spillDirectory: '/spill',
    });
    const [changed] = only(other, 'AWS::ECS::TaskDefinition')[1].Properties.ContainerDefinitions;
    expect(parseFeedSettings(variablesOf(changed).FEED_SETTINGS)).toMatchObject({
      lingerMs: 5,
      stopSeconds: 40,
    });
  });

  it('is left the time that its clean stop takes, and more', () => {
    const [changed] = only(other, 'AWS::ECS::TaskDefinition')[1].Properties.ContainerDefinitions;
    expect(container.StopTimeout).toBeGreaterThan(defaultFeedSettings.stopSeconds);
    expect(changed.StopTimeout).toBeGreaterThan(40);
  });

  it('settings that it would refuse fail the synth, by name', () => {
    expect(() => synthesizeStocks({ feed: { batchRecords: 501 } })).toThrow('FeedSettingsInvalid');
  });

  it('may put records, keep its lease and read its login, and nothing else', () => {
    const statements = statementsOf(stocks, roleOf(task, 'TaskRoleArn'));
    expect(statements.flatMap(({ Action }) => Action).sort()).toEqual([
      'dynamodb:GetItem',
      'dynamodb:UpdateItem',
      'kinesis:PutRecords',
      'kms:Decrypt',
      'kms:GenerateDataKey',
      'secretsmanager:GetSecretValue',
    ]);
    for (const { Resource } of statements) for (const each of Resource) expect(each).not.toContain('*');
  });

  it('its login is in no template: the secret is made empty', () => {
    const [, secret] = only(stocks, 'AWS::SecretsManager::Secret', 'FeedProvider');
    expect(secret.Properties.SecretString).toBeUndefined();
    expect(secret.Properties.KmsKeyId).toEqual({ 'Fn::GetAtt': [keyId, 'Arn'] });
  });
});

describe('the raw archive', () => {
  const [, delivery] = only(stocks, 'AWS::KinesisFirehose::DeliveryStream');
  const target = delivery.Properties.ExtendedS3DestinationConfiguration;

  it('gets every record whole, a line each, gzipped, by the hour of arrival in UTC', () => {
    expect(delivery.Properties).toMatchObject({
      DeliveryStreamType: 'KinesisStreamAsSource',
      KinesisStreamSourceConfiguration: { KinesisStreamARN: { 'Fn::GetAtt': [streamId, 'Arn'] } },
    });
    expect(target).toMatchObject({
      BucketARN: { 'Fn::GetAtt': [bucketId, 'Arn'] },
      Prefix: 'raw/!{timestamp:yyyy/MM/dd/HH}/',
      CompressionFormat: 'GZIP',
      BufferingHints: { IntervalInSeconds: 60, SizeInMBs: 64 },
    });
    expect(target.ProcessingConfiguration.Processors).toEqual([
      {
        Type: 'AppendDelimiterToRecord',
        Parameters: [{ ParameterName: 'Delimiter', ParameterValue: '\\n' }],
      },
    ]);
    expect(target.CustomTimeZone).toBeUndefined(); // UTC
  });

  it('what cannot be delivered so is below a prefix of its own, and both are kept', () => {
    expect(target.ErrorOutputPrefix).toMatch(/^raw-failed\/!\{firehose:error-output-type\}\//);
    const prefixes = bucket.Properties.LifecycleConfiguration.Rules.filter(
      (rule: { Transitions?: unknown }) => rule.Transitions,
    ).map((rule: { Prefix: string }) => rule.Prefix);
    expect(prefixes).toEqual(['raw/', 'raw-failed/', 'rows/', 'set-aside/']);
  });

  it('its role writes there and reads back no more, and deletes nothing', () => {
    const role = plain(target.RoleARN).slice(1, -'.Arn>'.length);
    const granted = statementsOf(stocks, role);
    const objects = granted.filter(({ Action }) =>
      Action.some((action) => /s3:(Put|Get)Object/.test(action)),
    );
    expect(objects.flatMap(({ Resource }) => Resource).sort()).toEqual(
      ['raw-failed/*', 'raw/*'].map((path) => `<${bucketId}.Arn>/${path}`),
    );
    expect(granted.flatMap(({ Action }) => Action).filter((action) => /Delete/.test(action))).toEqual([]);
  });

  it('its buffer is a prop', () => {
    const [, each] = only(other, 'AWS::KinesisFirehose::DeliveryStream');
    expect(each.Properties.ExtendedS3DestinationConfiguration.BufferingHints).toEqual({
      IntervalInSeconds: 0,
      SizeInMBs: 1,
    });
  });
});

describe('the trend', () => {
  const [, trend] = only(stocks, 'AWS::Lambda::Function', 'Trend');
  const granted = statementsOf(stocks, roleOf(trend, 'Role'));

  it('gets what its contract names', () => {
    const { environment } = environmentOf(trend.Properties.Environment.Variables);
    expect(Object.keys(environment).sort()).toEqual([...trendEnvironment].sort());
  });

  it('reads and writes states one by one, and puts objects of rows and of what it sets aside', () => {
    const on = (action: string) =>
      granted.filter(({ Action }) => Action.includes(action)).flatMap(({ Resource }) => Resource);
    const [states] = only(stocks, 'AWS::DynamoDB::Table', 'States');
    expect(on('dynamodb:PutItem')).toEqual([`<${states}.Arn>`]);
    expect(on('s3:PutObject')).toEqual(['rows/*', 'set-aside/*'].map((path) => `<${bucketId}.Arn>/${path}`));
    expect(on('s3:GetObject')).toEqual([`<${bucketId}.Arn>/rows/*`]);
    expect(
      granted.flatMap(({ Action }) => Action).filter((action) => /Delete|Scan|UpdateItem/.test(action)),
    ).toEqual([]);
  });
});

it('states and leases can be brought back to any moment', () => {
  const tables = resourcesOf(stocks, 'AWS::DynamoDB::Table');
  expect(tables).toHaveLength(2);
  for (const [, { Properties }] of tables)
    expect(Properties.PointInTimeRecoverySpecification).toEqual({ PointInTimeRecoveryEnabled: true });
});

describe('the image of the feed', () => {
  const dockerfile = readFileSync('services/tick-feed/Dockerfile', 'utf8');
  const imagesOf = (props: StocksStackProps) => {
    const app = unbundledApp();
    const stack = new StocksStack(app, 'StockTrends', props);
    const { file } = app.synth().getStackArtifact(stack.artifactId).dependencies[0] as unknown as {
      file: string;
    };
    const { dockerImages } = JSON.parse(readFileSync(file, 'utf8'));
    return Object.values(dockerImages as Record<string, { source: Properties }>).map(({ source }) => source);
  };

  it('is made from an exact version of Node, the major one that the functions run on, in all of its stages', () => {
    const [, image, major] = /^ARG NODE_IMAGE=(node:(\d+)\.\d+\.\d+-slim)$/m.exec(dockerfile) ?? [];
    expect([image, `nodejs${major}.x`]).toEqual([
      expect.any(String),
      only(stocks, 'AWS::Lambda::Function', 'Trend')[1].Properties.Runtime,
    ]);
    const stages = [...dockerfile.matchAll(/^FROM (?:--\S+ )?\$\{(\S+)\}/gm)].map(([, from]) => from);
    expect(stages).toEqual(['NODE_IMAGE', 'NODE_IMAGE']);
    expect(dockerfile.match(/^FROM/gm)).toHaveLength(stages.length);
  });

  it('runs as a user that is not root', () => {
    expect(dockerfile).toMatch(/^USER node$/m);
  });

  it('is made from a digest where the prop names one, for ARM64 either way', () => {
    const nodeImage = `node@sha256:${'0'.repeat(64)}`;
    expect(imagesOf({})).toMatchObject([{ platform: 'linux/arm64' }]);
    expect(imagesOf({})[0]).not.toHaveProperty('dockerBuildArgs');
    expect(imagesOf({ feedNodeImage: nodeImage })).toMatchObject([
      { platform: 'linux/arm64', dockerBuildArgs: { NODE_IMAGE: nodeImage } },
    ]);
  });
});
