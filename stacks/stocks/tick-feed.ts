import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type IMetric, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { IpAddresses, Peer, Port, SecurityGroup, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import {
  AvailabilityZoneRebalancing,
  Capability,
  Cluster,
  ContainerImage,
  CpuArchitecture,
  FargateService,
  FargateTaskDefinition,
  LinuxParameters,
  LogDrivers,
  OperatingSystemFamily,
} from 'aws-cdk-lib/aws-ecs';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { acknowledge } from '../../constructs/acknowledge.ts';
import { logFlows } from '../../constructs/flow-log.ts';
import { labLog } from '../../constructs/lab-log.ts';
import { LabTable } from '../../constructs/lab-table.ts';
import { LoginSecret } from '../../constructs/login-secret.ts';
import { observedAs } from '../../constructs/observability.ts';
import {
  checkedFeedSettings,
  type FeedSettings,
  type feedEnvironment,
} from '../../domain/stocks/contract.ts';
import { feedHealthCheck } from './feed-health.ts';
import { feedImage } from './feed-image.ts';
import type { TickStream } from './tick-stream.ts';

export interface TickFeedProps {
  readonly key: Key;
  readonly stream: TickStream;
  /** What the program is told beside its defaults. Throws FeedSettingsInvalid. */
  readonly settings: Partial<FeedSettings>;
  /** GiB of disk for ticks that memory does not hold while a gap is filled or the stream refuses, 21 to 200. @default 30 */
  readonly spillGibibytes?: number;
  /** The image that the feed's is made from. @default the tag in services/tick-feed/Dockerfile */
  readonly nodeImage?: string;
  /** @default RETAIN */
  readonly removalPolicy?: RemovalPolicy;
}

/** One that speaks to the provider, which allows one connection, and one in another zone that takes over. */
export const feedTasks = 2;

/** Where the program may write: its disk is read-only but for this. */
const spillDirectory = '/spill';

/**
 * The websocket client, in two zones. Its subnets are public, because it has to reach the provider and a NAT gateway costs
 * more than the whole feed; nothing can reach it, and it can reach nothing but HTTPS.
 */
export class TickFeed extends Construct {
  readonly cluster: Cluster;
  readonly service: FargateService;
  readonly secret: LoginSecret;
  readonly leases: LabTable;

  constructor(scope: Construct, id: string, props: TickFeedProps) {
    super(scope, id);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    this.secret = new LoginSecret(this, 'ProviderSecret', {
      description: 'Login of the market data provider: key and secret',
      key: props.key,
      removalPolicy,
    });
    this.leases = new LabTable(this, 'Leases', { key: 'lease', removalPolicy });
    const { vpc, securityGroup } = this.network();
    this.cluster = new Cluster(this, 'Cluster', { vpc });
    acknowledge(
      this.cluster,
      'running tasks are the sample count of a metric that costs nothing; the feed measures the rest itself',
      'ECS4',
    );
    const taskDefinition = this.task(props);
    this.service = new FargateService(this, 'Service', {
      cluster: this.cluster,
      taskDefinition,
      desiredCount: feedTasks,
      vpcSubnets: { subnetType: SubnetType.PUBLIC },
      assignPublicIp: true,
      securityGroups: [securityGroup],
      availabilityZoneRebalancing: AvailabilityZoneRebalancing.ENABLED,
      // New tasks start as standbys; then the old ones go, and the active one among them hands over its lease.
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { rollback: true },
    });
    // The CDK waits for the task role's policy alone: a task that starts before may neither pull its image nor log.
    this.service.node.addDependency(taskDefinition.obtainExecutionRole());
    this.grants(props, taskDefinition);
  }

  private network(): { vpc: Vpc; securityGroup: SecurityGroup } {
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr('10.41.0.0/24'),
      maxAzs: 2,
      natGateways: 0,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 26, mapPublicIpOnLaunch: false },
      ],
      restrictDefaultSecurityGroup: false,
    });
    logFlows(this, vpc);
    const securityGroup = new SecurityGroup(this, 'SecurityGroup', {
      vpc,
      description: 'The feed: no ingress, HTTPS out',
      allowAllOutbound: false,
    });
    securityGroup.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'The provider and the services of AWS');
    return { vpc, securityGroup };
  }

  private task(props: TickFeedProps): FargateTaskDefinition {
    const task = new FargateTaskDefinition(this, 'Task', {
      cpu: 512,
      memoryLimitMiB: 1024,
      ephemeralStorageGiB: props.spillGibibytes ?? 30,
      runtimePlatform: {
        cpuArchitecture: CpuArchitecture.ARM64,
        operatingSystemFamily: OperatingSystemFamily.LINUX,
      },
      volumes: [{ name: 'spill' }],
    });
    const environment: Record<(typeof feedEnvironment)[number], string> = {
      STREAM_NAME: props.stream.stream.streamName,
      LEASE_TABLE: this.leases.tableName,
      PROVIDER_SECRET_ARN: this.secret.secretArn,
      FEED_SETTINGS: JSON.stringify({ ...props.settings, spillDirectory }),
    };
    const linux = new LinuxParameters(this, 'Linux');
    // Sockets and files of its own user: nothing for which a kernel asks a privilege. Fargate takes a drop of all of them.
    linux.dropCapabilities(Capability.ALL);
    const container = task.addContainer('Feed', {
      image: ContainerImage.fromDockerImageAsset(feedImage(this, 'Image', props.nodeImage)),
      healthCheck: feedHealthCheck,
      environment: { ...environment, ...observedAs('Feed', this) },
      readonlyRootFilesystem: true,
      linuxParameters: linux,
      // Longer than a clean stop may take; Fargate waits for two minutes at most.
      stopTimeout: Duration.seconds(Math.ceil(checkedFeedSettings(props.settings).stopSeconds) + 10),
      logging: LogDrivers.awsLogs({
        streamPrefix: 'feed',
        logGroup: labLog(this, 'Log'),
      }),
    });
    container.addMountPoints({ sourceVolume: 'spill', containerPath: spillDirectory, readOnly: false });
    acknowledge(task, 'names and settings; the login is read from the secret by its ARN', 'ECS2');
    acknowledge(
      task.obtainExecutionRole() as never,
      'a login to the registry has no resource to name',
      'IAM5[Resource::*]',
    );
    return task;
  }

  private grants({ stream }: TickFeedProps, task: FargateTaskDefinition): void {
    const { taskRole } = task;
    stream.grantPut(taskRole);
    this.leases.grant(taskRole, 'dynamodb:GetItem', 'dynamodb:UpdateItem');
    this.secret.grantLogin(taskRole);
  }

  /** How many tasks run: ECS takes this metric of each of them once a minute. */
  running(): IMetric {
    return new Metric({
      namespace: 'AWS/ECS',
      metricName: 'CPUUtilization',
      dimensionsMap: { ClusterName: this.cluster.clusterName, ServiceName: this.service.serviceName },
      statistic: 'SampleCount',
      period: Duration.minutes(1),
    });
  }
}
