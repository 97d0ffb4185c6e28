/**
 * The icons a picture may use: the verified table. Each was found in draw.io's own
 * stencils (draw.io draws a blank square for a name it does not know, without a word), a test finds each drawing.
 *
 * - name: as in draw.io's set "AWS19", `mxgraph.aws4.<name>`.
 * - kind: a service is a white glyph on a coloured square, a resource a coloured glyph.
 * - fill: AWS's colour of its category. The artwork is never recoloured.
 * - art: the drawing in the npm package aws-icons, below `icons/`.
 * - stands: the types of CloudFormation resources that it may stand for; none for what is outside of a template.
 */
export interface Icon {
  readonly kind: 'service' | 'resource';
  readonly fill: string;
  readonly art: string;
  readonly stands: readonly string[];
}

const orange = '#ED7100';
const green = '#7AA116';
const purple = '#8C4FFF';
const pink = '#E7157B';
const red = '#DD344C';
const magenta = '#C925D1';
const teal = '#01A88D';
const ink = '#232F3D';

const service = (fill: string, art: string, ...stands: string[]): Icon => ({
  kind: 'service',
  fill,
  art: `architecture-service/${art}.svg`,
  stands,
});
const resource = (fill: string, art: string, ...stands: string[]): Icon => ({
  kind: 'resource',
  fill,
  art: `resource/${art}.svg`,
  stands,
});

const table = {
  // --- compute ---
  lambda: service(orange, 'AWSLambda', 'AWS::Lambda::Function'),
  lambda_function: resource(orange, 'AWSLambdaLambdaFunction', 'AWS::Lambda::Function'),
  ec2: service(orange, 'AmazonEC2', 'AWS::EC2::Instance', 'AWS::EC2::LaunchTemplate'),
  instance2: resource(orange, 'AmazonEC2Instance', 'AWS::EC2::Instance', 'AWS::EC2::LaunchTemplate'),
  auto_scaling2: service(orange, 'AmazonEC2AutoScaling', 'AWS::AutoScaling::AutoScalingGroup'),
  auto_scaling: resource(orange, 'AmazonEC2AutoScaling', 'AWS::AutoScaling::AutoScalingGroup'),
  fargate: service(
    orange,
    'AWSFargate',
    'AWS::ECS::Service',
    'AWS::ECS::TaskDefinition',
    'AWS::ECS::Cluster',
  ),
  ecs: service(
    orange,
    'AmazonElasticContainerService',
    'AWS::ECS::Cluster',
    'AWS::ECS::Service',
    'AWS::ECS::TaskDefinition',
  ),
  ecr: service(orange, 'AmazonElasticContainerRegistry', 'AWS::ECR::Repository'),

  // --- storage ---
  s3: service(green, 'AmazonSimpleStorageService', 'AWS::S3::Bucket'),
  bucket: resource(green, 'AmazonSimpleStorageServiceBucket', 'AWS::S3::Bucket'),
  elastic_block_store: service(
    green,
    'AmazonElasticBlockStore',
    'AWS::EC2::Volume',
    'AWS::EC2::VolumeAttachment',
    'AWS::DLM::LifecyclePolicy',
  ),
  volume: resource(green, 'AmazonElasticBlockStoreVolume', 'AWS::EC2::Volume', 'AWS::EC2::VolumeAttachment'),

  // --- analytics, networking ---
  kinesis_data_streams: service(
    purple,
    'AmazonKinesisDataStreams',
    'AWS::Kinesis::Stream',
    'AWS::Kinesis::StreamConsumer',
  ),
  kinesis_data_firehose: service(purple, 'AmazonDataFirehose', 'AWS::KinesisFirehose::DeliveryStream'),
  redshift: service(
    purple,
    'AmazonRedshift',
    'AWS::RedshiftServerless::Namespace',
    'AWS::RedshiftServerless::Workgroup',
    'AWS::Redshift::Cluster',
  ),
  glue: service(purple, 'AWSGlue', 'AWS::Glue::Job', 'AWS::Glue::Database', 'AWS::Glue::Table'),
  glue_crawlers: resource(purple, 'AWSGlueCrawler', 'AWS::Glue::Crawler'),
  glue_data_catalog: resource(purple, 'AWSGlueDataCatalog', 'AWS::Glue::Database', 'AWS::Glue::Table'),
  athena: service(purple, 'AmazonAthena', 'AWS::Athena::WorkGroup', 'AWS::Athena::NamedQuery'),
  lake_formation: service(
    purple,
    'AWSLakeFormation',
    'AWS::LakeFormation::DataLakeSettings',
    'AWS::LakeFormation::Resource',
    'AWS::LakeFormation::PrincipalPermissions',
  ),
  vpc: service(purple, 'AmazonVirtualPrivateCloud', 'AWS::EC2::VPC'),
  api_gateway: service(
    purple,
    'AmazonAPIGateway',
    'AWS::ApiGateway::RestApi',
    'AWS::ApiGateway::Stage',
    'AWS::ApiGatewayV2::Api',
    'AWS::ApiGatewayV2::Stage',
  ),
  nat_gateway: resource(purple, 'AmazonVPCNATGateway', 'AWS::EC2::NatGateway'),
  endpoints: resource(purple, 'AmazonVPCEndpoints', 'AWS::EC2::VPCEndpoint'),
  internet_gateway: resource(purple, 'AmazonVPCInternetGateway', 'AWS::EC2::InternetGateway'),
  flow_logs: resource(purple, 'AmazonVPCFlowLogs', 'AWS::EC2::FlowLog'),

  // --- integration, management ---
  eventbridge: service(pink, 'AmazonEventBridge', 'AWS::Events::Rule', 'AWS::Events::EventBus'),
  eventbridge_scheduler: resource(pink, 'AmazonEventBridgeScheduler', 'AWS::Scheduler::Schedule'),
  // `rule` is that of IoT.
  rule_3: resource(pink, 'AmazonEventBridgeRule', 'AWS::Events::Rule'),
  step_functions: service(pink, 'AWSStepFunctions', 'AWS::StepFunctions::StateMachine'),
  sqs: service(pink, 'AmazonSimpleQueueService', 'AWS::SQS::Queue'),
  queue: resource(pink, 'AmazonSimpleQueueServiceQueue', 'AWS::SQS::Queue'),
  sns: service(pink, 'AmazonSimpleNotificationService', 'AWS::SNS::Topic'),
  topic: resource(pink, 'AmazonSimpleNotificationServiceTopic', 'AWS::SNS::Topic'),
  cloudwatch_2: service(pink, 'AmazonCloudWatch', 'AWS::CloudWatch::Dashboard', 'AWS::CloudWatch::Alarm'),
  cloudwatch_logs: resource(pink, 'AmazonCloudWatchLogs', 'AWS::Logs::LogGroup'),
  alarm: resource(pink, 'AmazonCloudWatchAlarm', 'AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm'),
  cloudtrail: service(pink, 'AWSCloudTrail', 'AWS::CloudTrail::Trail'),

  // --- security, location ---
  secrets_manager: service(red, 'AWSSecretsManager', 'AWS::SecretsManager::Secret'),
  key_management_service: service(red, 'AWSKeyManagementService', 'AWS::KMS::Key'),
  guardduty: service(red, 'AmazonGuardDuty', 'AWS::GuardDuty::Detector'),
  location_service: service(
    red,
    'AmazonLocationService',
    'AWS::Location::Tracker',
    'AWS::Location::PlaceIndex',
  ),
  role: resource(red, 'AWSIdentityAccessManagementRole', 'AWS::IAM::Role'),

  // --- databases, learning, transfer ---
  dynamodb: service(magenta, 'AmazonDynamoDB', 'AWS::DynamoDB::Table', 'AWS::DynamoDB::GlobalTable'),
  table: resource(magenta, 'AmazonDynamoDBTable', 'AWS::DynamoDB::Table', 'AWS::DynamoDB::GlobalTable'),
  comprehend: service(teal, 'AmazonComprehend'),
  transfer_family: service(teal, 'AWSTransferFamily', 'AWS::Transfer::Server', 'AWS::Transfer::Connector'),
  transfer_for_sftp_resource: resource(teal, 'AWSTransferFamilyAWSSFTP', 'AWS::Transfer::Server'),

  // --- outside ---
  user: resource(ink, 'User'),
  users: resource(ink, 'Users'),
  mobile_client: resource(ink, 'Mobileclient'),
  client: resource(ink, 'Client'),
  traditional_server: resource(ink, 'Server'),
  servers: resource(ink, 'Servers'),
  internet: resource(ink, 'Internet'),
  internet_alt1: resource(ink, 'Internetalt1'),
  internet_alt2: resource(ink, 'Internetalt2'),
} satisfies Record<string, Icon>;

