// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of Fn::Sub
import { deliveriesOf, neededBy, refused } from '../../../diagrams/engine/deliveries.ts';
import { stackTemplate } from '../../../diagrams/engine/template.ts';

type Resources = Record<
  string,
  { Type: string; Properties?: Record<string, unknown>; DependsOn?: string | string[] }
>;

const ref = (id: string) => ({ Ref: id });
const arn = (id: string, attribute = 'Arn') => ({ 'Fn::GetAtt': [id, attribute] });
const made = (Type: string, Properties: Record<string, unknown> = {}) => ({ Type, Properties });
const allow = (Action: unknown, Resource: unknown, more: object = {}) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
});
const service = (name: string) => ({ Principal: { Service: `${name}.amazonaws.com` } });
const where = (operator: string, key: string, value: unknown) => ({
  Condition: { [operator]: { [key]: value } },
});
const document = (...Statement: object[]) => ({ Statement });

/** A role that a service may take on, and what it may. */
const role = (principal: string, ...statements: object[]) =>
  made('AWS::IAM::Role', {
    AssumeRolePolicyDocument: document({ Effect: 'Allow', Action: 'sts:AssumeRole', ...service(principal) }),
    Policies: [{ PolicyDocument: document(...statements) }],
  });
const topicPolicy = (...statements: object[]) =>
  made('AWS::SNS::TopicPolicy', { Topics: [ref('Topic')], PolicyDocument: document(...statements) });
const queuePolicy = (...statements: object[]) =>
  made('AWS::SQS::QueuePolicy', { Queues: [ref('Queue')], PolicyDocument: document(...statements) });
const ofAccount = { Principal: { AWS: { 'Fn::Sub': 'arn:${AWS::Partition}:iam::${AWS::AccountId}:root' } } };
const key = (...statements: object[]) =>
  made('AWS::KMS::Key', { KeyPolicy: document(allow('kms:*', '*', ofAccount), ...statements) });

const Queue = made('AWS::SQS::Queue');
const Topic = made('AWS::SNS::Topic');
const handler = made('AWS::Lambda::Function', { Role: arn('Role') });
const Stream = made('AWS::Kinesis::Stream');

const read = (resources: Resources) => deliveriesOf(stackTemplate('Lab', resources, {}));
/** What is refused, without what led to it. */
const missing = (resources: Resources) =>
  refused(read(resources)).map((line) => line.split(': ').slice(0, 3).join(': '));

const alarm: Resources = {
  Topic,
  Alarm: made('AWS::CloudWatch::Alarm', { AlarmActions: [ref('Topic')] }),
  Policy: topicPolicy(allow('sns:Publish', ref('Topic'), service('cloudwatch'))),
};
const publish = 'alarm action: Alarm -> Topic: sns:Publish on Topic by cloudwatch.amazonaws.com';

