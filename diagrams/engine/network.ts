import { companionsOf } from './companions.ts';
import { at, referred, referredOfType, resourcesOfType } from './references.ts';
import type { StackTemplate, TemplateResource } from './template.ts';

/**
 * Where in the network a resource stands.
 * Source: CloudFormation resource reference; the names are those of every type that the labs attach to a VPC.
 */
const subnetProperties = [
  'SubnetId',
  'SubnetIds',
  'Subnets',
  'VPCZoneIdentifier',
  'VpcConfig.SubnetIds',
  'VpcConfiguration.SubnetIds',
  'NetworkConfiguration.AwsvpcConfiguration.Subnets',
  'NetworkInterfaces.SubnetId',
  'LaunchTemplateData.NetworkInterfaces.SubnetId',
];
const groupProperties = [
  'SecurityGroupIds',
  'SecurityGroups',
  'VpcSecurityGroupIds',
  'VPCSecurityGroups',
  'VpcConfig.SecurityGroupIds',
  'VpcConfiguration.SecurityGroupIds',
  'NetworkConfiguration.AwsvpcConfiguration.SecurityGroups',
  'NetworkInterfaces.GroupSet',
  'LaunchTemplateData.SecurityGroupIds',
  'LaunchTemplateData.NetworkInterfaces.Groups',
];
/** Subnets by way of another resource that lists them. */
const subnetGroupProperties = ['DBSubnetGroupName', 'ClusterSubnetGroupName'];

/** What joins subnets to other plumbing and stands in none itself. */
const plumbing = new Set([
  'AWS::EC2::SubnetRouteTableAssociation',
  'AWS::EC2::SubnetNetworkAclAssociation',
  'AWS::RDS::DBSubnetGroup',
  'AWS::Redshift::ClusterSubnetGroup',
]);

/** The resource and what a picture shows as one with it; plumbing has no place. */
const shownWith = (resource: TemplateResource, template: StackTemplate) =>
  [...companionsOf(template, resource.logicalId)]
    .map((id) => template.resources.get(id))
    .filter((one) => one !== undefined && !plumbing.has(one.type)) as TemplateResource[];

/** Logical ids of the subnets that a resource is attached to. */
export function subnetsOf(resource: TemplateResource, template: StackTemplate): Set<string> {
  return new Set(
    shownWith(resource, template).flatMap(({ properties }) => [
      ...subnetProperties.flatMap((name) => subnetsIn(at(properties, name), template)),
      ...subnetGroupProperties
        .flatMap((name) => referred(template, properties[name]))
        .flatMap((group) => subnetsIn(template.resources.get(group)?.properties.SubnetIds, template)),
    ]),
  );
}

const subnetsIn = (value: unknown, template: StackTemplate) =>
  referredOfType(template, 'AWS::EC2::Subnet', value);

/** Logical ids of the security groups that a resource has. */
export function securityGroupsOf(resource: TemplateResource, template: StackTemplate): Set<string> {
  return new Set(
    shownWith(resource, template).flatMap(({ properties }) =>
      groupProperties.flatMap((name) =>
        referredOfType(template, 'AWS::EC2::SecurityGroup', at(properties, name)),
      ),
    ),
  );
}

/**
 * Logical ids of the VPCs that a resource belongs to: which it names, or by its subnets, its gateway attachment, or the
 * subnet that it logs.
 */
export function vpcsOf(resource: TemplateResource, template: StackTemplate): Set<string> {
  const { logicalId, type, properties } = resource;
  const attachments =
    type === 'AWS::EC2::InternetGateway'
      ? resourcesOfType(template, 'AWS::EC2::VPCGatewayAttachment').filter((attachment) =>
          referred(template, attachment.properties.InternetGatewayId).includes(logicalId),
        )
      : [];
  const logged = type === 'AWS::EC2::FlowLog' ? referred(template, properties.ResourceId) : [];
  const subnets = [...subnetsOf(resource, template), ...logged];
  return new Set(
    referredOfType(template, 'AWS::EC2::VPC', [
      properties.VpcId,
      at(properties, 'VpcConfig.VpcId'),
      attachments.map((attachment) => attachment.properties.VpcId),
      logged.map((id) => ({ Ref: id })),
      subnets.map((id) => template.resources.get(id)?.properties.VpcId),
    ]),
  );
}

/** Logical ids of the route tables that subnets are associated with. */
export function routeTablesOf(subnets: ReadonlySet<string>, template: StackTemplate): Set<string> {
  return new Set(
    resourcesOfType(template, 'AWS::EC2::SubnetRouteTableAssociation')
      .filter(({ properties }) => referred(template, properties.SubnetId).some((id) => subnets.has(id)))
      .flatMap(({ properties }) => referred(template, properties.RouteTableId)),
  );
}

/** Logical ids of the gateways of all kinds that the route tables of subnets lead to. */
export function gatewaysOf(subnets: ReadonlySet<string>, template: StackTemplate): Set<string> {
  const tables = routeTablesOf(subnets, template);
  return new Set(
    resourcesOfType(template, 'AWS::EC2::Route')
      .filter(({ properties }) => referred(template, properties.RouteTableId).some((id) => tables.has(id)))
      .flatMap(({ properties }) => referred(template, properties.GatewayId, properties.NatGatewayId)),
  );
}

/** Whether a subnet, by its logical id, has a route to an internet gateway. */
export function isPublic(subnet: string, template: StackTemplate): boolean {
  return [...gatewaysOf(new Set([subnet]), template)].some(
    (id) => template.resources.get(id)?.type === 'AWS::EC2::InternetGateway',
  );
}
