import { at, referred } from '../references.ts';
import { edges, type Reader } from './edge.ts';

/**
 * Functions: what calls them from a stream or queue, and where what failed goes.
 * Source: CloudFormation resource reference, AWS::Lambda::*; FunctionName and EventSourceArn are references in CDK's
 * templates, to an alias or a consumer too (`companions.ts`).
 */
export const functionFlows: Readonly<Record<string, Reader>> = {
  'AWS::Lambda::EventSourceMapping': ({ logicalId: by, properties }, template) => {
    const target = referred(template, properties.FunctionName);
    return [
      ...edges('flow', by, 'event source mapping', referred(template, properties.EventSourceArn), target),
      ...edges(
        'flow',
        by,
        'records that failed',
        target,
        referred(template, at(properties, 'DestinationConfig.OnFailure.Destination')),
      ),
    ];
  },
  'AWS::Lambda::EventInvokeConfig': ({ logicalId: by, properties }, template) =>
    ['OnSuccess', 'OnFailure'].flatMap((outcome) =>
      edges(
        'flow',
        by,
        outcome === 'OnSuccess' ? 'results' : 'events that failed',
        referred(template, properties.FunctionName),
        referred(template, at(properties, `DestinationConfig.${outcome}.Destination`)),
      ),
    ),
  'AWS::Lambda::Function': ({ logicalId: by, properties }, template) => [
    ...edges(
      'flow',
      by,
      'dead letter queue',
      [by],
      referred(template, at(properties, 'DeadLetterConfig.TargetArn')),
    ),
    ...edges('service', by, 'log', [by], referred(template, at(properties, 'LoggingConfig.LogGroup'))),
    ...edges(
      'service',
      by,
      'function of a custom resource',
      [by],
      referred(template, frameworkCalls(properties)),
    ),
  ],
};

/** What the CDK's provider framework calls, by the environment that it gives to its own functions. */
const frameworkCalls = (properties: unknown) =>
  ['USER_ON_EVENT_FUNCTION_ARN', 'USER_IS_COMPLETE_FUNCTION_ARN'].flatMap((name) =>
    at(properties, `Environment.Variables.${name}`),
  );
