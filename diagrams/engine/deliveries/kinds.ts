import { account, arn, arnOf, inFull } from '../arns.ts';
import { companionsOf } from '../companions.ts';
import { tasksOf } from '../definitions.ts';
import { sendingBuckets } from '../evidence/events.ts';
import { logGroupOf } from '../evidence/stores.ts';
import type { Edge } from '../evidence.ts';
import { at, referred, resourcesOfType } from '../references.ts';
import type { StackTemplate, TemplateResource } from '../template.ts';
import {
  type Actor,
  acts,
  byRole,
  type Context,
  forSource,
  gets,
  keyOf,
  type Need,
  puts,
  type Setting,
} from './needs.ts';

/** What a delivery needs, by the resource that says of it. */
type Needs = (edge: Edge, by: TemplateResource, template: StackTemplate) => Need[];

/** What a role then needs. */
type OfRole = (as: Actor, edge: Edge, template: StackTemplate) => Need[];
const putting: OfRole = (as, { to }, template) => puts(template, as, to);
const getting: OfRole = (as, { from }, template) => gets(template, as, from);

/** What the service says when it takes on a role. */
type Said = (by: TemplateResource, template: StackTemplate) => Context;
const ofSource: Said = ({ logicalId }, template) => forSource(template, logicalId);
/** Where no page of AWS says what is carried, a condition is taken not to hold. */
const nothing: Said = () => ({});
/** Scheduler names the group of the schedule, never the schedule. */
const ofGroup: Said = ({ properties }, template) => ({
  'aws:sourcearn': arn('scheduler', `schedule-group/${inFull(properties.GroupName ?? 'default', template)}`),
  'aws:sourceaccount': account,
});
const ofTask: Said = () => ({ 'aws:sourcearn': arn('ecs', 'task/⟦task⟧'), 'aws:sourceaccount': account });

/** What needs nobody's leave. */
export const none: Needs = () => [];

/** A service acts in its own name, for the resource that says so or from which it comes. */
const byService =
  (service: string, source: 'from' | 'by' = 'by'): Needs =>
  (edge, _by, template) =>
    puts(template, { service }, edge.to, forSource(template, edge[source]));

/** A service takes on a role of the resource that says so. @param property that names the role */
const through =
  (service: string, property: string, said: Said, needs: OfRole): Needs =>
  (edge, by, template) =>
    byRole(template, at(by.properties, property), service, said(by, template), (as) =>
      needs(as, edge, template),
    );

/** EventBridge names the rule to queues, topics and functions, but not to KMS (SNS developer guide, "Key management"). */
const byEvents: Needs = ({ by, to }, _by, template) =>
  puts(template, { service: 'events.amazonaws.com' }, to, forSource(template, by), {});

/** The function at an end of the edge, an alias of it too, acts under its role. */
const byFunction =
  (end: 'from' | 'to', needs: OfRole): Needs =>
  (edge, _by, template) =>
    [...companionsOf(template, edge[end])]
      .map((id) => template.resources.get(id))
      .filter((one) => one?.type === 'AWS::Lambda::Function')
      .flatMap((one) =>
        byRole(template, one?.properties.Role, 'lambda.amazonaws.com', {}, (as) => needs(as, edge, template)),
      );

/** Firehose names a role beside each of its ends, at whatever depth. @param property beside the role, which speaks of the end */
const byFirehose =
  (
    property: string,
    end: 'from' | 'to',
    needs: (as: Actor, edge: Edge, template: StackTemplate, config: Record<string, unknown>) => Need[],
  ): Needs =>
  (edge, by, template) =>
    holders(by.properties, property)
      .filter((config) => referred(template, config[property]).includes(edge[end]))
      .flatMap((config) =>
        byRole(template, config.RoleARN, 'firehose.amazonaws.com', nothing(by, template), (as) =>
          needs(as, edge, template, config),
        ),
      );

/** Objects at any depth that have a property. */
function holders(value: unknown, property: string): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = property in value ? [value as Record<string, unknown>] : [];
  return [...own, ...Object.values(value).flatMap((inner) => holders(inner, property))];
}

const transform = (end: 'from' | 'to'): Needs =>
  byFirehose('ProcessingConfiguration', end, (as, edge, template) =>
    acts(template, as, edge[end], ['lambda:GetFunctionConfiguration', 'lambda:InvokeFunction']),
  );

