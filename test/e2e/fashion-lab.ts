import { setTimeout as sleep } from 'node:timers/promises';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { GetExecutionHistoryCommand, type HistoryEvent, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type pg from 'pg';
import type { ImportInput } from '../../domain/fashion/contract.ts';
import type { DateAndSlot } from '../../domain/fashion/drop.ts';
import { createProgress } from '../../local/core/progress.ts';
import { callerOf } from '../../local/driven-lab.ts';
import type { Execution } from '../../local/fashion/driver.ts';
import {
  archivedAs,
  type DropPlace,
  type FashionLab,
  type FashionLabOptions,
  noWaits,
  openFashionLab as openLab,
  putObject,
  stagingTables,
} from '../../local/fashion/lab.ts';
import { header, inventoryRow, workbookOf } from '../domain/fashion/workbooks.ts';

export { archivedAs, callerOf, type DropPlace, type FashionLab, noWaits, putObject, stagingTables };

/** The whole lab on a laptop of its own: emulator, PostgreSQL, deployed stack, the client's SFTP server. */
export function openFashionLab(options: Partial<FashionLabOptions> = {}): Promise<FashionLab> {
  return openLab({ progress: createProgress({ quiet: true }), ...options });
}

/** A workbook of these articles with so many on hand, none reserved. */
export function stockOf(onHand: Readonly<Record<string, number>>): Promise<Uint8Array> {
  return workbookOf([
    header,
    ...Object.entries(onHand).map(([sku, on_hand]) => inventoryRow({ sku, on_hand, reserved: 0 })),
  ]);
}

/** Dates that follow one another: tests that share a warehouse take one each, since its current drop is the newest. */
export function calendar(from: string): () => string {
  let next = Date.parse(from);
  return () => {
    const date = new Date(next).toISOString().slice(0, 10);
    next += 86_400_000;
    return date;
  };
}

/** Puts a workbook into the archive and waits for the end of the import that its arrival starts. */
export async function importDrop(
  fashion: FashionLab,
  bytes: Uint8Array,
  place: DropPlace | string,
): Promise<Execution> {
  const key = typeof place === 'string' ? place : archivedAs(bytes, place);
  const before = (await fashion.driver.imports(key)).length;
  await putObject(fashion, key, bytes);
  return fashion.driver.imported(key, before + 1);
}

/**
 * Imports a workbook with an input that differs from what its arrival sends, such as the waits. The import that the arrival
 * starts is stopped before it has read anything.
 *
 * @param prepared called when the workbook is archived and nothing works on it, just before the start
 */
export async function importWith(
  fashion: FashionLab,
  bytes: Uint8Array,
  place: DropPlace | string,
  changes: Partial<ImportInput>,
  prepared: () => void = () => {},
): Promise<Execution> {
  const { driver, laptop } = fashion;
  const key = typeof place === 'string' ? place : archivedAs(bytes, place);
  const reading = { caller: callerOf(fashion, 'Transform'), operation: 'GetObject' };
  // Held until the import is stopped: one that is refused over and over ends by itself.
  const held = laptop.proxy.faults.add(reading, { kind: 'hold' });
  const refused = laptop.proxy.faults.add(reading, {
    kind: 'refuse',
    status: 403,
    code: 'AccessDenied',
    message: 'the test starts this import itself',
  });
  await putObject(fashion, key, bytes);
  await held.reached();
  const [executionArn] = await driver.imports(key);
  await driver.sfn.send(new StopExecutionCommand({ executionArn }));
  const { input } = await driver.ended(executionArn ?? '');
  held.remove();
  await refused.reached();
  refused.remove();
  prepared();
  return driver.run(driver.output('ImportStateMachineArn'), { ...input, ...changes });
}

/** Keys below a prefix. @param Bucket @default the lab's archive */
export async function keysBelow(
  { driver }: FashionLab,
  Prefix: string,
  Bucket = driver.output('ArchiveBucketName'),
): Promise<string[]> {
  const { Contents = [] } = await driver.s3.send(new ListObjectsV2Command({ Bucket, Prefix }));
  return Contents.map(({ Key }) => Key ?? '');
}

export async function historyEvents({ driver }: FashionLab, executionArn: string): Promise<HistoryEvent[]> {
  const all: HistoryEvent[] = [];
  let nextToken: string | undefined;
  do {
    const page = await driver.sfn.send(
      new GetExecutionHistoryCommand({ executionArn, maxResults: 1000, nextToken }),
    );
    all.push(...(page.events ?? []));
    nextToken = page.nextToken;
  } while (nextToken);
  return all;
}

/** How often an execution entered each state. */
export async function statesOf(fashion: FashionLab, executionArn: string): Promise<Record<string, number>> {
  const count: Record<string, number> = {};
  for (const { stateEnteredEventDetails } of await historyEvents(fashion, executionArn)) {
    const name = stateEnteredEventDetails?.name;
    if (name) count[name] = (count[name] ?? 0) + 1;
  }
  return count;
}

/** What is on hand by article, of what the shop front reads. */
export async function currentStock(fashion: FashionLab): Promise<Record<string, number>> {
  const rows = await fashion.query<{ sku: string; on_hand: string }>(
    'SELECT sku, on_hand FROM fashion.current_positions ORDER BY sku',
  );
  return Object.fromEntries(rows.map(({ sku, on_hand }) => [sku, Number(on_hand)]));
}

export interface LedgerRow extends pg.QueryResultRow {
  load_key: string;
  outcome: string;
  modified_at_ms: string;
  rows_loaded: string;
}

/** The loads of one slot, oldest drop first. */
export function ledgerOf(fashion: FashionLab, { date, slot }: DateAndSlot): Promise<LedgerRow[]> {
  return fashion.query<LedgerRow>(
    `SELECT load_key, outcome, modified_at_ms, rows_loaded FROM fashion.load_ledger
     WHERE drop_date = '${date}' AND drop_slot = '${slot}' ORDER BY drop_order`,
  );
}

/** Rows in the history of one slot, by hash of the drop. */
export async function historyOf(
  fashion: FashionLab,
  { date, slot }: DateAndSlot,
): Promise<Record<string, number>> {
  const rows = await fashion.query<{ sha: string; count: number }>(
    `SELECT drop_sha256 AS sha, COUNT(*)::int AS count FROM fashion.position_history
     WHERE drop_date = '${date}' AND drop_slot = '${slot}' GROUP BY drop_sha256`,
  );
  return Object.fromEntries(rows.map(({ sha, count }) => [sha, count]));
}

export interface ResultListener {
  /** The message about one import, from the topic of results. */
  about(archiveKey: string): Promise<{ subject: string; message: Record<string, unknown> }>;
  close(): void;
}

/** Someone who subscribed a queue to the topic of results. */
export async function listenToResults({ laptop, lab }: FashionLab): Promise<ResultListener> {
  const logicalId = Object.entries(lab.assembly.template.Resources).find(
    ([id, { Type }]) => Type === 'AWS::SNS::Topic' && id.startsWith('Results'),
  )?.[0];
  const topic = lab.resources.get(logicalId ?? '');
  const sns = new SNSClient(laptop.clients);
  const sqs = new SQSClient(laptop.clients);
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'whoever-wants-to-know' }));
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  const queue = Attributes?.QueueArn;
  await sqs.send(
    new SetQueueAttributesCommand({
      QueueUrl,
      Attributes: {
        Policy: JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Principal: { Service: 'sns.amazonaws.com' },
              Action: 'sqs:SendMessage',
              Resource: queue,
              Condition: { ArnEquals: { 'aws:SourceArn': topic } },
            },
          ],
        }),
      },
    }),
  );
  await sns.send(new SubscribeCommand({ TopicArn: topic, Protocol: 'sqs', Endpoint: queue }));
  const heard: { subject: string; message: Record<string, unknown> }[] = [];

  const hear = async (): Promise<void> => {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }),
    );
    for (const { Body } of Messages) {
      const { Subject, Message } = JSON.parse(Body ?? '{}');
      heard.push({ subject: Subject, message: JSON.parse(Message) });
    }
    if (Messages.length === 0) return;
    await sqs.send(
      new DeleteMessageBatchCommand({
        QueueUrl,
        Entries: Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
      }),
    );
  };
  return {
    async about(archiveKey) {
      for (const until = Date.now() + 120_000; ; await sleep(50)) {
        await hear();
        const found = heard.find(({ message }) => message.archiveKey === archiveKey);
        if (found) return found;
        if (Date.now() > until) throw new Error(`no result of ${archiveKey} was told`);
      }
    },
    close: () => {
      sns.destroy();
      sqs.destroy();
    },
  };
}
