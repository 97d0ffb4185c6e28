import { gatewaysOf, routeTablesOf, securityGroupsOf, subnetsOf, vpcsOf } from '../network.ts';
import { at, referred, resourcesOfType, writtenOut } from '../references.ts';
import type { StackTemplate, TemplateResource } from '../template.ts';
import { bothWays, type Edge, edges, type Reader } from './edge.ts';

/**
 * The types that an endpoint leads to, by the last part of its service name.
 * Source: AWS PrivateLink guide, "AWS services that integrate with AWS PrivateLink".
 */
const behindEndpoints: Readonly<Record<string, readonly string[]>> = {
  s3: ['AWS::S3::Bucket'],
  dynamodb: ['AWS::DynamoDB::Table', 'AWS::DynamoDB::GlobalTable'],
  secretsmanager: ['AWS::SecretsManager::Secret'],
  'kinesis-streams': ['AWS::Kinesis::Stream', 'AWS::Kinesis::StreamConsumer'],
  'kinesis-firehose': ['AWS::KinesisFirehose::DeliveryStream'],
  sqs: ['AWS::SQS::Queue'],
  sns: ['AWS::SNS::Topic'],
  states: ['AWS::StepFunctions::StateMachine'],
  'sync-states': ['AWS::StepFunctions::StateMachine'],
  events: ['AWS::Events::EventBus', 'AWS::Events::Rule'],
  lambda: ['AWS::Lambda::Function'],
  logs: ['AWS::Logs::LogGroup'],
  monitoring: ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm', 'AWS::CloudWatch::Dashboard'],
  kms: ['AWS::KMS::Key'],
  'execute-api': ['AWS::ApiGateway::RestApi', 'AWS::ApiGateway::Stage'],
  'redshift-data': ['AWS::RedshiftServerless::Workgroup', 'AWS::Redshift::Cluster'],
  'ecr.api': ['AWS::ECR::Repository'],
  'ecr.dkr': ['AWS::ECR::Repository'],
  glue: ['AWS::Glue::Database', 'AWS::Glue::Table', 'AWS::Glue::Crawler', 'AWS::Glue::Job'],
  athena: ['AWS::Athena::WorkGroup'],
  'guardduty-data': ['AWS::GuardDuty::Detector'],
};

/** Ways through the network: none says that anybody goes there. */
export const networkWays: Readonly<Record<string, Reader>> = {
  'AWS::EC2::VPCEndpoint': (endpoint, template) => {
    const { logicalId: by } = endpoint;
    const service = serviceOf(endpoint);
    const types = behindEndpoints[service] ?? [];
    return [
      ...bothWays('network', by, 'reaches the endpoint', [by], beside(endpoint, template)),
      ...bothWays(
        'network',
        by,
        `endpoint of ${service}`,
        [by],
        resourcesOfType(template, ...types).map(({ logicalId }) => logicalId),
      ),
    ];
  },
  'AWS::EC2::InternetGateway': ({ logicalId: by }, template) =>
    bothWays('network', by, 'route to the internet', [by], routedTo(by, template)),
  'AWS::EC2::NatGateway': ({ logicalId: by }, template) =>
    edges('network', by, 'route through the nat gateway', routedTo(by, template), [by]),
  'AWS::EC2::FlowLog': ({ logicalId: by, properties }, template) =>
    edges('service', by, 'log', [by], referred(template, properties.LogGroupName, properties.LogDestination)),
  'AWS::EC2::VolumeAttachment': ({ logicalId: by, properties }, template) =>
    bothWays(
      'network',
      by,
      'attached',
      referred(template, properties.VolumeId),
      referred(template, properties.InstanceId),
    ),
  'AWS::EC2::SecurityGroup': ({ logicalId: by, properties }, template) =>
    admitted(by, [by], at(properties, 'SecurityGroupIngress.SourceSecurityGroupId'), template),
  'AWS::EC2::SecurityGroupIngress': ({ logicalId: by, properties }, template) =>
    admitted(by, referred(template, properties.GroupId), properties.SourceSecurityGroupId, template),
};

/** `com.amazonaws.<region>.<service>`, the region usually a reference. */
const serviceOf = ({ properties }: TemplateResource) =>
  /^com\.amazonaws\.[^.]*\.(.+)$/.exec(writtenOut(properties.ServiceName, () => 'region'))?.[1] ?? '';

/** Who has the endpoint on its way: by route for a gateway endpoint, within the VPC for the others. */
function beside(endpoint: TemplateResource, template: StackTemplate): string[] {
  const tables = referred(template, endpoint.properties.RouteTableIds);
  const vpcs = vpcsOf(endpoint, template);
  return attached(template, (subnets, resource) => {
    if (resource.type === 'AWS::EC2::VPCEndpoint') return false;
    return tables.length > 0
      ? intersect(routeTablesOf(subnets, template), tables)
      : intersect(vpcsOf(resource, template), [...vpcs]);
  });
}

const routedTo = (gateway: string, template: StackTemplate) =>
  attached(template, (subnets) => gatewaysOf(subnets, template).has(gateway));

/** Logical ids of what is attached to subnets, by a condition on them. */
const attached = (
  template: StackTemplate,
  condition: (subnets: ReadonlySet<string>, resource: TemplateResource) => boolean,
) =>
  [...template.resources.values()]
    .filter((resource) => {
      const subnets = subnetsOf(resource, template);
      return subnets.size > 0 && condition(subnets, resource);
    })
    .map(({ logicalId }) => logicalId);

const intersect = (some: ReadonlySet<string>, others: readonly string[]) =>
  others.some((one) => some.has(one));

/** From those who have the source group to those who have the group. */
function admitted(by: string, groups: readonly string[], source: unknown, template: StackTemplate): Edge[] {
  const holders = (ids: readonly string[]) =>
    [...template.resources.values()]
      .filter((resource) => intersect(securityGroupsOf(resource, template), ids))
      .map(({ logicalId }) => logicalId);
  return edges(
    'network',
    by,
    'security group lets it in',
    holders(referred(template, source)),
    holders(groups),
  );
}
