import { account, arnOf, inFull, region } from '../arns.ts';
import { at, referred } from '../references.ts';
import type { StackTemplate } from '../template.ts';
import type { Request } from './policies.ts';

/** What a delivery needs: that a request is allowed, or that a setting is so. */
export type Need = Request | Setting;

export interface Setting {
  readonly setting: string;
  /** Logical id of the resource that has it; undefined where it is missing. */
  readonly by: string | undefined;
}

export type Actor = Request['as'];
export type Context = Request['context'];

/** What a service says of the resource for which it acts. */
export const forSource = (template: StackTemplate, source: string): Context => ({
  'aws:sourcearn': arnOf(template, source),
  'aws:sourceaccount': account,
});

/**
 * By type: the actions by which something is put into it, the property that names its key, what that takes of the key, and
 * the service through which a role uses it.
 */
interface Store {
  readonly puts: readonly string[];
  readonly gets?: readonly string[];
  readonly key?: readonly [property: string, service: string, ...puts: string[]];
}

const queueKey = (service: string) =>
  ['KmsMasterKeyId', service, 'kms:GenerateDataKey', 'kms:Decrypt'] as const;
const called: Store = { puts: ['lambda:InvokeFunction'] };

const stores: Readonly<Record<string, Store>> = {
  'AWS::DynamoDB::Table': {
    puts: [],
    gets: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'],
  },
  'AWS::Events::EventBus': { puts: ['events:PutEvents'] },
  'AWS::Kinesis::Stream': {
    puts: ['kinesis:PutRecord', 'kinesis:PutRecords'],
    gets: [
      'kinesis:DescribeStream',
      'kinesis:DescribeStreamSummary',
      'kinesis:GetRecords',
      'kinesis:GetShardIterator',
      'kinesis:ListShards',
    ],
    key: ['StreamEncryption.KeyId', 'kinesis', 'kms:GenerateDataKey'],
  },
  'AWS::KinesisFirehose::DeliveryStream': { puts: ['firehose:PutRecord', 'firehose:PutRecordBatch'] },
  'AWS::Lambda::Alias': called,
  'AWS::Lambda::Function': called,
  'AWS::Lambda::Version': called,
  'AWS::Logs::LogGroup': { puts: ['logs:CreateLogStream', 'logs:PutLogEvents'] },
  'AWS::S3::Bucket': {
    puts: ['s3:PutObject'],
    key: [
      'BucketEncryption.ServerSideEncryptionConfiguration.ServerSideEncryptionByDefault.KMSMasterKeyID',
      's3',
      'kms:GenerateDataKey',
    ],
  },
  'AWS::SecretsManager::Secret': {
    puts: [],
    gets: ['secretsmanager:GetSecretValue'],
    key: ['KmsKeyId', 'secretsmanager'],
  },
  'AWS::SNS::Topic': { puts: ['sns:Publish'], key: queueKey('sns') },
  'AWS::SQS::Queue': {
    puts: ['sqs:SendMessage'],
    gets: ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'],
    key: queueKey('sqs'),
  },
  'AWS::StepFunctions::StateMachine': { puts: ['states:StartExecution'] },
};

/** What acts on a bucket acts on an object of it; what acts on a log, on a stream of it. */
const inside = (template: StackTemplate, target: string) => {
  const type = template.resources.get(target)?.type;
  const whole = arnOf(template, target);
  if (type === 'AWS::Logs::LogGroup') return `${whole}:log-stream:⟦stream⟧`;
  return type === 'AWS::S3::Bucket' ? `${whole}/*` : whole;
};

/** A need for each action. @param resource @default the target, or something in it */
export const acts = (
  template: StackTemplate,
  as: Actor,
  target: string,
  actions: readonly string[],
  context: Context = {},
  resource = inside(template, target),
): Need[] => actions.map((action) => ({ as, action, resource, owner: target, context }));

/** The same of the target's key, where it has one of its own. */
export function keyOf(
  template: StackTemplate,
  as: Actor,
  target: string,
  actions: readonly string[],
  context: Context = {},
): Need[] {
  const { type = '', properties } = template.resources.get(target) ?? {};
  const [property, service] = stores[type]?.key ?? [];
  if (property === undefined) return [];
  return at(properties, property).flatMap((value): Need[] => {
    const [key] = referred(template, value);
    // The policy of a key of AWS lets in whoever comes through the service with credentials of the account.
    if (key === undefined)
      return 'role' in as
        ? []
        : [{ setting: `a key of the template instead of ${inFull(value, template)}`, by: undefined }];
    const through: Context = 'role' in as ? { 'kms:viaservice': `${service}.${region}.amazonaws.com` } : {};
    return acts(template, as, key, actions, { ...through, ...context });
  });
}

/**
 * To put something into the target.
 *
 * @param context what the request carries, and that to the key where it is not the same
 */
export function puts(
  template: StackTemplate,
  as: Actor,
  target: string,
  context: Context = {},
  keyContext: Context = context,
): Need[] {
  const store = stores[template.resources.get(target)?.type ?? ''];
  if (!store || store.puts.length === 0) return [unknown(template, target)];
  const [, , ...keyActions] = store.key ?? [];
  return [
    ...acts(template, as, target, store.puts, context),
    ...keyOf(template, as, target, keyActions, keyContext),
  ];
}

/** To read from the source by the service's own polling. */
export function gets(template: StackTemplate, as: Actor, source: string): Need[] {
  const { type = '', properties } = template.resources.get(source) ?? {};
  if (type === 'AWS::Kinesis::StreamConsumer')
    return [
      ...acts(template, as, source, ['kinesis:SubscribeToShard']),
      ...referred(template, properties?.StreamARN).flatMap((stream) => gets(template, as, stream)),
    ];
  const { gets: actions } = stores[type] ?? {};
  if (!actions) return [unknown(template, source)];
  const resource = type.startsWith('AWS::DynamoDB::')
    ? `${arnOf(template, source)}/stream/⟦stream⟧`
    : undefined;
  return [
    ...acts(template, as, source, actions, {}, resource),
    ...keyOf(template, as, source, ['kms:Decrypt']),
  ];
}

const unknown = (template: StackTemplate, id: string): Setting => ({
  setting: `a row for ${template.resources.get(id)?.type}`,
  by: undefined,
});

/**
 * What a role does: first its trust must let the service take it on.
 *
 * @param role the value that names it
 * @param needs what the role then needs
 */
export function byRole(
  template: StackTemplate,
  role: unknown,
  service: string,
  context: Context,
  needs: (as: Actor) => Need[] = () => [],
): Need[] {
  const [id] = referred(template, role);
  if (id === undefined) return [{ setting: 'a role of the template', by: undefined }];
  return [{ as: { service }, action: 'sts:AssumeRole', owner: id, context }, ...needs({ role: id })];
}
