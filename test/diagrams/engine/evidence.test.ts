// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of Fn::Sub
import { type Edge, edgesOf } from '../../../diagrams/engine/evidence.ts';
import { stackTemplate } from '../../../diagrams/engine/template.ts';

type Properties = Record<string, unknown>;
const ref = (id: string) => ({ Ref: id });
const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });

/** Plain resources that others speak of. */
const plain = Object.entries({
  'AWS::Lambda::Function': ['Function', 'Other'],
  'AWS::S3::Bucket': ['Bucket', 'Copy'],
  'AWS::SQS::Queue': ['Queue', 'Dead'],
  'AWS::SNS::Topic': ['Topic'],
  'AWS::Kinesis::Stream': ['Stream'],
  'AWS::DynamoDB::Table': ['Table'],
  'AWS::StepFunctions::StateMachine': ['Machine'],
  'AWS::ECS::TaskDefinition': ['Definition'],
  'AWS::ECS::Cluster': ['Cluster'],
  'AWS::ApiGateway::RestApi': ['Api'],
  'AWS::ApiGatewayV2::Api': ['HttpApi'],
  'AWS::Logs::LogGroup': ['Log'],
  'AWS::SecretsManager::Secret': ['Secret'],
  'AWS::CloudWatch::Alarm': ['Child'],
}).flatMap(([Type, ids]) => ids.map((id) => [id, { Type }] as const));

const sending = {
  Bucket: {
    Type: 'AWS::S3::Bucket',
    Properties: { NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } } },
  },
};

function said(type: string, Properties: Properties, more: Record<string, { Type: string }> = {}): string[] {
  const template = stackTemplate(
    'Lab',
    { ...Object.fromEntries(plain), It: { Type: type, Properties }, ...more },
    {},
  );
  return edgesOf(template)
    .filter(({ by }) => by === 'It')
    .map(written);
}
const written = ({ from, to, kind, what }: Edge) => `${kind} ${from} -> ${to}: ${what}`;

