import { Fn } from 'aws-cdk-lib';
import {
  type GatewayVpcEndpoint,
  GatewayVpcEndpointAwsService,
  IpAddresses,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { LabError } from '../domain/errors.ts';
import { logFlows } from './flow-log.ts';

export interface IsolatedVpcProps {
  /** @default '10.40.0.0/20' */
  readonly cidr?: string;
  /**
   * The zones of its subnets, one subnet each, three at least. One may be named twice where a region has two of them.
   *
   * @default the first three of the region
   */
  readonly availabilityZones?: readonly string[];
}

/**
 * Three isolated subnets, in three zones by default, a gateway endpoint to S3, a flow log: no internet gateway, no NAT
 * gateway, and so no way out but S3.
 *
 * Redshift Serverless wants three subnets in three zones, and knows not every zone of every region; in us-west-1, which has
 * two, three subnets in two of them ("Considerations when using Amazon Redshift Serverless").
 */
export class IsolatedVpc extends Construct {
  readonly vpc: Vpc;
  readonly s3: GatewayVpcEndpoint;

  constructor(scope: Construct, id: string, props: IsolatedVpcProps = {}) {
    super(scope, id);
    // `maxAzs: 3` yields two zones in a stack without a region of its own.
    const zones = props.availabilityZones ?? [0, 1, 2].map((index) => Fn.select(index, Fn.getAzs()));
    if (zones.length < 3) throw new LabError('ZonesTooFew', zones.join(','));
    this.vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(props.cidr ?? '10.40.0.0/20'),
      availabilityZones: [...zones],
      natGateways: 0,
      subnetConfiguration: [{ name: 'isolated', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 }],
      restrictDefaultSecurityGroup: false,
    });
    this.s3 = this.vpc.addGatewayEndpoint('S3', { service: GatewayVpcEndpointAwsService.S3 });
    logFlows(this, this.vpc);
  }
}
