import { RemovalPolicy } from 'aws-cdk-lib';
import { FlowLogDestination, type Vpc } from 'aws-cdk-lib/aws-ec2';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';

/** Who spoke to whom in a network, kept for a month. @param removalPolicy of the log; @default RETAIN */
export function logFlows(scope: Construct, vpc: Vpc, removalPolicy = RemovalPolicy.RETAIN): void {
  vpc.addFlowLog('FlowLog', {
    destination: FlowLogDestination.toCloudWatchLogs(
      new LogGroup(scope, 'FlowLogGroup', { retention: RetentionDays.ONE_MONTH, removalPolicy }),
    ),
  });
}
