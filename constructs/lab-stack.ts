import { CfnOutput, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { Operations } from './operations.ts';

export interface LabStackProps extends StackProps {
  /** True lets the whole stack vanish without trace, data included. @default false */
  readonly ephemeral?: boolean;
}

export interface LabStackText {
  /** The lab's slug. */
  lab: string;
  /** Of its dashboard and its alarms. */
  title: string;
  description: string;
}

/** What every lab begins with: one key for its data, one topic of alarms, and what becomes of its data when it goes. */
export class LabStack extends Stack {
  readonly key: Key;
  readonly operations: Operations;
  /** Of everything that holds data, logs included. */
  readonly removalPolicy: RemovalPolicy;

  constructor(scope: Construct, id: string, props: LabStackProps, { lab, title, description }: LabStackText) {
    super(scope, id, { description, ...props });
    // A first deploy that fails takes everything back: what it left, names included, would be in the next one's way.
    this.removalPolicy = props.ephemeral ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
    this.key = new Key(this, 'Key', {
      description: `Data of the ${lab} lab`,
      enableKeyRotation: true,
      removalPolicy: this.removalPolicy,
    });
    this.operations = new Operations(this, 'Operations', { key: this.key, title });
  }

  output(id: string, description: string, value: string): void {
    new CfnOutput(this, id, { description, value });
  }

  /** Whom alarms are told, and the dashboard. Makes the dashboard, so it comes after every alarm. */
  outputOperations(): void {
    this.output('AlarmTopicArn', 'Subscribe whoever is on duty', this.operations.alarms.topicArn);
    this.output('DashboardName', 'CloudWatch dashboard', this.operations.dashboard().dashboardName);
  }
}
