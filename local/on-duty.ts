import { SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { ClientConfig } from './laptop.ts';

/**
 * Subscribes a queue to the topic of a stack's alarms: it stands for the person who is on duty, and shows what was sent.
 *
 * @param name of the queue
 */
export async function subscribeDuty(clients: ClientConfig, topicArn: string, name: string): Promise<void> {
  const sqs = new SQSClient(clients);
  const sns = new SNSClient(clients);
  try {
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
    const asked = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] });
    const Endpoint = (await sqs.send(asked)).Attributes?.QueueArn;
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: {
        Effect: 'Allow',
        Principal: { Service: 'sns.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: Endpoint,
        Condition: { ArnEquals: { 'aws:SourceArn': topicArn } },
      },
    });
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy } }));
    await sns.send(new SubscribeCommand({ TopicArn: topicArn, Protocol: 'sqs', Endpoint }));
  } finally {
    sqs.destroy();
    sns.destroy();
  }
}