describe.each<[string, [Properties, ...string[]][]]>([
  [
    'AWS::Lambda::EventSourceMapping',
    [
      [
        {
          EventSourceArn: arn('Stream'),
          FunctionName: ref('Function'),
          DestinationConfig: { OnFailure: { Destination: arn('Dead') } },
        },
        'flow Stream -> Function: event source mapping',
        'flow Function -> Dead: records that failed',
      ],
      [
        { EventSourceArn: { 'Fn::GetAtt': ['Table', 'StreamArn'] }, FunctionName: arn('Function') },
        'flow Table -> Function: event source mapping',
      ],
    ],
  ],
  [
    'AWS::Lambda::EventInvokeConfig',
    [
      [
        {
          FunctionName: ref('Function'),
          DestinationConfig: {
            OnSuccess: { Destination: ref('Topic') },
            OnFailure: { Destination: arn('Dead') },
          },
        },
        'flow Function -> Topic: results',
        'flow Function -> Dead: events that failed',
      ],
    ],
  ],
  [
    'AWS::Lambda::Function',
    [[{ DeadLetterConfig: { TargetArn: arn('Dead') } }, 'flow It -> Dead: dead letter queue']],
  ],
  [
    'AWS::Scheduler::Schedule',
    [
      [
        { Target: { Arn: ref('Machine'), DeadLetterConfig: { Arn: arn('Dead') } } },
        'flow It -> Machine: schedule target',
        'flow It -> Dead: dead letter queue',
      ],
      [
        { Target: { Arn: arn('Cluster'), EcsParameters: { TaskDefinitionArn: ref('Definition') } } },
        'flow It -> Definition: schedule target',
      ],
      [{ Target: { Arn: 'arn:aws:scheduler:::aws-sdk:sqs:sendMessage' } }],
    ],
  ],
  [
    'AWS::Pipes::Pipe',
    [
      [
        {
          Source: arn('Stream'),
          Target: ref('Machine'),
          Enrichment: arn('Function'),
          SourceParameters: { KinesisStreamParameters: { DeadLetterConfig: { Arn: arn('Dead') } } },
        },
        'flow Stream -> Machine: pipe',
        'flow Stream -> It: pipe source',
        'flow It -> Machine: pipe target',
        'flow It -> Function: pipe enrichment',
        'flow Function -> It: pipe enrichment',
        'flow It -> Dead: dead letter queue',
      ],
      [
        {
          Source: arn('Queue'),
          Target: arn('Cluster'),
          TargetParameters: { EcsTaskParameters: { TaskDefinitionArn: ref('Definition') } },
        },
        'flow Queue -> Definition: pipe',
        'flow Queue -> It: pipe source',
        'flow It -> Definition: pipe target',
      ],
    ],
  ],
  [
    'AWS::SNS::Subscription',
    [
      [
        {
          TopicArn: ref('Topic'),
          Endpoint: arn('Queue'),
          RedrivePolicy: { deadLetterTargetArn: arn('Dead') },
        },
        'flow Topic -> Queue: subscription',
        'flow Topic -> Dead: dead letter queue',
      ],
      [{ TopicArn: ref('Topic'), Endpoint: 'somebody@example.com' }],
    ],
  ],
  ['AWS::SNS::Topic', [[{ Subscription: [{ Endpoint: arn('Queue') }] }, 'flow It -> Queue: subscription']]],
  [
    'AWS::SQS::Queue',
    [
      [
        { RedrivePolicy: { deadLetterTargetArn: arn('Dead'), maxReceiveCount: 3 } },
        'flow It -> Dead: dead letter queue',
      ],
    ],
  ],
  [
    'AWS::S3::Bucket',
    [
      [
        {
          NotificationConfiguration: {
            LambdaConfigurations: [{ Function: arn('Function') }],
            QueueConfigurations: [{ Queue: arn('Queue') }],
            TopicConfigurations: [{ Topic: ref('Topic') }],
          },
          ReplicationConfiguration: { Rules: [{ Destination: { Bucket: arn('Copy') } }] },
        },
        'flow It -> Function: bucket notification',
        'flow It -> Queue: bucket notification',
        'flow It -> Topic: bucket notification',
        'flow It -> Copy: replication',
      ],
    ],
  ],
  [
    'Custom::S3BucketNotifications',
    [
      [
        {
          ServiceToken: arn('Other'),
          BucketName: ref('Bucket'),
          NotificationConfiguration: {
            LambdaFunctionConfigurations: [{ LambdaFunctionArn: arn('Function') }],
            QueueConfigurations: [{ QueueArn: arn('Queue') }],
            TopicConfigurations: [{ TopicArn: ref('Topic') }],
          },
        },
        'flow Bucket -> Function: bucket notification',
        'flow Bucket -> Queue: bucket notification',
        'flow Bucket -> Topic: bucket notification',
      ],
    ],
  ],
  [
    'AWS::KinesisFirehose::DeliveryStream',
    [
      [
        {
          KinesisStreamSourceConfiguration: { KinesisStreamARN: arn('Stream') },
          ExtendedS3DestinationConfiguration: {
            BucketARN: arn('Bucket'),
            S3BackupConfiguration: { BucketARN: arn('Copy') },
            ProcessingConfiguration: {
              Processors: [
                {
                  Parameters: [
                    { ParameterName: 'LambdaArn', ParameterValue: arn('Function') },
                    { ParameterName: 'RoleArn', ParameterValue: arn('Other') },
                  ],
                },
              ],
            },
            CloudWatchLoggingOptions: { LogGroupName: ref('Log') },
          },
        },
        'flow Stream -> It: delivery stream source',
        'flow It -> Bucket: delivery stream destination',
        'flow It -> Copy: delivery stream destination',
        'flow It -> Function: records transformed on the way',
        'flow Function -> It: records transformed on the way',
        'service It -> Log: log',
      ],
    ],
  ],
  [
    'AWS::Kinesis::StreamConsumer',
    [[{ StreamARN: arn('Stream') }, 'flow Stream -> It: registered consumer']],
  ],
  [
    'AWS::ApiGateway::Method',
    [
      [
        {
          RestApiId: ref('Api'),
          Integration: {
            Uri: { 'Fn::Join': ['', ['arn:…:functions/', arn('Function'), '/invocations']] },
            Credentials: arn('Other'),
          },
        },
        'flow Api -> Function: api integration',
      ],
      [
        {
          RestApiId: ref('Api'),
          Integration: {
            Uri: 'arn:aws:apigateway:eu-west-1:kinesis:action/PutRecord',
            RequestTemplates: {
              'application/json': { 'Fn::Sub': '{"StreamName":"${Stream}","api":"${Api}"}' },
            },
          },
        },
        'flow Api -> Stream: api integration',
      ],
    ],
  ],
  [
    'AWS::ApiGateway::Authorizer',
    [
      [
        { RestApiId: ref('Api'), AuthorizerUri: { 'Fn::Sub': 'x/${Function.Arn}/invocations' } },
        'flow Api -> Function: asked whether a caller may',
      ],
    ],
  ],
  [
    'AWS::ApiGatewayV2::Integration',
    [
      [
        { ApiId: ref('HttpApi'), IntegrationUri: arn('Function') },
        'flow HttpApi -> Function: api integration',
      ],
      [
        { ApiId: ref('HttpApi'), RequestParameters: { StreamName: ref('Stream') } },
        'flow HttpApi -> Stream: api integration',
      ],
    ],
  ],
  [
    'AWS::StepFunctions::StateMachine',
    [
      [
        {
          DefinitionString: {
            'Fn::Sub': JSON.stringify({
              States: {
                Work: { Type: 'Task', Resource: '${Function.Arn}' },
                Tell: {
                  Type: 'Task',
                  Resource: 'arn:aws:states:::sns:publish',
                  Arguments: { TopicArn: '${Topic}' },
                },
                Look: {
                  Type: 'Task',
                  Resource: 'arn:aws:states:::dynamodb:getItem',
                  Arguments: { TableName: '${Table}' },
                },
                Note: {
                  Type: 'Task',
                  Resource: 'arn:aws:states:::dynamodb:putItem',
                  Arguments: { TableName: '${Table}' },
                },
              },
            }),
          },
        },
        'flow It -> Function: task Work',
        'flow It -> Topic: task Tell: sns:publish',
        'flow Table -> It: task Look: dynamodb:getItem',
        'flow It -> Table: task Note: dynamodb:putItem',
      ],
    ],
  ],
  [
    'AWS::CloudWatch::Alarm',
    [
      [
        { AlarmActions: [ref('Topic')], Dimensions: [{ Name: 'QueueName', Value: arn('Queue') }] },
        'flow It -> Topic: alarm action',
        'watch Queue -> It: metric that it watches',
      ],
      [
        { OKActions: [ref('Topic')], Metrics: [{ MetricStat: { Metric: { Dimensions: [ref('Stream')] } } }] },
        'flow It -> Topic: alarm action',
        'watch Stream -> It: metric that it watches',
      ],
    ],
  ],
  [
    'AWS::CloudWatch::CompositeAlarm',
    [
      [
        { AlarmRule: { 'Fn::Sub': 'ALARM("${Child}")' }, InsufficientDataActions: [ref('Topic')] },
        'flow It -> Topic: alarm action',
        'flow Child -> It: part of the alarm',
      ],
    ],
  ],
  [
    'AWS::CloudWatch::Dashboard',
    [[{ DashboardBody: { 'Fn::Sub': '"${Queue}"' } }, 'watch Queue -> It: metric that it shows']],
  ],
  [
    'AWS::Logs::SubscriptionFilter',
    [
      [
        { LogGroupName: ref('Log'), DestinationArn: arn('Stream'), RoleArn: arn('Other') },
        'flow Log -> Stream: log subscription',
      ],
    ],
  ],
  [
    'AWS::SecretsManager::RotationSchedule',
    [
      [
        { SecretId: ref('Secret'), RotationLambdaARN: arn('Function') },
        'flow Function -> Secret: rotates the secret',
      ],
    ],
  ],
  [
    'AWS::Athena::WorkGroup',
    [
      [
        {
          WorkGroupConfiguration: {
            ResultConfiguration: { OutputLocation: { 'Fn::Sub': 's3://${Bucket}/results' } },
          },
        },
        'flow It -> Bucket: query results',
      ],
    ],
  ],
  [
    'AWS::Glue::Table',
    [
      [
        { TableInput: { StorageDescriptor: { Location: { 'Fn::Sub': 's3://${Bucket}/raw' } } } },
        'watch It -> Bucket: the table describes it',
        'watch Bucket -> It: the table describes it',
      ],
    ],
  ],
  [
    'AWS::Lambda::Function',
    [
      [{ LoggingConfig: { LogGroup: ref('Log') } }, 'service It -> Log: log'],
      [
        { Environment: { Variables: { USER_ON_EVENT_FUNCTION_ARN: arn('Function') } } },
        'service It -> Function: function of a custom resource',
      ],
    ],
  ],
  [
    'AWS::S3::Bucket',
    [[{ LoggingConfiguration: { DestinationBucketName: ref('Copy') } }, 'service It -> Copy: access log']],
  ],
  ['AWS::EC2::FlowLog', [[{ LogGroupName: ref('Log') }, 'service It -> Log: log']]],
  [
    'AWS::StepFunctions::StateMachine',
    [
      [
        {
          LoggingConfiguration: { Destinations: [{ CloudWatchLogsLogGroup: { LogGroupArn: arn('Log') } }] },
        },
        'service It -> Log: log',
      ],
    ],
  ],
  [
    'AWS::ECS::TaskDefinition',
    [
      [
        {
          ContainerDefinitions: [
            {
              LogConfiguration: { Options: { 'awslogs-group': ref('Log') } },
              Secrets: [{ Name: 'LOGIN', ValueFrom: { 'Fn::Sub': '${Secret}:password::' } }],
            },
          ],
        },
        'service It -> Log: log',
        'service Secret -> It: secret',
      ],
    ],
  ],
])('what %s says', (type, cases) => {
  it.each(cases.map(([properties, ...expected]) => ({ properties, expected })))(
    '$expected',
    ({ properties, expected }) => {
      expect(said(type, properties)).toEqual(expected);
    },
  );
});

