/**
 * The actions of IAM that move data, by service: what they act on, which of them read, which write. An action that is in
 * both goes both ways (a statement on a warehouse, a key that encrypts and decrypts). Actions that are not here (listing,
 * describing, tagging) are no evidence that data moves.
 *
 * Source: Service authorization reference, "Actions, resources, and condition keys for AWS services".
 */
interface Service {
  /** CloudFormation types that the actions are about. */
  readonly types: readonly string[];
  readonly reads?: readonly string[];
  readonly writes?: readonly string[];
}

const service = (
  types: string | readonly string[],
  reads: readonly string[],
  writes: readonly string[] = [],
): Service => ({ types: [types].flat(), reads, writes });

/** Actions that go both ways. */
const both = (types: string | readonly string[], ...actions: readonly string[]) =>
  service(types, actions, actions);

export const dataActions: Readonly<Record<string, Service>> = {
  s3: service('AWS::S3::Bucket', ['GetObject', 'GetObjectVersion'], ['PutObject', 'DeleteObject']),
  dynamodb: service(
    ['AWS::DynamoDB::Table', 'AWS::DynamoDB::GlobalTable'],
    ['GetItem', 'BatchGetItem', 'Query', 'Scan', 'GetRecords', 'PartiQLSelect'],
    [
      'PutItem',
      'UpdateItem',
      'DeleteItem',
      'BatchWriteItem',
      'PartiQLInsert',
      'PartiQLUpdate',
      'PartiQLDelete',
    ],
  ),
  kinesis: service(
    ['AWS::Kinesis::Stream', 'AWS::Kinesis::StreamConsumer'],
    ['GetRecords', 'SubscribeToShard'],
    ['PutRecord', 'PutRecords'],
  ),
  firehose: service('AWS::KinesisFirehose::DeliveryStream', [], ['PutRecord', 'PutRecordBatch']),
  sqs: service('AWS::SQS::Queue', ['ReceiveMessage'], ['SendMessage']),
  sns: service('AWS::SNS::Topic', [], ['Publish']),
  lambda: service(
    ['AWS::Lambda::Function', 'AWS::Lambda::Alias', 'AWS::Lambda::Version'],
    [],
    ['InvokeFunction', 'InvokeFunctionUrl'],
  ),
  states: service('AWS::StepFunctions::StateMachine', [], ['StartExecution', 'StartSyncExecution']),
  events: service('AWS::Events::EventBus', [], ['PutEvents']),
  secretsmanager: service(
    'AWS::SecretsManager::Secret',
    ['GetSecretValue', 'BatchGetSecretValue'],
    ['PutSecretValue', 'UpdateSecret'],
  ),
  ssm: service(
    'AWS::SSM::Parameter',
    ['GetParameter', 'GetParameters', 'GetParametersByPath'],
    ['PutParameter'],
  ),
  'redshift-data': both(
    ['AWS::RedshiftServerless::Workgroup', 'AWS::Redshift::Cluster'],
    'ExecuteStatement',
    'BatchExecuteStatement',
  ),
  'redshift-serverless': both('AWS::RedshiftServerless::Workgroup', 'GetCredentials'),
  redshift: both('AWS::Redshift::Cluster', 'GetClusterCredentials', 'GetClusterCredentialsWithIAM'),
  glue: service(
    ['AWS::Glue::Database', 'AWS::Glue::Table', 'AWS::Glue::Crawler', 'AWS::Glue::Job'],
    ['GetDatabase', 'GetTable', 'GetTables', 'GetTableVersions', 'GetPartition', 'GetPartitions'],
    ['CreateTable', 'UpdateTable', 'BatchCreatePartition', 'StartCrawler', 'StartJobRun'],
  ),
  athena: both('AWS::Athena::WorkGroup', 'StartQueryExecution'),
  'execute-api': service(
    ['AWS::ApiGateway::RestApi', 'AWS::ApiGatewayV2::Api'],
    [],
    ['Invoke', 'ManageConnections'],
  ),
  kms: both('AWS::KMS::Key', 'Encrypt', 'Decrypt', 'GenerateDataKey'),
  logs: service('AWS::Logs::LogGroup', ['GetLogEvents', 'FilterLogEvents', 'StartQuery'], ['PutLogEvents']),
  ecs: service('AWS::ECS::TaskDefinition', [], ['RunTask', 'StartTask']),
  ecr: service('AWS::ECR::Repository', ['BatchGetImage', 'GetDownloadUrlForLayer']),
  geo: service(
    ['AWS::Location::Tracker', 'AWS::Location::PlaceIndex'],
    ['GetDevicePosition', 'GetDevicePositionHistory', 'SearchPlaceIndexForPosition'],
    ['BatchUpdateDevicePosition'],
  ),
  ec2: both(['AWS::EC2::Volume', 'AWS::EC2::Instance'], 'AttachVolume'),
};

/** Of some actions, as written, those that read from a resource of this type, that write to it, and that do both. */
export function directionsOf(
  actions: readonly string[],
  type: string,
): { reads: readonly string[]; writes: readonly string[]; uses: readonly string[] } {
  const does = (action: string, side: 'reads' | 'writes') =>
    Object.entries(dataActions).some(
      ([prefix, { types, [side]: names = [] }]) =>
        types.includes(type) && names.some((name) => pattern(action).test(`${prefix}:${name}`)),
    );
  const among = (reads: boolean, writes: boolean) =>
    actions.filter((action) => does(action, 'reads') === reads && does(action, 'writes') === writes);
  return { reads: among(true, false), writes: among(false, true), uses: among(true, true) };
}

/** `*` and `?` of an action are wildcards; case does not count. */
const pattern = (action: string) =>
  new RegExp(
    `^${action
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    'i',
  );