describe('a statement allows', () => {
  const alarmUnder = (...statements: object[]) => missing({ ...alarm, Policy: topicPolicy(...statements) });
  const publishing = (more: object) =>
    allow('sns:Publish', ref('Topic'), { ...service('cloudwatch'), ...more });
  const arnOfAlarms = (name: string) => ({
    'Fn::Join': [
      ':',
      ['arn', ref('AWS::Partition'), 'cloudwatch', ref('AWS::Region'), ref('AWS::AccountId'), 'alarm', name],
    ],
  });

  it.each<[string, object]>([
    ['by its action', publishing({})],
    ['by a wildcard, whatever the case', publishing({ Action: ['sqs:*', 'SNS:Pub*'] })],
    ['by what it does not name', publishing({ Action: undefined, NotAction: 'sns:Subscribe' })],
    ['all resources', publishing({ Resource: '*' })],
    ['everybody', publishing({ Principal: '*' })],
    [
      'the ARN of the resource for which the service acts',
      publishing(where('ArnEquals', 'aws:SourceArn', arn('Alarm'))),
    ],
    ['a pattern of it', publishing(where('ArnLike', 'AWS:SourceArn', arnOfAlarms('*')))],
    [
      'one of several values',
      publishing(where('StringEquals', 'aws:SourceAccount', ['1', ref('AWS::AccountId')])),
    ],
    ['what TLS brings', publishing(where('Bool', 'aws:SecureTransport', true))],
    ['a key that need not be there', publishing(where('StringEqualsIfExists', 'aws:PrincipalOrgID', 'o-1'))],
  ])('%s', (_what, statement) => {
    expect(alarmUnder(statement)).toEqual([]);
  });

  it.each<[string, object[]]>([
    ['no statement', []],
    ['another action', [publishing({ Action: 'sns:Subscribe' })]],
    ['another resource', [publishing({ Resource: arn('Other') })]],
    ['another service', [publishing(service('events'))]],
    ['the account, which is no service', [publishing(ofAccount)]],
    ['alarms of another name', [publishing(where('ArnLike', 'aws:SourceArn', arnOfAlarms('Other*')))]],
    ['another account', [publishing(where('StringEquals', 'aws:SourceAccount', '123'))]],
    [
      'a key that the delivery does not carry',
      [publishing(where('StringEquals', 'aws:PrincipalOrgID', 'o-1'))],
    ],
    [
      'an operator that is not known',
      [publishing(where('IpAddress', 'aws:SourceAccount', ref('AWS::AccountId')))],
    ],
    ['one that a Deny takes back', [publishing({}), publishing({ Effect: 'Deny' })]],
    [
      'a Deny of all who are not named',
      [
        publishing({}),
        publishing({ Effect: 'Deny', ...where('StringNotEquals', 'aws:PrincipalOrgID', 'o-1') }),
      ],
    ],
    [
      'a Deny under an operator that is not known',
      [publishing({}), publishing({ Effect: 'Deny', ...where('IpAddress', 'aws:SourceAccount', '1') })],
    ],
  ])('not: %s', (_what, statements) => {
    expect(alarmUnder(...statements)).toEqual([publish]);
  });

  it('where a Deny is for those without TLS', () => {
    const withoutTls = { Effect: 'Deny', Principal: '*', ...where('Bool', 'aws:SecureTransport', 'false') };
    const old = { Effect: 'Deny', Principal: '*', ...where('NumericLessThan', 's3:TlsVersion', 1.2) };
    expect(alarmUnder(publishing({}), publishing(withoutTls), publishing(old))).toEqual([]);
  });

  it('and what is missing is said with the condition, and what is carried instead', () => {
    const Policy = topicPolicy(publishing(where('StringEquals', 'aws:SourceAccount', '123')));
    expect(refused(read({ ...alarm, Policy }))).toEqual([
      `${publish}: Policy/0 allows it only where StringEquals aws:SourceAccount 123; it carries ⟦AWS::AccountId⟧`,
    ]);
  });
});