export type IconName = keyof typeof table;

/** The table as plain rows. */
export const icons: Readonly<Record<IconName, Icon>> = table;

/**
 * Width and height of the drawings of resources in draw.io's stencils (29.2.7, read from its engine). draw.io fits such a
 * drawing into the middle of the icon's square, and lines that touch the icon begin at the drawing, not at the square.
 * Services fill their square.
 */
export const glyphs: Readonly<Partial<Record<IconName, readonly [width: number, height: number]>>> = {
  lambda_function: [43.96, 43.961],
  instance2: [44, 44],
  auto_scaling: [55, 56],
  bucket: [42.355, 44.057],
  volume: [35.427, 43.985],
  glue_crawlers: [44, 44],
  glue_data_catalog: [40, 44],
  nat_gateway: [44.003, 44.003],
  endpoints: [43.89, 43.89],
  internet_gateway: [43.91, 43.909],
  flow_logs: [44, 44.001],
  eventbridge_scheduler: [44, 43],
  rule_3: [43.931, 38.032],
  queue: [78.057, 46.998],
  topic: [44, 38],
  cloudwatch_logs: [44.538, 33],
  alarm: [43.94, 44.183],
  role: [44.125, 25.403],
  table: [43.928, 43.927],
  transfer_for_sftp_resource: [42.981, 44.076],
  user: [40, 44],
  users: [44, 44],
  mobile_client: [23.986, 43.826],
  client: [43.797, 43.044],
  traditional_server: [25.499, 44.013],
  servers: [44, 42.999],
  internet: [44.026, 28.497],
  internet_alt1: [44.025, 28.494],
  internet_alt2: [79.343, 76.174],
};
