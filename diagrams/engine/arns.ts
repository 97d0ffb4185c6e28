import { at, writtenOut } from './references.ts';
import type { StackTemplate } from './template.ts';

/**
 * Names and ARNs as CloudFormation would write them, so that those of policies and those of requests are compared as
 * texts. A name that it makes up, a region, an account stand in brackets: `arn:⟦AWS::Partition⟧:s3:::⟦Bucket⟧`.
 * Source: Service authorization reference, "Resource types defined by …"; CloudFormation resource reference, "Return values".
 */
interface Format {
  /** All after region and account; `{}` is the name. */
  readonly path: string;
  readonly service: string;
  /** The property that carries the name where the template gives one. */
  readonly name: string;
  readonly refIsArn: boolean;
}

const format = (service: string, path: string, name: string, refIsArn = false): Format => ({
  service,
  path,
  name,
  refIsArn,
});

const formats: Readonly<Record<string, Format>> = {
  'AWS::CloudWatch::Alarm': format('cloudwatch', 'alarm:{}', 'AlarmName'),
  'AWS::CloudWatch::CompositeAlarm': format('cloudwatch', 'alarm:{}', 'AlarmName'),
  'AWS::DynamoDB::Table': format('dynamodb', 'table/{}', 'TableName'),
  'AWS::DynamoDB::GlobalTable': format('dynamodb', 'table/{}', 'TableName'),
  'AWS::EC2::FlowLog': format('ec2', 'vpc-flow-log/{}', ''),
  'AWS::ECS::TaskDefinition': format('ecs', 'task-definition/{}', '', true),
  'AWS::Events::EventBus': format('events', 'event-bus/{}', 'Name'),
  'AWS::Events::Rule': format('events', 'rule/{}', 'Name'),
  'AWS::Kinesis::Stream': format('kinesis', 'stream/{}', 'Name'),
  'AWS::Kinesis::StreamConsumer': format('kinesis', 'stream/⟦stream⟧/consumer/{}', '', true),
  'AWS::KinesisFirehose::DeliveryStream': format('firehose', 'deliverystream/{}', 'DeliveryStreamName'),
  'AWS::KMS::Key': format('kms', 'key/{}', ''),
  'AWS::Lambda::Alias': format('', '', '', true),
  'AWS::Lambda::Function': format('lambda', 'function:{}', 'FunctionName'),
  'AWS::Lambda::Version': format('', '', '', true),
  'AWS::Logs::LogGroup': format('logs', 'log-group:{}', 'LogGroupName'),
  'AWS::Pipes::Pipe': format('pipes', 'pipe/{}', 'Name'),
  'AWS::SecretsManager::Secret': format('secretsmanager', 'secret:{}', 'Name', true),
  'AWS::SNS::Topic': format('sns', '{}', 'TopicName', true),
  'AWS::SQS::Queue': format('sqs', '{}', 'QueueName'),
  'AWS::StepFunctions::StateMachine': format('states', 'stateMachine:{}', 'StateMachineName', true),
};

export const account = '⟦AWS::AccountId⟧';
export const region = '⟦AWS::Region⟧';
export const arn = (service: string, path: string, where = `${region}:${account}`) =>
  `arn:⟦AWS::Partition⟧:${service}:${where}:${path}`;

/** The ARN of a resource of the template; of a type that is not in the table, a text that is no other's. */
export function arnOf(template: StackTemplate, logicalId: string): string {
  const { type = '', properties } = template.resources.get(logicalId) ?? {};
  const name = nameOf(template, logicalId);
  if (type === 'AWS::S3::Bucket') return arn('s3', name, ':');
  if (type === 'AWS::IAM::Role') return arn('iam', `role/${name}`, `:${account}`);
  if (type === 'AWS::Lambda::Alias' || type === 'AWS::Lambda::Version')
    return `${inFull(properties?.FunctionName, template)}:${inFull(properties?.Name ?? name, template)}`;
  const { service, path } = formats[type] ?? format('', '{}', '');
  return service === '' ? `⟦${logicalId}.Arn⟧` : arn(service, path.replace('{}', name));
}

function nameOf(template: StackTemplate, logicalId: string): string {
  const { type = '', properties = {} } = template.resources.get(logicalId) ?? {};
  const [given] = at(properties, type === 'AWS::S3::Bucket' ? 'BucketName' : (formats[type]?.name ?? ''));
  return given === undefined ? `⟦${logicalId}⟧` : inFull(given, template);
}

/** A value as CloudFormation would write it. */
export function inFull(value: unknown, template: StackTemplate): string {
  return writtenOut(value, (logicalId, attribute) => {
    const type = template.resources.get(logicalId)?.type;
    if (type === undefined) return `⟦${logicalId}⟧`;
    if (attribute === undefined)
      return formats[type]?.refIsArn ? arnOf(template, logicalId) : nameOf(template, logicalId);
    if (type.startsWith('AWS::DynamoDB::') && attribute === 'StreamArn')
      return `${arnOf(template, logicalId)}/stream/⟦stream⟧`;
    if (type === 'AWS::Logs::LogGroup' && attribute === 'Arn') return `${arnOf(template, logicalId)}:*`;
    return /Arn$/i.test(attribute) ? arnOf(template, logicalId) : `⟦${logicalId}.${attribute}⟧`;
  });
}
