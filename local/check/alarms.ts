import { randomUUID } from 'node:crypto';
import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import {
  CloudWatchClient,
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  type MetricAlarm,
  SetAlarmStateCommand,
  type StateValue,
} from '@aws-sdk/client-cloudwatch';
import { paginateListSubscriptionsByTopic, SNSClient } from '@aws-sdk/client-sns';
import {
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { type Check, type Checked, deployAgain, NotAsked, Wrong } from './check.ts';

/** Each alarm of the stack has an action, its topic a subscriber, and what it sends arrives. */
export function alarmChecks(checked: Checked): Check[] {
  return [
    {
      what: 'each alarm has an action',
      look: async () => {
        const alarms = await alarmsOf(checked);
        const mute = alarms.filter((alarm) => topicsOf(alarm).length === 0).map(({ AlarmName }) => AlarmName);
        if (mute.length > 0)
          throw new Wrong(
            `mute: ${mute.join(', ')}`,
            `${deployAgain}; or aws cloudwatch enable-alarm-actions`,
          );
        return `all ${alarms.length}`;
      },
    },
    {
      what: 'somebody is subscribed',
      look: async () => {
        const topics = new Set((await alarmsOf(checked)).flatMap(topicsOf));
        if (topics.size === 0) throw new Wrong('no alarm names a topic', deployAgain);
        const found: string[] = [];
        for (const topic of topics) {
          const subscribed = await subscriptionsOf(checked, topic);
          const confirmed = subscribed.filter(({ SubscriptionArn = '' }) =>
            SubscriptionArn.startsWith('arn:'),
          );
          if (confirmed.length === 0)
            throw new Wrong(
              subscribed.length === 0
                ? `nobody, to ${topic}`
                : `${subscribed.length} have not confirmed, of ${topic}`,
              subscribed.length === 0
                ? `aws sns subscribe --topic-arn ${topic} --protocol email --notification-endpoint YOU`
                : 'follow the link in the message that SNS sent',
            );
          found.push(...confirmed.map(({ Protocol }) => String(Protocol)));
        }
        return found.join(', ');
      },
    },
    {
      what: 'each alarm arrives',
      look: async (say) => {
        const { send } = checked.request;
        if (send === undefined) return new NotAsked('not made: --yes sends a message of each alarm');
        if (!send) return new NotAsked('declined: --yes sends without asking');
        const alarms = await alarmsOf(checked);
        const arrived = checked.onAws ? executedOnAws(checked) : receivedByQueue(checked);
        for (const [index, alarm] of alarms.entries()) {
          say(`${index} of ${alarms.length}`);
          await sound(checked, alarm, arrived);
        }
        return `all ${alarms.length}`;
      },
    },
  ];
}

async function alarmsOf(checked: Checked): Promise<MetricAlarm[]> {
  const pages = paginateListStackResources(
    { client: checked.client(CloudFormationClient) },
    { StackName: checked.target.stack },
  );
  const names: string[] = [];
  for await (const { StackResourceSummaries = [] } of pages)
    for (const { ResourceType, PhysicalResourceId } of StackResourceSummaries)
      if (ResourceType === 'AWS::CloudWatch::Alarm' && PhysicalResourceId) names.push(PhysicalResourceId);
  const alarms: MetricAlarm[] = [];
  // A call takes a hundred names.
  for (let first = 0; first < names.length; first += 100) {
    const AlarmNames = names.slice(first, first + 100);
    const { MetricAlarms = [] } = await checked
      .client(CloudWatchClient)
      .send(new DescribeAlarmsCommand({ AlarmNames, MaxRecords: 100 }));
    alarms.push(...MetricAlarms);
  }
  if (alarms.length < names.length)
    throw new Wrong(`${names.length - alarms.length} alarms are gone`, deployAgain);
  return alarms;
}

const topicsOf = ({ ActionsEnabled, AlarmActions = [] }: MetricAlarm): string[] =>
  ActionsEnabled ? AlarmActions.filter((arn) => /^arn:[\w-]+:sns:/.test(arn)) : [];

async function subscriptionsOf(checked: Checked, TopicArn: string) {
  const pages = paginateListSubscriptionsByTopic({ client: checked.client(SNSClient) }, { TopicArn });
  const found = [];
  for await (const { Subscriptions = [] } of pages) found.push(...Subscriptions);
  return found;
}

/** Looks for what shows that a message went out: true, false for one that failed, undefined for none yet. */
type Arrival = (alarm: MetricAlarm, reason: string) => Promise<() => Promise<boolean | undefined>>;

/** Sets the alarm off, waits until its message has gone out, and puts it back to what it was. */
async function sound(checked: Checked, alarm: MetricAlarm, arrival: Arrival): Promise<void> {
  const cloudWatch = checked.client(CloudWatchClient);
  const reason = `npm run check ${randomUUID()}`;
  const set = (StateValue: StateValue, StateReason: string) =>
    cloudWatch.send(new SetAlarmStateCommand({ AlarmName: alarm.AlarmName, StateValue, StateReason }));
  const arrived = await arrival(alarm, reason);
  // Only a change of state makes it act.
  if (alarm.StateValue === 'ALARM') await set('OK', reason);
  try {
    await set('ALARM', reason);
    const sent = await checked.until(arrived, checked.onAws ? 60_000 : checked.patience);
    if (!sent)
      throw new Wrong(
        `${alarm.AlarmName} ${sent === undefined ? 'sent nothing' : 'could not send'}`,
        'look at its history in CloudWatch, and whether the policies of topic and key let CloudWatch publish',
      );
  } finally {
    await set(alarm.StateValue ?? 'OK', alarm.StateReason ?? reason);
  }
}

/** By the alarm's own history, as CloudWatch on AWS writes it. The clock is that of the history alone. */
function executedOnAws(checked: Checked): Arrival {
  const newest = async ({ AlarmName }: MetricAlarm) => {
    const { AlarmHistoryItems = [] } = await checked.client(CloudWatchClient).send(
      new DescribeAlarmHistoryCommand({
        AlarmName,
        HistoryItemType: 'Action',
        ScanBy: 'TimestampDescending',
        MaxRecords: 1,
      }),
    );
    return AlarmHistoryItems[0];
  };
  return async (alarm) => {
    const before = (await newest(alarm))?.Timestamp?.getTime() ?? 0;
    return async () => {
      const item = await newest(alarm);
      if (!item?.Timestamp || item.Timestamp.getTime() <= before) return undefined;
      return /^Successfully executed action/.test(item.HistorySummary ?? '');
    };
  };
}

/** By the message itself, in a queue that is subscribed: an emulator keeps no history of actions, and nobody else reads there. */
function receivedByQueue(checked: Checked): Arrival {
  const sqs = checked.client(SQSClient);
  return async (alarm, reason) => {
    const subscriptions = await Promise.all(topicsOf(alarm).map((topic) => subscriptionsOf(checked, topic)));
    const queues: string[] = [];
    for (const { Protocol, Endpoint = '' } of subscriptions.flat()) {
      if (Protocol !== 'sqs') continue;
      const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: Endpoint.split(':').at(-1) }));
      if (QueueUrl) queues.push(QueueUrl);
    }
    return async () => {
      for (const QueueUrl of queues) {
        const { Messages = [] } = await sqs.send(
          new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }),
        );
        for (const { Body = '', ReceiptHandle } of Messages) {
          await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
          const { AlarmName, NewStateValue, NewStateReason } = JSON.parse(JSON.parse(Body).Message);
          if (AlarmName === alarm.AlarmName && NewStateValue === 'ALARM' && NewStateReason === reason)
            return true;
        }
      }
      return undefined;
    };
  };
}
