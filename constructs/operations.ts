import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  AlarmWidget,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  Metric,
  TextWidget,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { metricNamespaceOf } from '../domain/shared/contract.ts';
import { acknowledge } from './acknowledge.ts';

export interface AlarmProps {
  readonly metric: IMetric;
  /** @default 1 */
  readonly threshold?: number;
  /** Whether the alarm rings at the threshold and above it, or below it. @default at-or-above */
  readonly rings?: 'at-or-above' | 'below';
  /** How many periods in a row it must be so. @default 1 */
  readonly periods?: number;
  /** What it means when nothing is measured: `bad` where a measurement itself shows that something runs. @default good */
  readonly silence?: 'good' | 'bad';
  /** One line, for whoever is woken up: what happened and what to do first. */
  readonly runbook: string;
}

/** One alarm topic, one dashboard, and a runbook line for each alarm. */
export class Operations extends Construct {
  readonly alarms: Topic;
  private readonly widgets: IWidget[] = [];
  private readonly rung: { alarm: Alarm; runbook: string }[] = [];

  private readonly title: string;

  constructor(scope: Construct, id: string, props: { key: Key; title: string }) {
    super(scope, id);
    this.title = props.title;
    this.alarms = new Topic(this, 'Alarms', {
      masterKey: props.key,
      enforceSSL: true,
      displayName: props.title,
    });
    this.letPublish(props.key);
  }

  /**
   * CloudWatch publishes as a service, so the policies of the topic and of its key have to allow it: SNS's default policy, which
   * `enforceSSL` replaces, is gone, and `SnsAction` adds nothing. CloudWatch names account and alarm to SNS, and the account to
   * KMS as well (SNS developer guide, "Key management": only EventBridge does not).
   */
  private letPublish(key: Key): void {
    const stack = Stack.of(this);
    const ofThisAccount = { StringEquals: { 'aws:SourceAccount': stack.account } };
    const cloudWatch = new ServicePrincipal('cloudwatch.amazonaws.com', { conditions: ofThisAccount });
    key.grant(cloudWatch, 'kms:Decrypt', 'kms:GenerateDataKey*');
    const alarms = stack.formatArn({
      service: 'cloudwatch',
      resource: 'alarm',
      resourceName: '*',
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    this.alarms.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AllowAlarmsToPublish',
        principals: [cloudWatch],
        actions: ['sns:Publish'],
        resources: [this.alarms.topicArn],
        conditions: { ArnLike: { 'aws:SourceArn': alarms } },
      }),
    );
  }

  alarm(id: string, props: AlarmProps): Alarm {
    const alarm = new Alarm(this, id, {
      metric: props.metric,
      threshold: props.threshold ?? 1,
      evaluationPeriods: props.periods ?? 1,
      comparisonOperator:
        props.rings === 'below'
          ? ComparisonOperator.LESS_THAN_THRESHOLD
          : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: props.silence === 'bad' ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
      alarmDescription: props.runbook,
    });
    alarm.addAlarmAction(new SnsAction(this.alarms));
    this.rung.push({ alarm, runbook: props.runbook });
    return alarm;
  }

  /** A queue for what could not be delivered, and the alarm that watches it. */
  deadLetterQueue(id: string, runbook: string): Queue {
    const queue = new Queue(this, id, {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledge(queue, 'it is itself the dead-letter queue', 'SQS3');
    this.alarm(`${id}NotEmpty`, {
      metric: queue.metricApproximateNumberOfMessagesVisible({
        period: Duration.minutes(1),
        statistic: 'Maximum',
      }),
      runbook,
    });
    return queue;
  }

  /** A metric that a function or container of this stack writes. @param statistic @default Sum */
  metric(service: string, metricName: string, period: Duration, statistic = 'Sum'): Metric {
    const namespace = metricNamespaceOf(Stack.of(this).stackName);
    return new Metric({ namespace, metricName, period, statistic, dimensionsMap: { service } });
  }

  /** Shows metrics on the dashboard, two graphs beside each other. @param right on an axis of their own; none by default */
  graph(title: string, left: IMetric[], right?: IMetric[]): void {
    this.widgets.push(new GraphWidget({ title, left, right, width: 12 }));
  }

  /** Call last: the dashboard lists every alarm made before it, with its runbook line. */
  dashboard(): Dashboard {
    const runbook = this.rung.map(({ alarm, runbook: line }) => `**${alarm.node.id}**: ${line}`).join('\n\n');
    return new Dashboard(this, 'Dashboard', {
      widgets: [
        [
          new TextWidget({
            markdown: `# ${this.title}\n\n${runbook}`,
            width: 24,
            height: 2 + this.rung.length,
          }),
        ],
        this.rung.map(({ alarm }) => new AlarmWidget({ alarm, title: alarm.node.id, width: 6 })),
        this.widgets,
      ],
    });
  }
}
