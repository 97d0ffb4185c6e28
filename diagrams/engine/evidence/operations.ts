import { referred } from '../references.ts';
import { edges, type Reader } from './edge.ts';

/**
 * Alarms, dashboards, subscriptions to logs, rotation of secrets.
 * Source: CloudFormation resource reference, AWS::CloudWatch::*, AWS::Logs::SubscriptionFilter,
 * AWS::SecretsManager::RotationSchedule.
 */
const notify: Reader = ({ logicalId: by, properties }, template) => [
  ...edges(
    'flow',
    by,
    'alarm action',
    [by],
    referred(template, properties.AlarmActions, properties.OKActions, properties.InsufficientDataActions),
  ),
  ...edges('flow', by, 'part of the alarm', referred(template, properties.AlarmRule), [by]),
  ...edges(
    'watch',
    by,
    'metric that it watches',
    referred(template, properties.Dimensions, properties.Metrics),
    [by],
  ),
];

export const operationFlows: Readonly<Record<string, Reader>> = {
  'AWS::CloudWatch::Alarm': notify,
  'AWS::CloudWatch::CompositeAlarm': notify,
  'AWS::CloudWatch::Dashboard': ({ logicalId: by, properties }, template) =>
    edges('watch', by, 'metric that it shows', referred(template, properties.DashboardBody), [by]),
  'AWS::Logs::SubscriptionFilter': ({ logicalId: by, properties }, template) =>
    edges(
      'flow',
      by,
      'log subscription',
      referred(template, properties.LogGroupName),
      referred(template, properties.DestinationArn),
    ),
  'AWS::SecretsManager::RotationSchedule': ({ logicalId: by, properties }, template) =>
    edges(
      'flow',
      by,
      'rotates the secret',
      referred(template, properties.RotationLambdaARN),
      referred(template, properties.SecretId),
    ),
};