describe('what AWS::Events::Rule says', () => {
  const target = { Targets: [{ Arn: ref('Machine'), DeadLetterConfig: { Arn: arn('Dead') } }] };
  const pattern = (detail?: object) => ({ EventPattern: { source: ['aws.s3'], ...(detail && { detail }) } });
  const named = pattern({ bucket: { name: [ref('Bucket')] } });

  it('its targets, and where what could not be delivered goes', () => {
    expect(said('AWS::Events::Rule', target)).toEqual([
      'flow It -> Machine: rule target',
      'flow It -> Dead: dead letter queue',
    ]);
  });

  it('a bucket that sends its events to EventBridge and is named in the pattern', () => {
    expect(said('AWS::Events::Rule', named, sending)).toEqual(['flow Bucket -> It: event pattern']);
  });

  it('not a bucket that sends nothing', () => {
    expect(said('AWS::Events::Rule', named)).toEqual([]);
    const off = {
      Type: 'AWS::S3::Bucket',
      Properties: { NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: false } } },
    };
    expect(said('AWS::Events::Rule', named, { Bucket: off })).toEqual([]);
  });

  it('a bucket whose events are switched on by the custom resource of CDK', () => {
    const custom = {
      Type: 'Custom::S3BucketNotifications',
      Properties: { BucketName: ref('Bucket'), NotificationConfiguration: { EventBridgeConfiguration: {} } },
    };
    expect(said('AWS::Events::Rule', named, { Custom: custom })).toEqual([
      'flow Bucket -> It: event pattern',
    ]);
  });

  it('every bucket that sends, where the pattern names none', () => {
    expect(said('AWS::Events::Rule', pattern(), sending)).toEqual(['flow Bucket -> It: event pattern']);
  });

  it('what else the pattern speaks of, and the bus', () => {
    const failures = { source: ['aws.states'], detail: { stateMachineArn: [ref('Machine')] } };
    expect(said('AWS::Events::Rule', { EventPattern: failures })).toEqual([
      'flow Machine -> It: event pattern',
    ]);
    const bus = { Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'orders' } } };
    expect(said('AWS::Events::Rule', { EventBusName: 'orders', EventPattern: {} }, bus)).toEqual([
      'flow Bus -> It: event bus',
    ]);
  });
});

it('a crawler reads its bucket and fills the database that it names in plain text', () => {
  const database = { Type: 'AWS::Glue::Database', Properties: { DatabaseInput: { Name: 'lake' } } };
  expect(
    said(
      'AWS::Glue::Crawler',
      { Targets: { S3Targets: [{ Path: { 'Fn::Sub': 's3://${Bucket}/raw' } }] }, DatabaseName: 'lake' },
      { Database: database },
    ),
  ).toEqual(['flow Bucket -> It: crawled', 'flow It -> Database: tables found']);
});
