import { createHash } from 'node:crypto';
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { ExecutionAlreadyExists, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { Context } from 'aws-lambda';
import {
  type ImportNote,
  importOfArrival,
  type RecoverResult,
  recoverEnvironment,
  recoverRequest,
  workbookPrefix,
} from '../../domain/fashion/contract.ts';
import { type ArchivedWorkbook, arrivedWithin, unfinished } from '../../domain/fashion/recovery.ts';
import { readEnvironment } from '../shared/environment.ts';
import { logger, metrics } from '../shared/observability.ts';
import { readItems } from '../shared/read-items.ts';

const environment = readEnvironment(recoverEnvironment);
const importSeconds = Number(environment.IMPORT_SECONDS);
const s3 = new S3Client({});
const stateMachines = new SFNClient({});
const tables = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** Of a function's time: in this last part no import is started any more. */
const noStartWithin = 1 / 5;

/**
 * Starts the import of each workbook in the archive again that has not finished: its event was lost, or the import failed of
 * something that may have passed. With the input that the event would have handed in; called twice for one collection, it
 * starts an import once.
 */
export async function handler(
  event: unknown,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
): Promise<RecoverResult> {
  logger.resetKeys();
  const { collection, afterSeconds, withinSeconds, atMost } = recoverRequest.parse(event);
  const whole = context.getRemainingTimeInMillis();
  const workbooks = withinSeconds > 0 ? await workbooksOf(withinSeconds) : [];
  const notes = await notesOf(workbooks);
  const due = unfinished(workbooks, notes, Date.now(), { afterSeconds, importSeconds });
  const restarted: string[] = [];
  try {
    for (const workbook of due.slice(0, atMost)) {
      if (context.getRemainingTimeInMillis() < whole * noStartWithin) break;
      await start(workbook, collection);
      restarted.push(workbook.key);
      logger.warn('import started again', { key: workbook.key, last: notes.get(workbook.key) });
    }
    return { restarted, left: due.length - restarted.length };
  } finally {
    metrics.addMetric('ImportsRestarted', MetricUnit.Count, restarted.length);
    metrics.publishStoredMetrics();
  }
}

/** All that is below `xlsx/` and arrived lately. A drop of long ago may arrive today, so no prefix is narrow enough. */
async function workbooksOf(seconds: number): Promise<ArchivedWorkbook[]> {
  const now = Date.now();
  const found: ArchivedWorkbook[] = [];
  const wanted = { Bucket: environment.ARCHIVE_BUCKET, Prefix: workbookPrefix };
  for await (const { Contents = [] } of paginateListObjectsV2({ client: s3 }, wanted)) {
    found.push(
      ...Contents.map(({ Key = '', LastModified }) => ({
        key: Key,
        arrivedAt: LastModified?.getTime() ?? 0,
      })).filter((workbook) => arrivedWithin(workbook, now, seconds)),
    );
  }
  return found;
}

async function notesOf(workbooks: readonly ArchivedWorkbook[]): Promise<Map<string, ImportNote>> {
  const keys = workbooks.map(({ key }) => key);
  const items = await readItems(tables, environment.IMPORTS_TABLE, 'key', keys);
  return new Map(items.map((item) => [item.key as string, item as unknown as ImportNote]));
}

async function start({ key, arrivedAt }: ArchivedWorkbook, collection: string): Promise<void> {
  const input = importOfArrival({
    bucket: environment.ARCHIVE_BUCKET,
    key,
    arrivedAt: new Date(arrivedAt).toISOString(),
  });
  try {
    await stateMachines.send(
      new StartExecutionCommand({
        stateMachineArn: environment.IMPORT_STATE_MACHINE,
        name: createHash('sha256').update(`${collection}\n${key}`).digest('hex'),
        input: JSON.stringify(input),
      }),
    );
  } catch (error) {
    // This collection has started it before, and the answer was lost.
    if (!(error instanceof ExecutionAlreadyExists)) throw error;
  }
}
