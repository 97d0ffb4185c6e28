import { companionsOf } from '../../../diagrams/engine/companions.ts';
import { edgesOf } from '../../../diagrams/engine/evidence.ts';
import { isPublic, securityGroupsOf, subnetsOf, vpcsOf } from '../../../diagrams/engine/network.ts';
import { stackTemplate, type TemplateResource } from '../../../diagrams/engine/template.ts';

type Resources = Record<string, { Type: string; Properties?: Record<string, unknown> }>;
const ref = (id: string) => ({ Ref: id });
const groupId = (id: string) => ({ 'Fn::GetAtt': [id, 'GroupId'] });

/** A VPC with an isolated subnet and one that has a route to the internet. */
const base: Resources = {
  Vpc: { Type: 'AWS::EC2::VPC' },
  Gateway: { Type: 'AWS::EC2::InternetGateway' },
  Attachment: {
    Type: 'AWS::EC2::VPCGatewayAttachment',
    Properties: { VpcId: ref('Vpc'), InternetGatewayId: ref('Gateway') },
  },
  ...subnet('Isolated'),
  ...subnet('Public'),
  Internet: {
    Type: 'AWS::EC2::Route',
    Properties: {
      RouteTableId: ref('PublicTable'),
      DestinationCidrBlock: '0.0.0.0/0',
      GatewayId: ref('Gateway'),
    },
  },
  Group: { Type: 'AWS::EC2::SecurityGroup', Properties: { VpcId: ref('Vpc') } },
  OtherGroup: { Type: 'AWS::EC2::SecurityGroup', Properties: { VpcId: ref('Vpc') } },
  Bucket: { Type: 'AWS::S3::Bucket' },
  Secret: { Type: 'AWS::SecretsManager::Secret' },
};

function subnet(name: string): Resources {
  return {
    [name]: { Type: 'AWS::EC2::Subnet', Properties: { VpcId: ref('Vpc') } },
    [`${name}Table`]: { Type: 'AWS::EC2::RouteTable', Properties: { VpcId: ref('Vpc') } },
    [`${name}Association`]: {
      Type: 'AWS::EC2::SubnetRouteTableAssociation',
      Properties: { SubnetId: ref(name), RouteTableId: ref(`${name}Table`) },
    },
  };
}

const template = (more: Resources = {}) => stackTemplate('Lab', { ...base, ...more }, {});
const holding = (Type: string, Properties: Record<string, unknown>) => template({ It: { Type, Properties } });
const place = (made: ReturnType<typeof template>, id = 'It') => {
  const resource = made.resources.get(id) as TemplateResource;
  return {
    subnets: [...subnetsOf(resource, made)],
    vpcs: [...vpcsOf(resource, made)],
    groups: [...securityGroupsOf(resource, made)],
  };
};

