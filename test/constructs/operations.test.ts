import { jest } from '@jest/globals';
import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Operations } from '../../constructs/operations.ts';
import { unbundledApp } from '../../local/synthesis.ts';

jest.setTimeout(120_000); // the CDK loads most of itself at a first synth, on a machine that may be busy

const metric = new Metric({ namespace: 'Test', metricName: 'Bad' });

function operations() {
  const stack = new Stack(unbundledApp(), 'Stack');
  return { stack, made: new Operations(stack, 'Operations', { key: new Key(stack, 'Key'), title: 'A lab' }) };
}

it('an alarm rings at its threshold, tells the topic, and is silent while nothing is measured', () => {
  const { stack, made } = operations();
  made.alarm('TooMany', { metric, threshold: 5, runbook: 'Count them again.' });
  Template.fromStack(stack).hasResourceProperties('AWS::CloudWatch::Alarm', {
    Threshold: 5,
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    EvaluationPeriods: 1,
    TreatMissingData: 'notBreaching',
    AlarmDescription: 'Count them again.',
    AlarmActions: [{ Ref: Object.keys(Template.fromStack(stack).findResources('AWS::SNS::Topic'))[0] }],
  });
});

it('an alarm may ring below its threshold, after several periods, and when nothing is measured', () => {
  const { stack, made } = operations();
  made.alarm('TooFew', { metric, rings: 'below', periods: 3, silence: 'bad', runbook: 'Start them again.' });
  Template.fromStack(stack).hasResourceProperties('AWS::CloudWatch::Alarm', {
    Threshold: 1,
    ComparisonOperator: 'LessThanThreshold',
    EvaluationPeriods: 3,
    TreatMissingData: 'breaching',
  });
});

it('what cannot be delivered is kept for two weeks, and one message rings', () => {
  const { stack, made } = operations();
  made.deadLetterQueue('Lost', 'Read the message.');
  const template = Template.fromStack(stack);
  template.hasResourceProperties('AWS::SQS::Queue', { MessageRetentionPeriod: 14 * 86_400 });
  template.hasResourceProperties('AWS::CloudWatch::Alarm', {
    MetricName: 'ApproximateNumberOfMessagesVisible',
    Statistic: 'Maximum',
    Threshold: 1,
    AlarmDescription: 'Read the message.',
  });
});

it('the dashboard lists every alarm made before it, with its line of the runbook', () => {
  const { stack, made } = operations();
  made.alarm('First', { metric, runbook: 'Do this.' });
  made.deadLetterQueue('Lost', 'Do that.');
  made.dashboard();
  const [dashboard] = Object.values(Template.fromStack(stack).findResources('AWS::CloudWatch::Dashboard'));
  const body = JSON.stringify(dashboard?.Properties.DashboardBody);
  for (const text of ['**First**: Do this.', '**LostNotEmpty**: Do that.']) expect(body).toContain(text);
});
