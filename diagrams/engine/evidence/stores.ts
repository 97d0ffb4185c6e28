import { inFull } from '../arns.ts';
import { at, referred, referredOfType, resourcesOfType, valuesNamed } from '../references.ts';
import type { StackTemplate, TemplateResource } from '../template.ts';
import { bothWays, edges, type Reader } from './edge.ts';

/**
 * Buckets, streams and what reads a lake.
 * Source: CloudFormation resource reference, AWS::S3::Bucket, AWS::Kinesis::*, AWS::KinesisFirehose::DeliveryStream, AWS::Glue::*,
 * AWS::Athena::WorkGroup. CDK sets a bucket's notifications by a custom resource whose configuration is that of the S3
 * API (PutBucketNotificationConfiguration), which has other names.
 */
export const storeFlows: Readonly<Record<string, Reader>> = {
  'AWS::S3::Bucket': ({ logicalId: by, properties }, template) => [
    ...edges(
      'flow',
      by,
      'bucket notification',
      [by],
      referred(
        template,
        at(properties, 'NotificationConfiguration.LambdaConfigurations.Function'),
        at(properties, 'NotificationConfiguration.QueueConfigurations.Queue'),
        at(properties, 'NotificationConfiguration.TopicConfigurations.Topic'),
      ),
    ),
    ...edges(
      'flow',
      by,
      'replication',
      [by],
      referred(template, at(properties, 'ReplicationConfiguration.Rules.Destination.Bucket')),
    ),
    ...edges(
      'service',
      by,
      'access log',
      [by],
      referred(template, at(properties, 'LoggingConfiguration.DestinationBucketName')),
    ),
  ],
  'Custom::S3BucketNotifications': ({ logicalId: by, properties }, template) =>
    edges(
      'flow',
      by,
      'bucket notification',
      referred(template, properties.BucketName),
      referred(
        template,
        at(properties, 'NotificationConfiguration.LambdaFunctionConfigurations.LambdaFunctionArn'),
        at(properties, 'NotificationConfiguration.QueueConfigurations.QueueArn'),
        at(properties, 'NotificationConfiguration.TopicConfigurations.TopicArn'),
      ),
    ),
  'AWS::Kinesis::StreamConsumer': ({ logicalId: by, properties }, template) =>
    edges('flow', by, 'registered consumer', referred(template, properties.StreamARN), [by]),
  'AWS::KinesisFirehose::DeliveryStream': ({ logicalId: by, properties }, template) => [
    ...edges(
      'flow',
      by,
      'delivery stream source',
      referred(template, at(properties, 'KinesisStreamSourceConfiguration.KinesisStreamARN')),
      [by],
    ),
    ...edges(
      'flow',
      by,
      'delivery stream destination',
      [by],
      referred(template, valuesNamed(properties, destinations)),
    ),
    ...bothWays(
      'flow',
      by,
      'records transformed on the way',
      [by],
      referred(template, transformers(properties)),
    ),
    ...edges(
      'service',
      by,
      'log',
      [by],
      referred(template, valuesNamed(properties, new Set(['LogGroupName']))),
    ),
  ],
  'AWS::RedshiftServerless::Namespace': ({ logicalId: by, properties }, template) =>
    edges(
      'service',
      by,
      'log',
      [by],
      at(properties, 'LogExports').flatMap((log) => logGroupOf(properties, String(log), template) ?? []),
    ),
  'AWS::Glue::Crawler': ({ logicalId: by, properties }, template) => [
    ...edges('flow', by, 'crawled', referred(template, at(properties, 'Targets')), [by]),
    ...edges(
      'flow',
      by,
      'tables found',
      [by],
      referredOfType(template, 'AWS::Glue::Database', properties.DatabaseName),
    ),
  ],
  'AWS::Glue::Table': ({ logicalId: by, properties }, template) =>
    bothWays(
      'watch',
      by,
      'the table describes it',
      [by],
      referred(template, at(properties, 'TableInput.StorageDescriptor.Location')),
    ),
  'AWS::Athena::WorkGroup': ({ logicalId: by, properties }, template) =>
    edges(
      'flow',
      by,
      'query results',
      [by],
      referred(template, at(properties, 'WorkGroupConfiguration.ResultConfiguration.OutputLocation')),
    ),
};

/**
 * Logical id of the group of one log of a Redshift Serverless namespace, which is found by its name.
 * Source: Redshift management guide, "Audit logging for Amazon Redshift Serverless".
 */
export const logGroupOf = (
  { NamespaceName }: TemplateResource['properties'],
  log: string,
  template: StackTemplate,
): string | undefined =>
  resourcesOfType(template, 'AWS::Logs::LogGroup').find(
    ({ properties }) =>
      inFull(properties.LogGroupName, template) === `/aws/redshift/${inFull(NamespaceName, template)}/${log}`,
  )?.logicalId;

/** Beside the function, the parameters of a processor name its role. */
const transformers = (properties: unknown) =>
  valuesNamed(properties, new Set(['Parameters'])).flatMap((parameters) =>
    at({ parameters }, 'parameters')
      .filter((parameter) => at(parameter, 'ParameterName').includes('LambdaArn'))
      .flatMap((parameter) => at(parameter, 'ParameterValue')),
  );

/** Whichever kind of destination it is, backup and intermediate buckets included. */
const destinations = new Set(['BucketARN', 'ClusterJDBCURL', 'DomainARN', 'CollectionEndpoint']);