describe('the key of a target', () => {
  const grant = (more: object = {}) =>
    allow(['kms:Decrypt', 'kms:GenerateDataKey*'], '*', { ...service('cloudwatch'), ...more });
  const under = (Key: Resources[string], KmsMasterKeyId: unknown = arn('Key')) =>
    missing({ ...alarm, Topic: made('AWS::SNS::Topic', { KmsMasterKeyId }), Key });
  const decrypt = 'alarm action: Alarm -> Topic: kms:Decrypt on Key by cloudwatch.amazonaws.com';
  const generate = 'alarm action: Alarm -> Topic: kms:GenerateDataKey on Key by cloudwatch.amazonaws.com';

  it('lets the service in by its own policy', () => {
    expect(under(key(grant()))).toEqual([]);
    expect(under(key())).toEqual([generate, decrypt]);
    expect(under(key(allow('kms:Decrypt', '*', service('cloudwatch'))))).toEqual([generate]);
  });

  it('of AWS lets no service in', () => {
    expect(under(key(), 'alias/aws/sns')).toEqual([
      'alarm action: Alarm -> Topic: a key of the template instead of alias/aws/sns',
    ]);
  });

  it('does not learn from EventBridge for which rule it acts', () => {
    const rule = (more: object) =>
      missing({
        Queue: made('AWS::SQS::Queue', { KmsMasterKeyId: arn('Key') }),
        Rule: made('AWS::Events::Rule', { Targets: [{ Arn: arn('Queue') }] }),
        Policy: queuePolicy(
          allow('sqs:SendMessage', arn('Queue'), {
            ...service('events'),
            ...where('ArnEquals', 'aws:SourceArn', arn('Rule')),
          }),
        ),
        Key: key(allow('kms:*', '*', { ...service('events'), ...more })),
      });
    expect(rule({})).toEqual([]);
    expect(rule(where('StringEquals', 'aws:SourceAccount', ref('AWS::AccountId')))).toHaveLength(2);
  });

  it('leaves it to the policies of roles, where its own says so', () => {
    const machine = (Key: Resources[string], ...statements: object[]) =>
      missing({
        Topic: made('AWS::SNS::Topic', { KmsMasterKeyId: arn('Key') }),
        Key,
        Role: role('states', allow('sns:Publish', ref('Topic')), ...statements),
        Machine: made('AWS::StepFunctions::StateMachine', {
          RoleArn: arn('Role'),
          Definition: {
            States: {
              Tell: {
                Type: 'Task',
                Resource: 'arn:aws:states:::sns:publish',
                Arguments: { TopicArn: '${t}' },
              },
            },
          },
          DefinitionSubstitutions: { t: ref('Topic') },
        }),
      });
    const use = allow(['kms:Decrypt', 'kms:GenerateDataKey'], arn('Key'));
    const unused = ['task Tell: sns:publish: Machine -> Topic', 'task Tell: sns:publish: Machine -> Topic'];
    expect(machine(key(), use)).toEqual([]);
    expect(machine(key())).toEqual(unused);
    expect(machine(made('AWS::KMS::Key', { KeyPolicy: document() }), use)).toEqual(unused);
    expect(
      machine(key(), {
        ...use,
        ...where('StringEquals', 'kms:ViaService', { 'Fn::Sub': 'sns.${AWS::Region}.amazonaws.com' }),
      }),
    ).toEqual([]);
    expect(
      machine(key(), { ...use, ...where('StringEquals', 'kms:ViaService', 's3.amazonaws.com') }),
    ).toEqual(unused);
  });
});

