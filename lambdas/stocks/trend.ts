import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import type { KinesisStreamEvent, KinesisStreamRecord } from 'aws-lambda';
import { trendEnvironment } from '../../domain/stocks/contract.ts';
import { readEnvironment } from '../shared/environment.ts';
import { logger, metrics } from '../shared/observability.ts';
import { applyBatch, type BatchRecord } from './apply-batch.ts';
import { ArchivedBatches } from './batch-objects.ts';
import { StateTable } from './state-table.ts';

const environment = readEnvironment(trendEnvironment);
const states = new StateTable(new DynamoDBClient({}), environment.STATE_TABLE);
const objects = new ArchivedBatches(new S3Client({}), environment.ARCHIVE_BUCKET);

/**
 * One batch of one shard of the stream. It throws whenever something may succeed later: Lambda calls again with the same
 * records, or a half of them. What can never be read is set aside and does not hold up the others.
 */
export async function handler(event: KinesisStreamEvent): Promise<void> {
  const records = event.Records.map(batchRecord);
  const counts = await applyBatch(records, { states, objects });
  if (counts.setAside > 0)
    logger.warn('records set aside', { shard: records[0]?.shard, first: records[0]?.sequence, ...counts });
  metrics.addMetric('TicksIn', MetricUnit.Count, counts.ticks);
  metrics.addMetric('TicksOut', MetricUnit.Count, counts.rows);
  metrics.addMetric('Late', MetricUnit.Count, counts.late);
  metrics.addMetric('Duplicates', MetricUnit.Count, counts.duplicates);
  metrics.addMetric('SetAside', MetricUnit.Count, counts.setAside);
  metrics.addMetric('GapsMarked', MetricUnit.Count, counts.gaps);
  metrics.addMetric('Corrections', MetricUnit.Count, counts.corrections);
  // Of the record that waited longest.
  const arrived = records[0]?.arrived;
  if (arrived !== undefined)
    metrics.addMetric('BatchLagMs', MetricUnit.Milliseconds, Math.max(0, Date.now() - arrived));
  metrics.publishStoredMetrics();
}

/** Not validated by a schema: Lambda itself made it, and it is the hot path. */
function batchRecord({ eventID, kinesis }: KinesisStreamRecord): BatchRecord {
  return {
    shard: eventID.slice(0, eventID.indexOf(':')),
    sequence: kinesis.sequenceNumber,
    arrived: Math.round(kinesis.approximateArrivalTimestamp * 1000),
    data: Buffer.from(kinesis.data, 'base64'),
  };
}
