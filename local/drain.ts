import { setTimeout as sleep } from 'node:timers/promises';
import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { DescribeServicesCommand, ECSClient, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { GetScheduleCommand, SchedulerClient, UpdateScheduleCommand } from '@aws-sdk/client-scheduler';
import { ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Progress } from './core/progress.ts';
import { type LabTarget, told } from './lab-target.ts';

/** What of a lab is not in archive and SQL yet, a line each; one that knows its lab says what no service tells. */
export interface InFlight {
  look(): Promise<string[]>;
  close(): void;
}

const lookEveryMs = 2000;
/** SQS counts exactly a minute after the last message (AWS: "GetQueueAttributes"), and events of S3 take seconds. */
const quietMs = 60_000;

/**
 * The first step of a destroy: stops what writes into a lab, its schedules and services, and waits until what it wrote is in
 * archive and SQL. The same again goes on where it was stopped.
 *
 * @param o inFlight: what this lab has on its way beside executions and messages
 * @returns 0
 * @throws AwsCallFailed; when the signal was aborted, an Error that says so
 */
export async function drain(o: {
  target: LabTarget;
  inFlight: InFlight | undefined;
  progress: Progress;
  signal: AbortSignal;
}): Promise<number> {
  const { target, inFlight, progress, signal } = o;
  const clients = {
    formation: new CloudFormationClient(target.clients),
    scheduler: new SchedulerClient(target.clients),
    ecs: new ECSClient(target.clients),
    sfn: new SFNClient(target.clients),
    sqs: new SQSClient(target.clients),
  };
  let pending: string[] = [];
  try {
    const resources = new Map<string, string[]>();
    const pages = paginateListStackResources({ client: clients.formation }, { StackName: target.stack });
    for await (const { StackResourceSummaries = [] } of pages) {
      for (const { ResourceType = '', PhysicalResourceId = '' } of StackResourceSummaries)
        resources.set(ResourceType, [...(resources.get(ResourceType) ?? []), PhysicalResourceId]);
    }
    const idsOf = (type: string) => resources.get(type) ?? [];

    await progress.step('what writes is stopped', async (report) => {
      for (const name of idsOf('AWS::Scheduler::Schedule')) await disable(clients.scheduler, name);
      for (const arn of idsOf('AWS::ECS::Service')) await scaleToNone(clients.ecs, arn, signal);
      const [schedules, services] = ['AWS::Scheduler::Schedule', 'AWS::ECS::Service'].map(idsOf);
      report.detail(`${schedules?.length} schedules, ${services?.length} services`);
    });

    const worked: string[] = [];
    for (const url of idsOf('AWS::SQS::Queue')) {
      const { messages, isWorkedOff } = await depth(clients.sqs, url);
      if (isWorkedOff) worked.push(url);
      else if (messages > 0)
        progress.line(
          `    ${messages} messages in ${url}: they were given up. See its alarm before you go on.`,
        );
    }
    const look = async (): Promise<string[]> => {
      const found: string[] = [];
      for (const stateMachineArn of idsOf('AWS::StepFunctions::StateMachine')) {
        const running = await clients.sfn.send(
          new ListExecutionsCommand({ stateMachineArn, statusFilter: 'RUNNING' }),
        );
        for (const { executionArn } of running.executions ?? []) found.push(`runs: ${executionArn}`);
      }
      for (const url of worked) {
        const { messages } = await depth(clients.sqs, url);
        if (messages > 0) found.push(`${messages} messages in ${url}`);
      }
      return [...found, ...((await inFlight?.look()) ?? [])];
    };
    await progress.step('what is on its way has arrived', async (report) => {
      // On an emulator counts are exact.
      const quietFor = target.pathStyle ? 0 : quietMs;
      for (let quietSince: number | undefined; ; ) {
        pending = await look();
        const now = Date.now();
        quietSince = pending.length > 0 ? undefined : (quietSince ?? now);
        if (quietSince !== undefined && now - quietSince >= quietFor) break;
        report.detail(pending[0] === undefined ? 'nothing is; looking again' : pending[0]);
        await sleep(target.pathStyle ? 50 : lookEveryMs, undefined, { signal });
      }
      report.detail('archive and SQL have all of it');
    });
    progress.line(`Now: npx cdk destroy ${target.stack}`);
    return 0;
  } catch (error) {
    if (!signal.aborted) throw told(error);
    const still = pending.length > 0 ? `; on its way still: ${pending.slice(0, 3).join(', ')}` : '';
    throw new Error(`stopped: ${signal.reason}${still}`, { cause: error });
  } finally {
    inFlight?.close();
    for (const client of Object.values(clients)) client.destroy();
  }
}

/** An update of a schedule replaces all of it, so all of it is handed back. */
async function disable(scheduler: SchedulerClient, Name: string): Promise<void> {
  const { $metadata, Arn, CreationDate, LastModificationDate, ...schedule } = await scheduler.send(
    new GetScheduleCommand({ Name }),
  );
  const { Name: name = Name, ScheduleExpression, FlexibleTimeWindow, Target } = schedule;
  await scheduler.send(
    new UpdateScheduleCommand({
      ...schedule,
      Name: name,
      ScheduleExpression,
      FlexibleTimeWindow,
      Target,
      State: 'DISABLED',
    }),
  );
}

/** Ends the tasks of a service, which send what they hold before they end. @param arn `…:service/CLUSTER/NAME` */
async function scaleToNone(ecs: ECSClient, arn: string, signal: AbortSignal): Promise<void> {
  const cluster = arn.split('/').at(-2);
  await ecs.send(new UpdateServiceCommand({ cluster, service: arn, desiredCount: 0 }));
  for (let running = 1; running > 0; ) {
    const { services = [] } = await ecs.send(new DescribeServicesCommand({ cluster, services: [arn] }));
    running = services[0]?.runningCount ?? 0;
    if (running > 0) await sleep(lookEveryMs, undefined, { signal });
  }
}

/** Messages of a queue, those included that somebody works on; and whether somebody does, and gives up at some time. */
async function depth(sqs: SQSClient, QueueUrl: string): Promise<{ messages: number; isWorkedOff: boolean }> {
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
  );
  const {
    ApproximateNumberOfMessages: waiting = 0,
    ApproximateNumberOfMessagesNotVisible: workedOn = 0,
    ApproximateNumberOfMessagesDelayed: delayed = 0,
    RedrivePolicy,
  } = Attributes;
  return {
    messages: Number(waiting) + Number(workedOn) + Number(delayed),
    isWorkedOff: RedrivePolicy !== undefined,
  };
}
