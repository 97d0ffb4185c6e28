import type { TemplateResource } from './template.ts';

/** Why a resource of a type need not be drawn. */
const reasons: Readonly<Record<string, readonly string[]>> = {
  'who may do what; the arrows show what comes of it': [
    'AWS::IAM::Role',
    'AWS::IAM::Policy',
    'AWS::IAM::ManagedPolicy',
    'AWS::IAM::InstanceProfile',
    'AWS::Lambda::Permission',
    'AWS::S3::BucketPolicy',
    'AWS::SQS::QueuePolicy',
    'AWS::SNS::TopicPolicy',
    'AWS::SecretsManager::ResourcePolicy',
    'AWS::Kinesis::ResourcePolicy',
    'AWS::Events::EventBusPolicy',
    'AWS::Logs::ResourcePolicy',
    'AWS::EC2::SecurityGroup',
    'AWS::EC2::SecurityGroupIngress',
    'AWS::EC2::SecurityGroupEgress',
  ],
  'logs of what is drawn': [
    'AWS::Logs::LogGroup',
    'AWS::Logs::LogStream',
    'AWS::Logs::MetricFilter',
    'AWS::Logs::QueryDefinition',
  ],
  'what the arrow between two drawn things is made of': [
    'AWS::Lambda::EventSourceMapping',
    'AWS::Lambda::EventInvokeConfig',
    'AWS::SNS::Subscription',
    'AWS::Logs::SubscriptionFilter',
    'AWS::SecretsManager::RotationSchedule',
    'AWS::SecretsManager::SecretTargetAttachment',
    'AWS::EC2::VolumeAttachment',
    'AWS::ElasticLoadBalancingV2::TargetGroup',
    'AWS::ElasticLoadBalancingV2::Listener',
  ],
  'part of the VPC that is drawn': [
    'AWS::EC2::RouteTable',
    'AWS::EC2::Route',
    'AWS::EC2::SubnetRouteTableAssociation',
    'AWS::EC2::NetworkAcl',
    'AWS::EC2::NetworkAclEntry',
    'AWS::EC2::SubnetNetworkAclAssociation',
    'AWS::EC2::VPCGatewayAttachment',
    'AWS::EC2::EIP',
  ],
  'part of the API that is drawn': [
    'AWS::ApiGateway::Account',
    'AWS::ApiGateway::ApiKey',
    'AWS::ApiGateway::Authorizer',
    'AWS::ApiGateway::Deployment',
    'AWS::ApiGateway::GatewayResponse',
    'AWS::ApiGateway::Method',
    'AWS::ApiGateway::Model',
    'AWS::ApiGateway::RequestValidator',
    'AWS::ApiGateway::Resource',
    'AWS::ApiGateway::Stage',
    'AWS::ApiGateway::UsagePlan',
    'AWS::ApiGateway::UsagePlanKey',
    'AWS::ApiGatewayV2::Authorizer',
    'AWS::ApiGatewayV2::Deployment',
    'AWS::ApiGatewayV2::Integration',
    'AWS::ApiGatewayV2::Route',
    'AWS::ApiGatewayV2::Stage',
  ],
  'another name or version of what is drawn': [
    'AWS::Lambda::Alias',
    'AWS::Lambda::Version',
    'AWS::KMS::Alias',
    'AWS::StepFunctions::StateMachineAlias',
    'AWS::StepFunctions::StateMachineVersion',
    'AWS::Scheduler::ScheduleGroup',
  ],
  'how much there is of what is drawn': [
    'AWS::ApplicationAutoScaling::ScalableTarget',
    'AWS::ApplicationAutoScaling::ScalingPolicy',
    'AWS::AutoScaling::LifecycleHook',
    'AWS::AutoScaling::ScalingPolicy',
  ],
  'code that several functions share': ['AWS::Lambda::LayerVersion'],
  'the CDK at deployment': [
    'AWS::CDK::Metadata',
    'AWS::CloudFormation::WaitCondition',
    'AWS::CloudFormation::WaitConditionHandle',
    'Custom::CDKBucketDeployment',
    'Custom::LogRetention',
    'Custom::S3AutoDeleteObjects',
    'Custom::S3BucketNotifications',
    'Custom::VpcRestrictDefaultSG',
  ],
};

const reasonByType = new Map(
  Object.entries(reasons).flatMap(([reason, types]) => types.map((type) => [type, reason] as const)),
);

/**
 * Functions and state machines of the CDK's own custom resources, by their construct paths: the framework of `Provider`,
 * and the handlers that a stack shares. What a lab's own custom resource runs is the lab's.
 */
const ownByPath = [
  /(^|\/)framework-(onEvent|isComplete|onTimeout)$/,
  /(^|\/)waiter-state-machine$/,
  /^Custom::\w+CustomResourceProvider\/Handler$/,
  /^BucketNotificationsHandler[0-9a-f]{32}$/,
  /^LogRetention[0-9a-f]{32}$/,
  /^Custom::CDKBucketDeployment[0-9A-F]+$/,
  /^AWS679f53fac002430cb0da5b7982bd2287$/,
];

/** Why a resource need not be drawn; undefined for what must be, unknown types included. */
export function ignorableReason({ type, path }: TemplateResource): string | undefined {
  return reasonByType.get(type) ?? (ownByPath.some((own) => own.test(path)) ? cdkAtDeployment : undefined);
}

const cdkAtDeployment = 'the CDK at deployment';
