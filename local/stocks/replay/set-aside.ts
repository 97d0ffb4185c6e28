import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { setAsideKey } from '../../../domain/stocks/keys.ts';
import { readTickRecord } from '../../../domain/stocks/tick-record.ts';
import { tradeIdentity } from '../../../domain/stocks/trade.ts';

const dayMs = 86_400_000;

/**
 * Trades that the live trend set aside in a time and that can be read now, after what kept it from them was mended.
 *
 * @param range epoch milliseconds
 * @returns keys as those of {@link ArchivedRow}
 */
export async function setAsideThen(
  s3: S3Client,
  bucket: string,
  { from, to }: { from: number; to: number },
): Promise<Set<string>> {
  const keys = new Set<string>();
  for (let day = Math.floor(from / dayMs) * dayMs; day < to + dayMs; day += dayMs) {
    const any = setAsideKey({ shard: 'any', sequence: '0', arrived: day });
    const prefix = any.slice(0, any.lastIndexOf('/') + 1);
    for await (const { Contents = [] } of paginateListObjectsV2(
      { client: s3 },
      { Bucket: bucket, Prefix: prefix },
    )) {
      for (const { Key } of Contents) {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
        const key = keyOf((await Body?.transformToString()) ?? '');
        if (key !== undefined) keys.add(key);
      }
    }
  }
  return keys;
}

/** Undefined for what still is no trade. */
function keyOf(setAside: string): string | undefined {
  const { payload } = JSON.parse(setAside) as { payload: string };
  try {
    const record = readTickRecord(Buffer.from(payload, 'base64'));
    return record.kind === 'trade' ? `${tradeIdentity(record.trade)}|${record.feed.received}` : undefined;
  } catch {
    return undefined;
  }
}
