import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, paginateScan } from '@aws-sdk/lib-dynamodb';
import { readStateItem } from '../../domain/stocks/state-item.ts';
import { readTickRecord } from '../../domain/stocks/tick-record.ts';
import { tradeIdentity } from '../../domain/stocks/trade.ts';
import { FeedTable } from '../../services/tick-feed/lease-table.ts';
import type { Checkpoint } from '../../services/tick-feed/positions.ts';
import type { InFlight } from '../drain.ts';
import { type LabTarget, outputOf } from '../lab-target.ts';
import { rawRecords } from './raw-archive.ts';

/** What traded longer before the last trade has been in the archive for long, or the alarm RawArchiveStale rings. */
const recentNs = 15n * 60n * 1_000_000_000n;

/**
 * Of each symbol the feed notes the last trade that the stream has. It is on its way until the trend's state is as new, and
 * until the raw archive has it: in both what is older came before it.
 */
export function stocksInFlight(target: LabTarget): InFlight {
  const bucket = outputOf(target, 'ArchiveBucketName', 'stocks');
  const states = outputOf(target, 'StateTableName', 'stocks');
  const s3 = new S3Client({ ...target.clients, ...(target.pathStyle ? { forcePathStyle: true } : {}) });
  const dynamo = new DynamoDBClient(target.clients);
  const table = DynamoDBDocumentClient.from(dynamo);
  const feed = new FeedTable(table, outputOf(target, 'LeaseTableName', 'stocks'), 30_000);
  const read = new Set<string>();
  const archived = new Set<string>();

  async function behind(checkpoint: Checkpoint): Promise<string[]> {
    const through = new Map<string, bigint>();
    for await (const { Items = [] } of paginateScan(
      { client: table },
      { TableName: states, ConsistentRead: true },
    )) {
      for (const item of Items) {
        const { symbol, at } = readStateItem(item);
        through.set(symbol, at);
      }
    }
    return [...checkpoint]
      .filter(([symbol, { at, ids }]) => ids.length > 0 && (through.get(symbol) ?? 0n) < at)
      .map(([symbol]) => `the trend of ${symbol} is behind the stream`);
  }

  async function notArchived(checkpoint: Checkpoint): Promise<string[]> {
    const traded = [...checkpoint].filter(([, { ids }]) => ids.length > 0);
    const [newest = 0n] = traded.map(([, { at }]) => at).sort((a, b) => (a > b ? -1 : 1));
    const recent = traded.filter(([, { at }]) => at >= newest - recentNs);
    const missing = () =>
      recent.flatMap(([symbol, { ids }]) =>
        ids.map((id) => `${symbol}|${id}`).filter((identity) => !archived.has(identity)),
      );
    if (missing().length === 0) return [];
    const from = Number((newest - recentNs) / 1_000_000n);
    for await (const text of rawRecords(s3, bucket, { from, to: Date.now(), known: read })) {
      try {
        const record = readTickRecord(text);
        if (record.kind === 'trade') archived.add(tradeIdentity(record.trade));
      } catch {
        // What is no trade is set aside; nothing waits for it.
      }
    }
    return missing().map((identity) => `not in the raw archive: ${identity}`);
  }

  return {
    look: async () => {
      const checkpoint = (await feed.readCheckpoint()) ?? new Map();
      return [...(await behind(checkpoint)), ...(await notArchived(checkpoint))];
    },
    close: () => {
      s3.destroy();
      dynamo.destroy();
    },
  };
}