/** Names in IAM, where those of the SDK are others. Source: Service authorization reference. */
const renamed: Readonly<Record<string, string>> = {
  eventbridge: 'events',
  redshiftdata: 'redshift-data',
  redshiftserverless: 'redshift-serverless',
  sfn: 'states',
  'lambda:Invoke': 'lambda:InvokeFunction',
  's3:ListObjectsV2': 's3:ListBucket',
};

/** The action in IAM of an operation of the SDK: `sfn`, `startExecution` is `states:StartExecution`. */
function actionOf(service: string, operation: string): string {
  const action = `${renamed[service] ?? service}:${operation.replace(/^./, (letter) => letter.toUpperCase())}`;
  return renamed[action] ?? action;
}

const task: OfRole = (as, { what, by, from, to }, template) => {
  const [, service = 'lambda', operation = 'invoke'] = /^task .*: (\w+):(\w+)$/.exec(what) ?? [];
  const action = actionOf(service, operation);
  if (from !== by)
    return [...acts(template, as, from, [action]), ...keyOf(template, as, from, ['kms:Decrypt'])];
  const kept = ['sns:Publish', 'sqs:SendMessage', 's3:PutObject'].includes(action);
  return kept ? puts(template, as, to) : acts(template, as, to, [action]);
};

/** What Step Functions asks of a role that delivers logs: by it the delivery is set up, and the resource policy of logs. */
const logDelivery = [
  'CreateLogDelivery',
  'DeleteLogDelivery',
  'DescribeLogGroups',
  'DescribeResourcePolicies',
  'GetLogDelivery',
  'ListLogDeliveries',
  'PutResourcePolicy',
  'UpdateLogDelivery',
].map((action) => `logs:${action}`);

/**
 * By type of the resource that says so, and what the evidence calls it; a task without its name and action. Each with AWS's
 * page that says what it needs.
 */
