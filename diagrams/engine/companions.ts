import { at, referredOfType } from './references.ts';
import type { StackTemplate, TemplateResource } from './template.ts';

/**
 * What CloudFormation splits into several resources and a picture shows as one: the type of the part, the property that
 * names the whole, the type of the whole. What is true of the one is shown by an icon of the other.
 */
const wholes: readonly (readonly [part: string, property: string, whole: string])[] = [
  ['AWS::Lambda::Alias', 'FunctionName', 'AWS::Lambda::Function'],
  ['AWS::Lambda::Version', 'FunctionName', 'AWS::Lambda::Function'],
  ['AWS::Lambda::Url', 'TargetFunctionArn', 'AWS::Lambda::Function'],
  ['AWS::Kinesis::StreamConsumer', 'StreamARN', 'AWS::Kinesis::Stream'],
  ['AWS::RedshiftServerless::Workgroup', 'NamespaceName', 'AWS::RedshiftServerless::Namespace'],
  ['AWS::ApiGateway::Stage', 'RestApiId', 'AWS::ApiGateway::RestApi'],
  ['AWS::ApiGatewayV2::Stage', 'ApiId', 'AWS::ApiGatewayV2::Api'],
  ['AWS::ECS::Service', 'TaskDefinition', 'AWS::ECS::TaskDefinition'],
  [
    'AWS::AutoScaling::AutoScalingGroup',
    'LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateId',
    'AWS::EC2::LaunchTemplate',
  ],
  ['AWS::AutoScaling::AutoScalingGroup', 'LaunchTemplate.LaunchTemplateId', 'AWS::EC2::LaunchTemplate'],
  [
    'AWS::AutoScaling::AutoScalingGroup',
    'MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateId',
    'AWS::EC2::LaunchTemplate',
  ],
  ['AWS::EC2::Instance', 'LaunchTemplate.LaunchTemplateId', 'AWS::EC2::LaunchTemplate'],
  ['AWS::SecretsManager::SecretTargetAttachment', 'SecretId', 'AWS::SecretsManager::Secret'],
];

const known = new WeakMap<StackTemplate, ReadonlyMap<string, ReadonlySet<string>>>();

/**
 * Logical ids of the resource itself, of its whole and of its parts; not of other parts of the same whole: two services
 * of one task definition stay two.
 */
export function companionsOf(template: StackTemplate, logicalId: string): ReadonlySet<string> {
  let companions = known.get(template);
  if (!companions) {
    companions = joined(template);
    known.set(template, companions);
  }
  return companions.get(logicalId) ?? new Set([logicalId]);
}

function joined(template: StackTemplate): Map<string, Set<string>> {
  const companions = new Map([...template.resources.keys()].map((id) => [id, new Set([id])]));
  for (const part of template.resources.values())
    for (const whole of wholesOf(part, template)) {
      companions.get(part.logicalId)?.add(whole);
      companions.get(whole)?.add(part.logicalId);
    }
  return companions;
}

function wholesOf({ type, properties }: TemplateResource, template: StackTemplate): string[] {
  return wholes
    .filter(([part]) => part === type)
    .flatMap(([, property, whole]) =>
      at(properties, property).flatMap((value) => referredOfType(template, whole, value)),
    );
}
