import { Fn } from 'aws-cdk-lib';
import {
  type GatewayVpcEndpoint,
  GatewayVpcEndpointAwsService,
  IpAddresses,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { logFlows } from './flow-log.ts';

export interface IsolatedVpcProps {
  /** @default '10.40.0.0/20' */
  readonly cidr?: string;
}

/**
 * Three isolated subnets in three zones, a gateway endpoint to S3, a flow log: no internet gateway, no NAT gateway, and
 * so no way out but S3.
 */
export class IsolatedVpc extends Construct {
  readonly vpc: Vpc;
  readonly s3: GatewayVpcEndpoint;

  constructor(scope: Construct, id: string, props: IsolatedVpcProps = {}) {
    super(scope, id);
    this.vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(props.cidr ?? '10.40.0.0/20'),
      // `maxAzs: 3` yields two zones in a stack without a region of its own; Redshift Serverless wants three.
      // us-west-1 has two: there this lab cannot be deployed.
      availabilityZones: [0, 1, 2].map((index) => Fn.select(index, Fn.getAzs())),
      natGateways: 0,
      subnetConfiguration: [{ name: 'isolated', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 }],
      restrictDefaultSecurityGroup: false,
    });
    this.s3 = this.vpc.addGatewayEndpoint('S3', { service: GatewayVpcEndpointAwsService.S3 });
    logFlows(this, this.vpc);
  }
}
