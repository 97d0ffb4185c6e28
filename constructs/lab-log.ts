import { RemovalPolicy } from 'aws-cdk-lib';
import { type CfnLogGroup, LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { deployName } from './deploy-name.ts';

/** A log of what a lab does: kept for three months, or until its stack goes. */
export function labLog(scope: Construct, id: string): LogGroup {
  return new LogGroup(scope, id, {
    retention: RetentionDays.THREE_MONTHS,
    removalPolicy: RemovalPolicy.DESTROY,
  });
}

/**
 * The same for a state machine. CloudWatch's log delivery writes there by one resource policy of the account, which has room
 * for 5,120 characters; groups below this prefix need no line of their own in it (AWS: "Using CloudWatch Logs to log
 * execution history in Step Functions").
 */
export function workflowLog(scope: Construct, id: string): LogGroup {
  const log = labLog(scope, id);
  (log.node.defaultChild as CfnLogGroup).logGroupName = `/aws/vendedlogs/states/${deployName(log, 128)}`;
  return log;
}