export const kinds: Readonly<Record<string, Needs>> = {
  // SNS developer guide, "Example cases for Amazon SNS access control".
  'AWS::CloudWatch::Alarm alarm action': (edge, by, template) =>
    template.resources.get(edge.to)?.type === 'AWS::SNS::Topic'
      ? byService('cloudwatch.amazonaws.com')(edge, by, template)
      : byService('lambda.alarms.cloudwatch.amazonaws.com')(edge, by, template),
  // S3 user guide, "Granting permissions to publish event notification messages to a destination".
  'AWS::S3::Bucket bucket notification': byService('s3.amazonaws.com'),
  'Custom::S3BucketNotifications bucket notification': byService('s3.amazonaws.com', 'from'),
  // S3 user guide, "Enabling Amazon S3 server access logging".
  'AWS::S3::Bucket access log': ({ from, to }, by, template) => {
    const service = { service: 'logging.s3.amazonaws.com' };
    const prefix = inFull(at(by.properties, 'LoggingConfiguration.LogFilePrefix')[0], template);
    const objects = `${arnOf(template, to)}/${prefix}⟦object⟧`;
    const itsOwn = keyOf(template, service, to, ['kms:GenerateDataKey']).length === 0;
    return [
      ...acts(template, service, to, ['s3:PutObject'], forSource(template, from), objects),
      { setting: 'a target that S3 encrypts with keys of its own', by: itsOwn ? to : undefined },
    ];
  },
  // S3 user guide, "Using EventBridge": no policy lets events in; whether the bucket sends any is held below.
  'AWS::Events::Rule event pattern': none,
  // EventBridge user guide, "Using resource-based policies for Amazon EventBridge".
  'AWS::Events::Rule rule target': (edge, by, template) =>
    at(by.properties, 'Targets')
      .filter((target) => referred(template, target).includes(edge.to))
      .flatMap((target) => {
        const [role] = at(target, 'RoleArn');
        return role === undefined
          ? byEvents(edge, by, template)
          : byRole(template, role, 'events.amazonaws.com', {}, (as) => puts(template, as, edge.to));
      }),
  // EventBridge user guide, "Using dead-letter queues to process undelivered events".
  'AWS::Events::Rule dead letter queue': byEvents,
  // EventBridge Scheduler user guide, "Setting up the execution role", "Confused deputy prevention".
  'AWS::Scheduler::Schedule schedule target': through(
    'scheduler.amazonaws.com',
    'Target.RoleArn',
    ofGroup,
    putting,
  ),
  'AWS::Scheduler::Schedule dead letter queue': through(
    'scheduler.amazonaws.com',
    'Target.RoleArn',
    ofGroup,
    putting,
  ),
  // EventBridge user guide, "Permissions for Amazon EventBridge Pipes". The pipe as a whole is its two ends.
  'AWS::Pipes::Pipe pipe': none,
  'AWS::Pipes::Pipe pipe source': through('pipes.amazonaws.com', 'RoleArn', ofSource, getting),
  'AWS::Pipes::Pipe pipe target': through('pipes.amazonaws.com', 'RoleArn', ofSource, putting),
  'AWS::Pipes::Pipe dead letter queue': through('pipes.amazonaws.com', 'RoleArn', ofSource, putting),
  // SNS developer guide, "Subscribing an Amazon SQS queue", "Fanout to Lambda functions", "Fanout to Firehose delivery streams".
  'AWS::SNS::Topic subscription': byService('sns.amazonaws.com'),
  'AWS::SNS::Subscription subscription': (edge, by, template) =>
    by.properties.SubscriptionRoleArn === undefined
      ? byService('sns.amazonaws.com', 'from')(edge, by, template)
      : through('sns.amazonaws.com', 'SubscriptionRoleArn', nothing, putting)(edge, by, template),
  // SNS developer guide, "Configuring an Amazon SNS dead-letter queue".
  'AWS::SNS::Subscription dead letter queue': byService('sns.amazonaws.com', 'from'),
  // SQS developer guide, "Using dead-letter queues": any queue of the account may, unless RedriveAllowPolicy says which.
  'AWS::SQS::Queue dead letter queue': ({ from, to }, _by, template) => [redriveAllowed(template, from, to)],
  // Lambda developer guide, "Defining Lambda function permissions with an execution role".
  'AWS::Lambda::EventSourceMapping event source mapping': byFunction('to', getting),
  // Lambda developer guide, "Retaining discarded batch records".
  'AWS::Lambda::EventSourceMapping records that failed': byFunction('from', putting),
  // Lambda developer guide, "Capturing records of Lambda asynchronous invocations".
  'AWS::Lambda::EventInvokeConfig results': byFunction('from', putting),
  'AWS::Lambda::EventInvokeConfig events that failed': byFunction('from', putting),
  'AWS::Lambda::Function dead letter queue': byFunction('from', putting),
  // Lambda developer guide, "Sending Lambda function logs to CloudWatch Logs".
  'AWS::Lambda::Function log': byFunction('from', putting),
  // CDK API reference, custom-resources: the framework calls the function, and waits until it is active.
  'AWS::Lambda::Function function of a custom resource': byFunction('from', (as, { to }, template) =>
    acts(template, as, to, ['lambda:InvokeFunction', 'lambda:GetFunction']),
  ),
  // Step Functions developer guide, "How Step Functions generates IAM policies for integrated services".
  'AWS::StepFunctions::StateMachine task': through('states.amazonaws.com', 'RoleArn', ofSource, task),
  // Step Functions developer guide, "Using CloudWatch Logs to log execution history". One resource policy is for all groups below
  // the prefix; for any other the policies of the account, ten at most, grow with each state machine.
  'AWS::StepFunctions::StateMachine log': through(
    'states.amazonaws.com',
    'RoleArn',
    ofSource,
    (as, { to }, template) => [
      ...logDelivery.map((action) => ({ as, action, resource: '*', context: {} })),
      {
        setting: 'a log group below /aws/vendedlogs/',
        by: inFull({ Ref: to }, template).startsWith('/aws/vendedlogs/') ? to : undefined,
      },
    ],
  ),
  // VPC user guide, "IAM role for publishing flow logs to CloudWatch Logs", without what is for groups that it makes itself.
  'AWS::EC2::FlowLog log': through(
    'vpc-flow-logs.amazonaws.com',
    'DeliverLogsPermissionArn',
    ofSource,
    (as, { to }, template) => [
      ...puts(template, as, to),
      ...acts(template, as, to, ['logs:DescribeLogStreams']),
    ],
  ),
  // Redshift management guide, "Audit logging for Amazon Redshift Serverless": the service has a role of its own for it.
  'AWS::RedshiftServerless::Namespace log': none,
  // Firehose developer guide, "Controlling access with Amazon Data Firehose".
  'AWS::KinesisFirehose::DeliveryStream delivery stream source': byFirehose(
    'KinesisStreamARN',
    'from',
    (as, { from }, template) => [
      ...acts(
        template,
        as,
        from,
        ['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListShards'].map(
          (action) => `kinesis:${action}`,
        ),
      ),
      ...keyOf(template, as, from, ['kms:Decrypt']),
    ],
  ),
  'AWS::KinesisFirehose::DeliveryStream delivery stream destination': byFirehose(
    'BucketARN',
    'to',
    (as, { to }, template, { Prefix, ErrorOutputPrefix = Prefix }) => {
      const bucket = arnOf(template, to);
      const ofBucket = ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'];
      const ofObjects = ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'];
      const objects = [Prefix, ErrorOutputPrefix].map(
        (prefix) => `${bucket}/${inFull(prefix, template).split('!{')[0]}⟦object⟧`,
      );
      return [
        ...acts(template, as, to, ofBucket, {}, bucket),
        ...objects.flatMap((resource) => acts(template, as, to, ofObjects, {}, resource)),
        ...keyOf(template, as, to, ['kms:Decrypt', 'kms:GenerateDataKey'], {
          'kms:encryptioncontext:aws:s3:arn': bucket,
        }),
      ];
    },
  ),
  'AWS::KinesisFirehose::DeliveryStream records transformed on the way': (edge, by, template) =>
    transform(edge.from === by.logicalId ? 'to' : 'from')(edge, by, template),
  'AWS::KinesisFirehose::DeliveryStream log': byFirehose(
    'CloudWatchLoggingOptions',
    'to',
    (as, { to }, template) => acts(template, as, to, ['logs:PutLogEvents']),
  ),
  // ECS developer guide, "Amazon ECS task execution IAM role".
  'AWS::ECS::TaskDefinition log': through('ecs-tasks.amazonaws.com', 'ExecutionRoleArn', ofTask, putting),
  'AWS::ECS::TaskDefinition secret': through('ecs-tasks.amazonaws.com', 'ExecutionRoleArn', ofTask, getting),
  // A part of the stream.
  'AWS::Kinesis::StreamConsumer registered consumer': none,
};

