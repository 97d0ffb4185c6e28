import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { parseKey, type RowsKey, rowsHourPrefix } from '../../../domain/stocks/keys.ts';
import { compareSequences } from '../../../domain/stocks/sequence.ts';
import { type ArchivedRow, readRows } from './archived-row.ts';

const inflate = promisify(gunzip);
const hourMs = 3_600_000;

/** Objects read at once. */
const together = 16;

/** How long before its last record the first one of a batch may have arrived: a trend that stood still finds old records. */
const longestBatchMs = 24 * hourMs;

/** By how much clocks may differ, and records come after their time. */
const toleranceMs = 15 * 60_000;

export interface LiveRows {
  rows: ArchivedRow[];
  /** Another object may have some of these rows too: its batch, or a part of it, came again. */
  mayRepeat: boolean;
}

/**
 * The rows that the trend wrote in the archive, an object at a time, about in the order of time. They are compared rather than
 * those in SQL: they are what the rule wrote, to the last digit, and read as fast as the raw archive.
 *
 * @param range epoch milliseconds: from when the first was received until when the last arrived; others come too
 */
export async function* liveRows(
  s3: S3Client,
  bucket: string,
  range: { from: number; to: number },
): AsyncGenerator<LiveRows> {
  const objects = await listed(s3, bucket, range);
  for (let first = 0; first < objects.length; first += together) {
    const read = objects.slice(first, first + together).map(async ({ key, mayRepeat }) => {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      const csv = await inflate(Buffer.from((await Body?.transformToByteArray()) ?? []));
      return { rows: readRows(csv.toString('utf8'), key), mayRepeat };
    });
    yield* await Promise.all(read);
  }
}

interface RowsObject {
  key: string;
  parsed: RowsKey;
  writtenAt: number;
  mayRepeat: boolean;
}

async function listed(
  s3: S3Client,
  bucket: string,
  { from, to }: { from: number; to: number },
): Promise<RowsObject[]> {
  const objects: RowsObject[] = [];
  const first = Math.floor((from - longestBatchMs) / hourMs) * hourMs;
  for (let hour = first; hour < to; hour += hourMs) {
    const pages = paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: rowsHourPrefix(hour) });
    for await (const { Contents = [] } of pages) {
      for (const { Key: key = '', LastModified: written } of Contents) {
        const writtenAt = written?.getTime() ?? Number.POSITIVE_INFINITY;
        // What was written before holds nothing that was received since.
        if (writtenAt < from - toleranceMs) continue;
        objects.push({ key, parsed: parseKey(key) as RowsKey, writtenAt, mayRepeat: false });
      }
    }
  }
  markOverlaps(objects);
  return objects.sort((a, b) => a.writtenAt - b.writtenAt || (a.key < b.key ? -1 : 1));
}

function markOverlaps(objects: readonly RowsObject[]): void {
  // `-of17`: an object beside that of another batch between the same two records, see ArchivedBatches.
  const shard = ({ parsed }: RowsObject) => parsed.shard.replace(/-of\d+$/, '');
  const inOrder = [...objects].sort(
    (a, b) => shard(a).localeCompare(shard(b)) || compareSequences(a.parsed.first, b.parsed.first),
  );
  let furthest: RowsObject | undefined;
  for (const object of inOrder) {
    const isApart =
      furthest === undefined ||
      shard(furthest) !== shard(object) ||
      compareSequences(furthest.parsed.last, object.parsed.first) < 0;
    if (!isApart) {
      (furthest as RowsObject).mayRepeat = true;
      object.mayRepeat = true;
    }
    if (isApart || compareSequences((furthest as RowsObject).parsed.last, object.parsed.last) < 0)
      furthest = object;
  }
}
