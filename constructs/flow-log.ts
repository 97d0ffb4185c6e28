import { RemovalPolicy } from 'aws-cdk-lib';
import { FlowLogDestination, type Vpc } from 'aws-cdk-lib/aws-ec2';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';

/** Who spoke to whom in a network, kept for a month, or until the stack goes. */
export function logFlows(scope: Construct, vpc: Vpc): void {
  vpc.addFlowLog('FlowLog', {
    destination: FlowLogDestination.toCloudWatchLogs(
      new LogGroup(scope, 'FlowLogGroup', {
        retention: RetentionDays.ONE_MONTH,
        removalPolicy: RemovalPolicy.DESTROY,
      }),
    ),
  });
}