/**
 * Kinds that are tried while the stack is made, so that a permission that comes later fails the deploy. All of ECS is tried as
 * soon as a service starts its tasks.
 * Source: S3 user guide, "Enabling event notifications"; Lambda API reference, CreateEventSourceMapping; Firehose API reference,
 * CreateDeliveryStream; Step Functions developer guide, "Troubleshooting logging to CloudWatch Logs".
 */
const triedAtOnce =
  /^(AWS::S3::Bucket bucket|Custom::S3BucketNotifications|AWS::Lambda::Event|AWS::KinesisFirehose|AWS::Pipes|AWS::StepFunctions::StateMachine log)/;

/** Logical ids of those who try a delivery of this kind as soon as they are made. */
export function triedBy(
  kind: string,
  { logicalId, type }: TemplateResource,
  template: StackTemplate,
): string[] {
  if (type === 'AWS::ECS::TaskDefinition')
    return resourcesOfType(template, 'AWS::ECS::Service')
      .filter(({ properties }) => referred(template, properties.TaskDefinition).includes(logicalId))
      .map((service) => service.logicalId);
  return triedAtOnce.test(kind) ? [logicalId] : [];
}

function redriveAllowed(template: StackTemplate, from: string, to: string): Setting {
  const { redrivePermission, sourceQueueArns } = (template.resources.get(to)?.properties.RedriveAllowPolicy ??
    {}) as { redrivePermission?: string; sourceQueueArns?: unknown[] };
  const allowed =
    redrivePermission === undefined ||
    redrivePermission === 'allowAll' ||
    (redrivePermission === 'byQueue' &&
      (sourceQueueArns ?? []).some((one) => inFull(one, template) === arnOf(template, from)));
  return { setting: 'RedriveAllowPolicy lets the queue in', by: allowed ? to : undefined };
}

/** A delivery of which one end is not a resource of the template, or which is no edge. */
export interface Apart {
  readonly what: string;
  readonly to: string;
  readonly needs: readonly Need[];
}

