import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { type checkRequest, isCheckRequest } from '../../domain/shared/contract.ts';
import { loadEnvironment } from '../../domain/stocks/contract.ts';
import type { LoaderCheck } from '../../domain/warehouse/contract.ts';
import { readEnvironment } from '../shared/environment.ts';
import { logger, metrics } from '../shared/observability.ts';
import { type Load, objectLoadsOf } from './object-loads.ts';
import { loadMessages } from './rows-messages.ts';

const environment = readEnvironment(loadEnvironment);
const objectLoads = objectLoadsOf(environment);
const patienceMs = Number(environment.STATEMENT_PATIENCE_SECONDS) * 1000;

/**
 * Loads the objects that a few seconds' messages name. Messages whose objects are not in SQL in the end are handed back,
 * alone; where that is all of them, the error is thrown. A check is answered in place of that.
 */
export async function handler(
  event: SQSEvent | typeof checkRequest,
  context: Context,
): Promise<SQSBatchResponse | LoaderCheck> {
  const deadline = Date.now() + patienceMs;
  if (isCheckRequest(event)) return objectLoads.check(context.awsRequestId, deadline);
  const { unreadable, failed, loads, back } = await loadMessages(event.Records, (objects) =>
    objectLoads.load(objects, context.awsRequestId, deadline),
  );
  for (const { id, error } of unreadable) logger.error('not an event of ours', { message: id, error });
  for (const { objects, error } of failed)
    logger.error('not loaded', { objects: objects.length, first: objects[0]?.key, error });
  measure(loads, back.length);
  // Where nothing at all could be loaded, Lambda should know, and call less often.
  if (failed[0] && loads.length === 0) throw failed[0].error;
  return { batchItemFailures: back.map((itemIdentifier) => ({ itemIdentifier })) };
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
