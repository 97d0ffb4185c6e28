import { at, referred } from '../references.ts';
import { edges, type Reader } from './edge.ts';

/** Topics and queues. Source: CloudFormation resource reference, AWS::SNS::*, AWS::SQS::Queue. */
export const messageFlows: Readonly<Record<string, Reader>> = {
  'AWS::SNS::Subscription': ({ logicalId: by, properties }, template) => {
    const topic = referred(template, properties.TopicArn);
    return [
      ...edges('flow', by, 'subscription', topic, referred(template, properties.Endpoint)),
      ...edges('flow', by, 'dead letter queue', topic, referred(template, properties.RedrivePolicy)),
    ];
  },
  'AWS::SNS::Topic': ({ logicalId: by, properties }, template) =>
    edges('flow', by, 'subscription', [by], referred(template, at(properties, 'Subscription.Endpoint'))),
  'AWS::SQS::Queue': ({ logicalId: by, properties }, template) =>
    edges('flow', by, 'dead letter queue', [by], referred(template, properties.RedrivePolicy)),
};
