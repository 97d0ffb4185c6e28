import { RemovalPolicy } from 'aws-cdk-lib';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';

/** A log of what a lab does, kept for three months. @param removalPolicy @default RETAIN */
export function labLog(scope: Construct, id: string, removalPolicy = RemovalPolicy.RETAIN): LogGroup {
  return new LogGroup(scope, id, { retention: RetentionDays.THREE_MONTHS, removalPolicy });
}
