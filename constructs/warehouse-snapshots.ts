import { ArnFormat, type Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Schedule, ScheduleExpression, ScheduleGroup, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { Universal } from 'aws-cdk-lib/aws-scheduler-targets';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import type { Warehouse } from './warehouse.ts';

export interface WarehouseSnapshotsProps {
  readonly warehouse: Warehouse;
  /** After which Redshift deletes a snapshot, in whole days. */
  readonly keptFor: Duration;
  /** Where a start ends that failed all its repetitions. */
  readonly undelivered: IQueue;
}

/**
 * A snapshot of the warehouse each night, asked for by EventBridge Scheduler itself: no function. Redshift's own recovery
 * points last for 24 hours.
 */
export class WarehouseSnapshots extends Construct {
  constructor(scope: Construct, id: string, { warehouse, keptFor, undelivered }: WarehouseSnapshotsProps) {
    super(scope, id);
    const snapshots = Stack.of(this).formatArn({
      service: 'redshift-serverless',
      resource: 'snapshot',
      resourceName: '*', // the id of one that is not there yet
      arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
    });
    const role = new Role(this, 'Role', {
      description: 'Assumed by the schedule that takes snapshots of the warehouse',
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: {
          StringEquals: {
            'aws:SourceAccount': Stack.of(this).account,
            'aws:SourceArn': ScheduleGroup.fromDefaultScheduleGroup(this, 'Group').scheduleGroupArn,
          },
        },
      }),
    });
    acknowledge(
      role,
      'a snapshot that is not there yet has no id; the namespace that it is taken of is named',
      'IAM5[Resource::arn:<AWS::Partition>:redshift-serverless:<AWS::Region>:<AWS::AccountId>:snapshot/*]',
    );
    new Schedule(this, 'Nightly', {
      description: 'Takes a snapshot of the warehouse',
      schedule: ScheduleExpression.cron({ hour: '3', minute: '30' }),
      target: new Universal({
        service: 'redshiftserverless',
        action: 'createSnapshot',
        input: ScheduleTargetInput.fromObject({
          NamespaceName: warehouse.namespaceName,
          SnapshotName: `${warehouse.namespaceName}-<aws.scheduler.execution-id>`,
          RetentionPeriod: keptFor.toDays(),
        }),
        policyStatements: [
          new PolicyStatement({
            actions: ['redshift-serverless:CreateSnapshot'],
            resources: [warehouse.namespaceArn, snapshots],
          }),
        ],
        role,
        deadLetterQueue: undelivered,
        retryAttempts: 10,
      }),
    });
  }
}