describe('where a resource stands', () => {
  const subnets = [ref('Isolated'), ref('Public')];
  const groups = [groupId('Group')];
  const everywhere = { subnets: ['Isolated', 'Public'], vpcs: ['Vpc'], groups: ['Group'] };
  it.each<[string, Record<string, unknown>]>([
    ['AWS::Lambda::Function', { VpcConfig: { SubnetIds: subnets, SecurityGroupIds: groups } }],
    ['AWS::RedshiftServerless::Workgroup', { SubnetIds: subnets, SecurityGroupIds: groups }],
    [
      'AWS::ECS::Service',
      { NetworkConfiguration: { AwsvpcConfiguration: { Subnets: subnets, SecurityGroups: groups } } },
    ],
    ['AWS::EC2::VPCEndpoint', { VpcId: ref('Vpc'), SubnetIds: subnets, SecurityGroupIds: groups }],
    [
      'AWS::KinesisFirehose::DeliveryStream',
      { VpcConfiguration: { SubnetIds: subnets, SecurityGroupIds: groups } },
    ],
  ])('%s', (type, properties) => {
    expect(place(holding(type, properties))).toEqual(everywhere);
  });

  it('an instance, by its one subnet', () => {
    expect(
      place(holding('AWS::EC2::Instance', { SubnetId: ref('Isolated'), SecurityGroupIds: groups })),
    ).toEqual({ ...everywhere, subnets: ['Isolated'] });
  });

  it('an Auto Scaling group and its launch template, each by the other', () => {
    const made = template({
      Machine: {
        Type: 'AWS::EC2::LaunchTemplate',
        Properties: { LaunchTemplateData: { SecurityGroupIds: groups } },
      },
      It: {
        Type: 'AWS::AutoScaling::AutoScalingGroup',
        Properties: {
          VPCZoneIdentifier: subnets,
          LaunchTemplate: { LaunchTemplateId: ref('Machine'), Version: '1' },
        },
      },
    });
    expect(place(made)).toEqual(everywhere);
    expect(place(made, 'Machine')).toEqual(everywhere);
  });

  it('a database, by its subnet group', () => {
    const made = template({
      Subnets: { Type: 'AWS::RDS::DBSubnetGroup', Properties: { SubnetIds: subnets } },
      It: { Type: 'AWS::RDS::DBInstance', Properties: { DBSubnetGroupName: ref('Subnets') } },
    });
    expect(place(made).subnets).toEqual(['Isolated', 'Public']);
    expect(place(made, 'Subnets').subnets).toEqual([]);
  });

  it('gateways and flow logs belong to a VPC and stand in no subnet', () => {
    const inVpc = { subnets: [], vpcs: ['Vpc'], groups: [] };
    expect(place(template(), 'Gateway')).toEqual(inVpc);
    expect(place(holding('AWS::EC2::FlowLog', { ResourceId: ref('Vpc') }))).toEqual(inVpc);
    expect(place(holding('AWS::EC2::FlowLog', { ResourceId: ref('Isolated') }))).toEqual(inVpc);
    expect(place(template(), 'Bucket')).toEqual({ subnets: [], vpcs: [], groups: [] });
  });

  it('a schedule does not stand where the task that it starts does', () => {
    const NetworkConfiguration = { AwsvpcConfiguration: { Subnets: subnets } };
    expect(
      place(holding('AWS::Scheduler::Schedule', { Target: { EcsParameters: { NetworkConfiguration } } }))
        .subnets,
    ).toEqual([]);
  });

  it('a subnet is public by a route to an internet gateway, and not by its name', () => {
    const made = template({
      ...subnet('Nat'),
      Out: {
        Type: 'AWS::EC2::Route',
        Properties: { RouteTableId: ref('NatTable'), NatGatewayId: ref('Translator') },
      },
      Translator: { Type: 'AWS::EC2::NatGateway', Properties: { SubnetId: ref('Public') } },
    });
    expect(['Isolated', 'Public', 'Nat'].filter((id) => isPublic(id, made))).toEqual(['Public']);
  });
});

describe('parts that a picture shows as one', () => {
  const service = { Type: 'AWS::ECS::Service', Properties: { TaskDefinition: ref('Definition') } };
  const made = template({ Definition: { Type: 'AWS::ECS::TaskDefinition' }, One: service, Two: service });
  it('a part and its whole, not two parts of one whole', () => {
    expect([...companionsOf(made, 'Definition')]).toEqual(['Definition', 'One', 'Two']);
    expect([...companionsOf(made, 'One')]).toEqual(['One', 'Definition']);
    expect([...companionsOf(made, 'Bucket')]).toEqual(['Bucket']);
  });
});