describe('each kind of delivery is permitted, and not without', () => {
  const trusted = (name: string, ...statements: object[]) => ({ Role: role(name, ...statements) });
  const withoutTrust = (resources: Resources): Resources => ({
    ...resources,
    Role: made('AWS::IAM::Role', { ...resources.Role?.Properties, AssumeRolePolicyDocument: document() }),
  });
  const withoutPolicies = (resources: Resources): Resources => ({
    ...resources,
    Role: made('AWS::IAM::Role', { ...resources.Role?.Properties, Policies: [] }),
  });
  const send = allow('sqs:SendMessage', arn('Queue'));
  const logs = allow(['logs:CreateLogStream', 'logs:PutLogEvents'], arn('Log'));
  const Log = made('AWS::Logs::LogGroup');

  const byPolicy: [string, Resources, without: string][] = [
    [
      'bucket notification: Bucket -> Queue',
      {
        Queue,
        Bucket: {
          ...made('AWS::S3::Bucket', {
            NotificationConfiguration: { QueueConfigurations: [{ Queue: arn('Queue') }] },
          }),
          DependsOn: 'Policy',
        },
        Policy: queuePolicy({
          ...send,
          ...service('s3'),
          ...where('StringEquals', 'aws:SourceAccount', ref('AWS::AccountId')),
        }),
      },
      'Policy',
    ],
    [
      'bucket notification: Bucket -> Function',
      {
        Function: made('AWS::Lambda::Function'),
        Bucket: made('AWS::S3::Bucket'),
        Notifications: {
          ...made('Custom::S3BucketNotifications', {
            BucketName: ref('Bucket'),
            NotificationConfiguration: {
              LambdaFunctionConfigurations: [{ LambdaFunctionArn: arn('Function') }],
            },
          }),
          DependsOn: ['Permission'],
        },
        Permission: made('AWS::Lambda::Permission', {
          Action: 'lambda:InvokeFunction',
          FunctionName: arn('Function'),
          Principal: 's3.amazonaws.com',
          SourceArn: arn('Bucket'),
          SourceAccount: ref('AWS::AccountId'),
        }),
      },
      'Permission',
    ],
    [
      'access log: Bucket -> Logs',
      {
        Logs: made('AWS::S3::Bucket'),
        Bucket: made('AWS::S3::Bucket', {
          LoggingConfiguration: { DestinationBucketName: ref('Logs'), LogFilePrefix: 'of/' },
        }),
        Policy: made('AWS::S3::BucketPolicy', {
          Bucket: ref('Logs'),
          PolicyDocument: document(
            allow('s3:PutObject', { 'Fn::Join': ['', [arn('Logs'), '/of/*']] }, service('logging.s3')),
          ),
        }),
      },
      'Policy',
    ],
    [
      'rule target: Rule -> Function',
      {
        Function: made('AWS::Lambda::Function'),
        Rule: made('AWS::Events::Rule', { Targets: [{ Arn: arn('Function') }] }),
        Permission: made('AWS::Lambda::Permission', {
          Action: 'lambda:InvokeFunction',
          FunctionName: ref('Function'),
          Principal: 'events.amazonaws.com',
          SourceArn: arn('Rule'),
        }),
      },
      'Permission',
    ],
    [
      'rule target: Rule -> Log',
      {
        Log,
        Rule: made('AWS::Events::Rule', { Targets: [{ Arn: arn('Log') }] }),
        Policy: made('AWS::Logs::ResourcePolicy', {
          PolicyDocument: {
            'Fn::Sub': JSON.stringify(document(allow(logs.Action, '*', service('events')))),
          },
        }),
      },
      'Policy',
    ],
    [
      'dead letter queue: Rule -> Queue',
      {
        Queue,
        Rule: made('AWS::Events::Rule', { Targets: [{ DeadLetterConfig: { Arn: arn('Queue') } }] }),
        Policy: queuePolicy({
          ...send,
          ...service('events'),
          ...where('ArnEquals', 'aws:SourceArn', arn('Rule')),
        }),
      },
      'Policy',
    ],
    [
      'subscription: Topic -> Queue',
      {
        Topic,
        Queue,
        Subscription: made('AWS::SNS::Subscription', { TopicArn: ref('Topic'), Endpoint: arn('Queue') }),
        Policy: queuePolicy({
          ...send,
          ...service('sns'),
          ...where('ArnEquals', 'aws:SourceArn', ref('Topic')),
        }),
      },
      'Policy',
    ],
    [
      'dead letter queue: Topic -> Queue',
      {
        Topic,
        Queue,
        Subscription: made('AWS::SNS::Subscription', {
          TopicArn: ref('Topic'),
          RedrivePolicy: { deadLetterTargetArn: arn('Queue') },
        }),
        Policy: queuePolicy({ ...send, ...service('sns') }),
      },
      'Policy',
    ],
  ];

  it.each(byPolicy)('%s', (name, resources, without) => {
    const { [without]: _gone, ...rest } = resources;
    expect(read(resources).map((one) => one.name)).toContain(name);
    expect(refused(read(resources))).toEqual([]);
    expect(refused(read(rest)).some((line) => line.startsWith(name))).toBe(true);
  });

  const stream = [
    'DescribeStream',
    'DescribeStreamSummary',
    'GetRecords',
    'GetShardIterator',
    'ListShards',
  ].map((action) => `kinesis:${action}`);
  const objects = (prefix: string) => ({ 'Fn::Join': ['', [arn('Bucket'), `/${prefix}*`]] });
  const byRole: [string, Resources][] = [
    [
      'rule target: Rule -> Machine',
      {
        Machine: made('AWS::StepFunctions::StateMachine'),
        Rule: made('AWS::Events::Rule', { Targets: [{ Arn: ref('Machine'), RoleArn: arn('Role') }] }),
        ...trusted('events', allow('states:StartExecution', ref('Machine'))),
      },
    ],
    [
      'schedule target: Schedule -> Function',
      {
        Function: made('AWS::Lambda::Function'),
        Schedule: made('AWS::Scheduler::Schedule', {
          Target: { Arn: arn('Function'), RoleArn: arn('Role') },
        }),
        ...trusted('scheduler', allow('lambda:InvokeFunction', arn('Function'))),
      },
    ],
    [
      'dead letter queue: Schedule -> Queue',
      {
        Queue,
        Schedule: made('AWS::Scheduler::Schedule', {
          Target: { Arn: arn('Queue'), RoleArn: arn('Role'), DeadLetterConfig: { Arn: arn('Queue') } },
        }),
        ...trusted('scheduler', send),
      },
    ],
    [
      'schedule target: Schedule -> redshift-serverless:CreateSnapshot',
      {
        Schedule: made('AWS::Scheduler::Schedule', {
          Target: {
            Arn: 'arn:aws:scheduler:::aws-sdk:redshiftserverless:createSnapshot',
            RoleArn: arn('Role'),
          },
        }),
        ...trusted('scheduler', allow('redshift-serverless:CreateSnapshot', '*')),
      },
    ],
    [
      'pipe source: Queue -> Pipe',
      {
        Queue,
        Topic,
        Pipe: made('AWS::Pipes::Pipe', { Source: arn('Queue'), Target: ref('Topic'), RoleArn: arn('Role') }),
        ...trusted(
          'pipes',
          allow(['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], arn('Queue')),
          allow('sns:Publish', ref('Topic')),
        ),
      },
    ],
    [
      'event source mapping: Consumer -> Alias',
      {
        Stream,
        Function: handler,
        Alias: made('AWS::Lambda::Alias', { FunctionName: ref('Function'), Name: 'live' }),
        Consumer: made('AWS::Kinesis::StreamConsumer', { StreamARN: arn('Stream') }),
        Mapping: made('AWS::Lambda::EventSourceMapping', {
          EventSourceArn: arn('Consumer', 'ConsumerARN'),
          FunctionName: ref('Alias'),
        }),
        ...trusted(
          'lambda',
          allow(stream, arn('Stream')),
          allow('kinesis:SubscribeToShard', ref('Consumer')),
        ),
      },
    ],
    [
      'records that failed: Function -> Queue',
      {
        Queue,
        Stream,
        Function: handler,
        Mapping: made('AWS::Lambda::EventSourceMapping', {
          EventSourceArn: arn('Stream'),
          FunctionName: ref('Function'),
          DestinationConfig: { OnFailure: { Destination: arn('Queue') } },
        }),
        ...trusted('lambda', allow(stream, arn('Stream')), send),
      },
    ],
    [
      'events that failed: Function -> Queue',
      {
        Queue,
        Function: handler,
        Config: made('AWS::Lambda::EventInvokeConfig', {
          FunctionName: ref('Function'),
          DestinationConfig: { OnFailure: { Destination: arn('Queue') } },
        }),
        ...trusted('lambda', send),
      },
    ],
    [
      'log: Function -> Log',
      {
        Log,
        Function: made('AWS::Lambda::Function', {
          Role: arn('Role'),
          LoggingConfig: { LogGroup: ref('Log') },
        }),
        ...trusted('lambda', logs),
      },
    ],
    [
      'log: FlowLog -> Log',
      {
        Log,
        FlowLog: made('AWS::EC2::FlowLog', {
          LogGroupName: ref('Log'),
          DeliverLogsPermissionArn: arn('Role'),
        }),
        ...trusted('vpc-flow-logs', logs, allow('logs:DescribeLogStreams', arn('Log'))),
      },
    ],
    [
      'delivery stream destination: Delivery -> Bucket',
      {
        Bucket: made('AWS::S3::Bucket'),
        Delivery: made('AWS::KinesisFirehose::DeliveryStream', {
          ExtendedS3DestinationConfiguration: {
            BucketARN: arn('Bucket'),
            RoleARN: arn('Role'),
            Prefix: 'raw/!{timestamp:yyyy}/',
            ErrorOutputPrefix: 'failed/!{timestamp:yyyy}/',
          },
        }),
        ...trusted(
          'firehose',
          allow(['s3:GetBucketLocation', 's3:ListBucket*'], arn('Bucket')),
          allow(
            ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'],
            [objects('raw/'), objects('failed/')],
          ),
        ),
      },
    ],
    [
      'secret: Secret -> Task',
      {
        Secret: made('AWS::SecretsManager::Secret'),
        Task: made('AWS::ECS::TaskDefinition', {
          ExecutionRoleArn: arn('Role'),
          ContainerDefinitions: [{ Secrets: [{ ValueFrom: ref('Secret') }] }],
        }),
        ...trusted('ecs-tasks', allow('secretsmanager:GetSecretValue', ref('Secret'))),
      },
    ],
  ];

  it.each(byRole)('%s', (name, resources) => {
    const fails = (changed: Resources) => refused(read(changed)).some((line) => line.startsWith(name));
    expect(read(resources).map((one) => one.name)).toContain(name);
    expect(refused(read(resources))).toEqual([]);
    expect(fails(withoutTrust(resources))).toBe(true);
    expect(fails(withoutPolicies(resources))).toBe(true);
  });

  it('a queue lets another redrive into it, unless it says which', () => {
    const redrive = (RedriveAllowPolicy?: object) =>
      missing({
        Queue: made('AWS::SQS::Queue', RedriveAllowPolicy ? { RedriveAllowPolicy } : {}),
        From: made('AWS::SQS::Queue', { RedrivePolicy: { deadLetterTargetArn: arn('Queue') } }),
      });
    const refusal = ['dead letter queue: From -> Queue: RedriveAllowPolicy lets the queue in'];
    expect(redrive()).toEqual([]);
    expect(redrive({ redrivePermission: 'byQueue', sourceQueueArns: [arn('From')] })).toEqual([]);
    expect(redrive({ redrivePermission: 'byQueue', sourceQueueArns: [arn('Other')] })).toEqual(refusal);
    expect(redrive({ redrivePermission: 'denyAll' })).toEqual(refusal);
  });

  it('a rule hears of a bucket that sends events, and of no other', () => {
    const rule = (NotificationConfiguration: object) =>
      missing({
        Bucket: made('AWS::S3::Bucket', { NotificationConfiguration }),
        Rule: made('AWS::Events::Rule', {
          EventPattern: { source: ['aws.s3'], detail: { bucket: { name: [ref('Bucket')] } } },
        }),
      });
    expect(rule({ EventBridgeConfiguration: { EventBridgeEnabled: true } })).toEqual([]);
    expect(rule({})).toEqual(['events of a bucket: Rule -> Bucket: EventBridgeConfiguration of the bucket']);
  });

  it('a schedule takes on a role that names its group, and none that names the schedule', () => {
    const trust = (source: unknown) =>
      missing({
        Queue,
        Schedule: made('AWS::Scheduler::Schedule', { Target: { Arn: arn('Queue'), RoleArn: arn('Role') } }),
        Role: made('AWS::IAM::Role', {
          AssumeRolePolicyDocument: document({
            Effect: 'Allow',
            Action: 'sts:AssumeRole',
            ...service('scheduler'),
            ...where('ArnLike', 'aws:SourceArn', source),
          }),
          Policies: [{ PolicyDocument: document(send) }],
        }),
      });
    const scheduler = (path: string) => ({
      'Fn::Sub': `arn:\${AWS::Partition}:scheduler:\${AWS::Region}:\${AWS::AccountId}:${path}`,
    });
    expect(trust(scheduler('schedule-group/default'))).toEqual([]);
    expect(trust(scheduler('schedule/default/Schedule'))).toHaveLength(1);
  });

  it('the log of a state machine is below the prefix that needs no policy of its own', () => {
    const machine = (LogGroupName: string) =>
      missing({
        Log: made('AWS::Logs::LogGroup', { LogGroupName }),
        Machine: made('AWS::StepFunctions::StateMachine', {
          RoleArn: arn('Role'),
          LoggingConfiguration: {
            Destinations: [{ CloudWatchLogsLogGroup: { LogGroupArn: arn('Log') } }],
          },
        }),
        Role: role('states', allow('logs:*', '*')),
      });
    expect(machine('/aws/vendedlogs/states/Machine')).toEqual([]);
    expect(machine('Machine')).toEqual(['log: Machine -> Log: a log group below /aws/vendedlogs/']);
  });

  it('a log that Redshift exports has a group of the name under which it writes', () => {
    const namespace = (LogGroupName: string) =>
      missing({
        Log: made('AWS::Logs::LogGroup', { LogGroupName }),
        Namespace: made('AWS::RedshiftServerless::Namespace', {
          NamespaceName: 'labs',
          LogExports: ['userlog'],
        }),
      });
    expect(namespace('/aws/redshift/labs/userlog')).toEqual([]);
    expect(namespace('/aws/redshift/other/userlog')).toEqual([
      'log export: Namespace -> userlog: a log group of its name',
    ]);
  });
});

describe('a permission comes before what tries it at once', () => {
  const late = (resources: Resources) =>
    refused(read(resources)).map((line) => /needs it at once, and \w+ may come later/.exec(line)?.[0]);

  it('the policy of a queue before the bucket that sends to it', () => {
    const bucket = (DependsOn?: string) => ({
      Queue,
      Policy: queuePolicy(allow('sqs:SendMessage', arn('Queue'), service('s3'))),
      Bucket: {
        ...made('AWS::S3::Bucket', {
          NotificationConfiguration: { QueueConfigurations: [{ Queue: arn('Queue') }] },
        }),
        ...(DependsOn !== undefined && { DependsOn }),
      },
    });
    expect(late(bucket('Policy'))).toEqual([]);
    expect(late(bucket())).toEqual(['needs it at once, and Policy may come later']);
  });

  it('the policy of a role before the service whose tasks take it on, by way of others too', () => {
    const tasks = (DependsOn: string[]) => ({
      Log: made('AWS::Logs::LogGroup'),
      Role: made('AWS::IAM::Role', role('ecs-tasks').Properties),
      Policy: made('AWS::IAM::Policy', {
        Roles: [ref('Role')],
        PolicyDocument: document(allow('logs:*', arn('Log'))),
      }),
      Task: made('AWS::ECS::TaskDefinition', {
        ExecutionRoleArn: arn('Role'),
        ContainerDefinitions: [{ LogConfiguration: { Options: { 'awslogs-group': ref('Log') } } }],
      }),
      Cluster: { ...made('AWS::ECS::Cluster'), DependsOn: ['Policy'] },
      Service: { ...made('AWS::ECS::Service', { TaskDefinition: ref('Task') }), DependsOn },
    });
    expect(late(tasks(['Cluster']))).toEqual([]);
    expect(late(tasks([]))).toEqual([
      'needs it at once, and Policy may come later',
      'needs it at once, and Policy may come later',
    ]);
  });
});

describe('what the table does not know is refused by its name', () => {
  it.each<[string, Resources, string]>([
    [
      'a kind of delivery',
      {
        Bucket: made('AWS::S3::Bucket'),
        Crawler: made('AWS::Glue::Crawler', { Targets: { S3Targets: [{ Path: ref('Bucket') }] } }),
      },
      'crawled: Bucket -> Crawler: a row for "AWS::Glue::Crawler crawled"',
    ],
    [
      'a shape of a known kind',
      {
        Cluster: made('AWS::Redshift::Cluster'),
        Delivery: made('AWS::KinesisFirehose::DeliveryStream', {
          RedshiftDestinationConfiguration: {
            ClusterJDBCURL: { 'Fn::Sub': 'jdbc:redshift://${Cluster.Endpoint.Address}/labs' },
          },
        }),
      },
      'delivery stream destination: Delivery -> Cluster: a row for',
    ],
    [
      'a task that waits',
      {
        Task: made('AWS::ECS::TaskDefinition', { Family: 'work' }),
        Machine: made('AWS::StepFunctions::StateMachine', {
          Definition: {
            States: {
              Work: {
                Type: 'Task',
                Resource: 'arn:aws:states:::ecs:runTask.sync',
                Arguments: { TaskDefinition: 'work' },
              },
            },
          },
        }),
      },
      'task Work: Machine -> ecs:runTask: a row for tasks that wait',
    ],
    [
      'a task that may not do what it does outside of the template',
      {
        Role: role('states'),
        Machine: made('AWS::StepFunctions::StateMachine', {
          RoleArn: arn('Role'),
          Definition: {
            States: {
              Ask: { Type: 'Task', Resource: 'arn:aws:states:::aws-sdk:comprehend:detectSentiment' },
            },
          },
        }),
      },
      'task Ask: Machine -> comprehend:detectSentiment: comprehend:DetectSentiment by Role: no statement allows it',
    ],
    [
      'a stream outside of the template',
      {
        Mapping: made('AWS::Lambda::EventSourceMapping', {
          EventSourceArn: 'arn:aws:kinesis:eu-west-1:1:stream/it',
        }),
      },
      'event source mapping: Mapping -> arn:aws:kinesis:eu-west-1:1:stream/it: a target of the template',
    ],
    [
      'a type of target',
      {
        Job: made('AWS::Batch::JobQueue'),
        Rule: made('AWS::Events::Rule', { Targets: [{ Arn: ref('Job') }] }),
      },
      'rule target: Rule -> Job: a row for AWS::Batch::JobQueue',
    ],
    [
      'a target outside of the template',
      { Rule: made('AWS::Events::Rule', { Targets: [{ Arn: 'arn:aws:sqs:eu-west-1:1:there' }] }) },
      'rule target: Rule -> arn:aws:sqs:eu-west-1:1:there',
    ],
    [
      'a role outside of the template',
      {
        Queue,
        Schedule: made('AWS::Scheduler::Schedule', {
          Target: { Arn: arn('Queue'), RoleArn: 'arn:aws:iam::1:role/it' },
        }),
      },
      'schedule target: Schedule -> Queue: a role of the template',
    ],
  ])('%s', (_what, resources, line) => {
    expect(refused(read(resources)).join()).toContain(line);
  });
});

it('a delivery is named by what it is and its ends, and says by what each permission is given', () => {
  expect(read(alarm)).toEqual([
    {
      name: 'alarm action: Alarm -> Topic',
      kind: 'AWS::CloudWatch::Alarm alarm action',
      permissions: [{ needed: 'sns:Publish on Topic by cloudwatch.amazonaws.com', by: 'Policy/0' }],
    },
  ]);
  expect(neededBy(stackTemplate('Lab', alarm, {})).map(({ name }) => name)).toEqual([
    'alarm action: Alarm -> Topic',
  ]);
});
