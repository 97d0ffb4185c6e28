import { at, referred } from '../references.ts';
import { edges, type Reader } from './edge.ts';

/** What ECS itself does for containers. Source: CloudFormation resource reference, AWS::ECS::TaskDefinition. */
export const containerFlows: Readonly<Record<string, Reader>> = {
  'AWS::ECS::TaskDefinition': ({ logicalId: by, properties }, template) => [
    ...edges(
      'service',
      by,
      'log',
      [by],
      referred(template, at(properties, 'ContainerDefinitions.LogConfiguration.Options.awslogs-group')),
    ),
    ...edges(
      'service',
      by,
      'secret',
      referred(template, at(properties, 'ContainerDefinitions.Secrets.ValueFrom')),
      [by],
    ),
  ],
};