describe('ways through the network', () => {
  const attached = (id: string, where: string, group = 'Group'): Resources => ({
    [id]: {
      Type: 'AWS::Lambda::Function',
      Properties: { VpcConfig: { SubnetIds: [ref(where)], SecurityGroupIds: [groupId(group)] } },
    },
  });
  const functions = { ...attached('Inside', 'Isolated'), ...attached('Outside', 'Public', 'OtherGroup') };
  const ways = (more: Resources, by = 'It') =>
    edgesOf(template({ ...functions, ...more }))
      .filter((edge) => edge.by === by)
      .map(({ from, to, kind, what }) => `${kind} ${from} -> ${to}: ${what}`);
  const service = (name: string) => ({
    'Fn::Join': ['', ['com.amazonaws.', ref('AWS::Region'), `.${name}`]],
  });

  it('a gateway endpoint: who has a route to it, and every bucket', () => {
    const Properties = {
      VpcId: ref('Vpc'),
      RouteTableIds: [ref('IsolatedTable')],
      ServiceName: service('s3'),
    };
    expect(ways({ It: { Type: 'AWS::EC2::VPCEndpoint', Properties } })).toEqual([
      'network It -> Inside: reaches the endpoint',
      'network Inside -> It: reaches the endpoint',
      'network It -> Bucket: endpoint of s3',
      'network Bucket -> It: endpoint of s3',
    ]);
  });

  it('an interface endpoint: all that stands in the VPC, and what its service holds', () => {
    const Properties = { VpcId: ref('Vpc'), ServiceName: 'com.amazonaws.eu-west-1.secretsmanager' };
    expect(ways({ It: { Type: 'AWS::EC2::VPCEndpoint', Properties } })).toEqual([
      'network It -> Inside: reaches the endpoint',
      'network It -> Outside: reaches the endpoint',
      'network Inside -> It: reaches the endpoint',
      'network Outside -> It: reaches the endpoint',
      'network It -> Secret: endpoint of secretsmanager',
      'network Secret -> It: endpoint of secretsmanager',
    ]);
  });

  it('an endpoint of a service that is not in the table leads to no resource', () => {
    const Properties = { VpcId: ref('Vpc'), ServiceName: service('comprehend') };
    expect(ways({ It: { Type: 'AWS::EC2::VPCEndpoint', Properties } })).toHaveLength(4);
  });

  it('an internet gateway: who has a route to it', () => {
    expect(ways({}, 'Gateway')).toEqual([
      'network Gateway -> Outside: route to the internet',
      'network Outside -> Gateway: route to the internet',
    ]);
  });

  it('a NAT gateway: from who has a route through it', () => {
    const nat = { Type: 'AWS::EC2::NatGateway', Properties: { SubnetId: ref('Public') } };
    const route = {
      Type: 'AWS::EC2::Route',
      Properties: { RouteTableId: ref('IsolatedTable'), NatGatewayId: ref('It') },
    };
    expect(ways({ It: nat, Route: route })).toEqual(['network Inside -> It: route through the nat gateway']);
  });

  it('a volume and the machine that it is attached to', () => {
    expect(
      ways({
        Volume: { Type: 'AWS::EC2::Volume' },
        Machine: { Type: 'AWS::EC2::Instance' },
        It: {
          Type: 'AWS::EC2::VolumeAttachment',
          Properties: { VolumeId: ref('Volume'), InstanceId: ref('Machine') },
        },
      }),
    ).toEqual(['network Volume -> Machine: attached', 'network Machine -> Volume: attached']);
  });

  it('a security group: from the holders of the one that it lets in', () => {
    const expected = ['network Inside -> Outside: security group lets it in'];
    const rule = { SourceSecurityGroupId: groupId('Group') };
    expect(
      ways({
        It: {
          Type: 'AWS::EC2::SecurityGroupIngress',
          Properties: { GroupId: groupId('OtherGroup'), ...rule },
        },
      }),
    ).toEqual(expected);
    expect(
      ways(
        { OtherGroup: { Type: 'AWS::EC2::SecurityGroup', Properties: { SecurityGroupIngress: [rule] } } },
        'OtherGroup',
      ),
    ).toEqual(expected);
  });
});
