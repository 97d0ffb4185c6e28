import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { S3Client } from '@aws-sdk/client-s3';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { loadEnvironment } from '../../domain/stocks/contract.ts';
import { DataApi } from '../shared/data-api.ts';
import { readEnvironment } from '../shared/environment.ts';
import { logger, metrics } from '../shared/observability.ts';
import { type Load, ObjectLoads } from './object-loads.ts';
import { type RowsMessage, readRowsMessages } from './rows-messages.ts';

const environment = readEnvironment(loadEnvironment);
const loads = new ObjectLoads({
  api: new DataApi({ workgroupName: environment.WORKGROUP_NAME, database: environment.DATABASE_NAME }),
  s3: new S3Client({}),
  bucket: environment.ARCHIVE_BUCKET,
  copyRoleArn: environment.COPY_ROLE_ARN,
});
const patienceMs = Number(environment.STATEMENT_PATIENCE_SECONDS) * 1000;

/**
 * Loads the objects that a few seconds' messages name. Messages whose objects are not in SQL in the end are handed back,
 * alone; where that is all of them, the error is thrown.
 */
export async function handler(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  const deadline = Date.now() + patienceMs;
  const { messages, unreadable } = readRowsMessages(event.Records);
  for (const { id, error } of unreadable) logger.error('not an event of ours', { message: id, error });

  const objects = new Map(messages.flatMap((each) => each.objects).map((object) => [object.key, object]));
  const done =
    objects.size === 0
      ? { loads: [], failed: [] }
      : await loads.load([...objects.values()], context.awsRequestId, deadline);
  const left = new Set(done.failed.flatMap(({ objects: failed }) => failed.map(({ key }) => key)));
  for (const { objects: failed, error } of done.failed)
    logger.error('not loaded', { objects: failed.length, first: failed[0]?.key, error });
  measure(done.loads, left.size);

  const [failure] = done.failed;
  if (failure && done.loads.length === 0) throw failure.error;
  const isLeft = ({ objects: own }: RowsMessage) => own.some(({ key }) => left.has(key));
  const back = [...unreadable, ...messages.filter(isLeft)];
  return { batchItemFailures: back.map(({ id }) => ({ itemIdentifier: id })) };
}

function measure(done: readonly Load[], left: number): void {
  metrics.addMetric(
    'RowsLoaded',
    MetricUnit.Count,
    done.reduce((rows, load) => rows + load.rows, 0),
  );
  metrics.addMetric('ObjectsNotLoaded', MetricUnit.Count, left);
  // How far SQL is behind the exchange: the age of the newest tick, now that it is there.
  const newest = done.flatMap(({ newestAt }) => newestAt ?? []);
  if (newest.length > 0)
    metrics.addMetric('FreshnessMs', MetricUnit.Milliseconds, Math.max(0, Date.now() - Math.max(...newest)));
  metrics.publishStoredMetrics();
}