/** By type: deliveries beside those that the evidence finds. */
export const apart: Readonly<Record<string, (by: TemplateResource, template: StackTemplate) => Apart[]>> = {
  // S3 user guide, "Using EventBridge": a bucket sends nothing unless it says so.
  'AWS::Events::Rule': ({ properties }, template) => [
    ...referred(template, at(properties, 'EventPattern.detail.bucket')).map((bucket) => ({
      what: 'events of a bucket',
      to: bucket,
      needs: [
        {
          setting: 'EventBridgeConfiguration of the bucket',
          by: sendingBuckets(template).find((id) => id === bucket),
        },
      ],
    })),
    ...outside('rule target', at(properties, 'Targets.Arn'), template),
  ],
  'AWS::CloudWatch::Alarm': (
    { properties: { AlarmActions, OKActions, InsufficientDataActions } },
    template,
  ) => outside('alarm action', [AlarmActions, OKActions, InsufficientDataActions].flat(), template),
  'AWS::Lambda::EventSourceMapping': ({ properties }, template) =>
    outside('event source mapping', [properties.EventSourceArn], template),
  'AWS::Pipes::Pipe': ({ properties: { Source, Target } }, template) =>
    outside('pipe', [Source, Target], template),
  // Tasks that call nothing of the template (a model, a query) need their action on whatever it may be.
  'AWS::StepFunctions::StateMachine': (by, template) =>
    tasksOf(by, template)
      .filter(({ calls, waits }) => calls.length === 0 || waits)
      .map(({ name, action, waits }) => {
        const [service = '', operation = ''] = action.split(':');
        const acting = { action: actionOf(service, operation), context: {} };
        const needs = byRole(
          template,
          by.properties.RoleArn,
          'states.amazonaws.com',
          ofSource(by, template),
          (as) => [{ as, ...acting }],
        );
        const unknown = { setting: 'a row for tasks that wait (.sync)', by: undefined };
        return { what: `task ${name}`, to: action, needs: waits ? [unknown] : needs };
      }),
  // EventBridge Scheduler user guide, "Using universal targets".
  'AWS::Scheduler::Schedule': (by, template) => {
    const [target] = at(by.properties, 'Target.Arn');
    const role = at(by.properties, 'Target.RoleArn');
    const [, service, operation] = /:scheduler:::aws-sdk:(\w+):(\w+)$/.exec(inFull(target, template)) ?? [];
    if (service === undefined || operation === undefined)
      return outside('schedule target', [target], template);
    const action = actionOf(service, operation);
    // What the call is made on is what its input refers to.
    const on = at(by.properties, 'Target.Input').flatMap((input) => referred(template, input));
    const needs = byRole(template, role, 'scheduler.amazonaws.com', ofGroup(by, template), (as) =>
      on.length === 0
        ? [{ as, action, context: {} }]
        : on.flatMap((target) => acts(template, as, target, [action])),
    );
    return [{ what: 'schedule target', to: action, needs }];
  },
  // ECS developer guide, "Amazon ECS task execution IAM role", "Amazon ECS task IAM role".
  'AWS::ECS::TaskDefinition': (by, template) => {
    const byTasks = (role: unknown, needs?: (as: Actor) => Need[]) =>
      byRole(template, role, 'ecs-tasks.amazonaws.com', ofTask(by, template), needs);
    const pull = ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'];
    const pulling = (repository: string) =>
      byTasks(by.properties.ExecutionRoleArn, (as) => [
        ...pull.map((action) => ({
          as,
          action,
          resource: arn('ecr', `repository/${repository}`),
          context: {},
        })),
        { as, action: 'ecr:GetAuthorizationToken', resource: '*', context: {} },
      ]);
    return [
      ...at(by.properties, 'ContainerDefinitions.Image').map((value) => {
        const image = inFull(value, template);
        const [, repository] = /\.dkr\.ecr\.[^/]*\/(.+?)(?::[\w.-]+|@.+)?$/.exec(image) ?? [];
        return {
          what: 'image',
          to: repository ?? image,
          needs: repository === undefined ? [] : pulling(repository),
        };
      }),
      ...at(by.properties, 'TaskRoleArn').map((role) => ({
        what: 'role',
        to: inFull(role, template),
        needs: byTasks(role),
      })),
    ];
  },
  // Redshift management guide, "Authorizing Amazon Redshift Serverless to access other AWS services on your behalf".
  'AWS::RedshiftServerless::Namespace': ({ logicalId, properties }, template) => [
    ...at(properties, 'IamRoles').map((role) => ({
      what: 'role',
      to: inFull(role, template),
      needs: ['redshift.amazonaws.com', 'redshift-serverless.amazonaws.com'].flatMap((service) =>
        byRole(template, role, service, {}),
      ),
    })),
    ...at(properties, 'LogExports').map((log) => {
      const group = logGroupOf(properties, String(log), template);
      return {
        what: 'log export',
        to: String(log),
        needs: [{ setting: 'a log group of its name', by: group && logicalId }],
      };
    }),
  ],
};

/** Targets that are nobody's of the template: what lets them in cannot be seen. */
const outside = (what: string, targets: readonly unknown[], template: StackTemplate): Apart[] =>
  targets
    .filter((target) => target !== undefined && referred(template, target).length === 0)
    .map((target) => ({
      what,
      to: inFull(target, template),
      needs: [{ setting: 'a target of the template', by: undefined }],
    }));
