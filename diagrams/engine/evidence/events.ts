import { at, referred, referredOfType, resourcesOfType } from '../references.ts';
import type { StackTemplate, TemplateResource } from '../template.ts';
import { type Edge, edges, type Reader } from './edge.ts';

/**
 * EventBridge: rules, schedules, pipes.
 * Source: CloudFormation resource reference, AWS::Events::*, AWS::Scheduler::*, AWS::Pipes::*; S3 user guide, "Using
 * EventBridge" (a bucket sends nothing unless EventBridgeConfiguration says so).
 */
export const eventFlows: Readonly<Record<string, Reader>> = {
  'AWS::Events::Rule': (rule, template) => [
    ...matched(rule, template),
    ...at(rule.properties, 'Targets').flatMap((target) => delivery(rule, target, 'rule target', template)),
  ],
  'AWS::Scheduler::Schedule': (schedule, template) =>
    delivery(schedule, schedule.properties.Target, 'schedule target', template),
  'AWS::Pipes::Pipe': ({ logicalId: by, properties }, template) => {
    const source = referred(template, properties.Source);
    const parameters = properties.TargetParameters;
    const target = targetOf({ Arn: properties.Target, ...(parameters as object) }, template);
    const enrichment = referred(template, properties.Enrichment);
    const failed = referred(template, at(properties, 'SourceParameters').flatMap(deadLetters));
    return [
      ...edges('flow', by, 'pipe', source, target),
      ...edges('flow', by, 'pipe source', source, [by]),
      ...edges('flow', by, 'pipe target', [by], target),
      ...edges('flow', by, 'pipe enrichment', [by], enrichment),
      ...edges('flow', by, 'pipe enrichment', enrichment, [by]),
      ...edges('flow', by, 'dead letter queue', [by], failed),
    ];
  },
};

/** What the pattern of a rule lets in. */
function matched({ logicalId: by, properties }: TemplateResource, template: StackTemplate): Edge[] {
  const bus = referredOfType(template, 'AWS::Events::EventBus', properties.EventBusName);
  const pattern = properties.EventPattern;
  const sources = at(pattern, 'source');
  const named = referred(template, at(pattern, 'resources'), at(pattern, 'detail'));
  const senders =
    sources.includes('aws.s3') && at(pattern, 'detail.bucket').length === 0
      ? sendingBuckets(template)
      : named;
  const silent = resourcesOfType(template, 'AWS::S3::Bucket')
    .map(({ logicalId }) => logicalId)
    .filter((bucket) => !sendingBuckets(template).includes(bucket));
  return [
    ...edges('flow', by, 'event bus', bus, [by]),
    ...edges(
      'flow',
      by,
      'event pattern',
      senders.filter((sender) => !silent.includes(sender)),
      [by],
    ),
  ];
}

/** Buckets that send their events to EventBridge. */
export function sendingBuckets(template: StackTemplate): string[] {
  const inline = resourcesOfType(template, 'AWS::S3::Bucket').filter(
    ({ properties }) =>
      at(properties, 'NotificationConfiguration.EventBridgeConfiguration').length > 0 &&
      !at(properties, 'NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled').includes(
        false,
      ),
  );
  const custom = resourcesOfType(template, 'Custom::S3BucketNotifications').filter(
    ({ properties }) => at(properties, 'NotificationConfiguration.EventBridgeConfiguration').length > 0,
  );
  return [
    ...inline.map(({ logicalId }) => logicalId),
    ...custom.flatMap(({ properties }) => referred(template, properties.BucketName)),
  ];
}

/** A target of a rule or a schedule, and where what could not be delivered goes. */
function delivery(
  { logicalId: by }: TemplateResource,
  target: unknown,
  what: string,
  template: StackTemplate,
): Edge[] {
  return [
    ...edges('flow', by, what, [by], targetOf(target, template)),
    ...edges('flow', by, 'dead letter queue', [by], referred(template, deadLetters(target))),
  ];
}

/** A task on ECS is what its task definition says; the ARN is the cluster's. */
function targetOf(target: unknown, template: StackTemplate): string[] {
  const task = ['EcsParameters', 'EcsTaskParameters'].flatMap((name) =>
    at(target, `${name}.TaskDefinitionArn`),
  );
  return referred(template, task.length > 0 ? task : at(target, 'Arn'));
}

/** Of a target itself, or for pipes of whatever kind of source it names. */
function deadLetters(holder: unknown): unknown[] {
  const kinds = typeof holder === 'object' && holder !== null ? Object.keys(holder) : [];
  return [
    ...at(holder, 'DeadLetterConfig.Arn'),
    ...kinds.flatMap((kind) => at(holder, `${kind}.DeadLetterConfig.Arn`)),
  ];
}
