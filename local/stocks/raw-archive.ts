import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { rawHourPrefix, rawPrefix } from '../../domain/stocks/contract.ts';

const inflate = promisify(gunzip);
const hourMs = 3_600_000;

/** Objects read at once. */
const together = 16;

export interface RawRange {
  /** Arrival of the first and after the last record, epoch milliseconds; by whole hours. @default everything */
  from?: number;
  to?: number;
  /** Objects written later are left out, epoch milliseconds: who reads need not run after an archive that grows. */
  writtenUntil?: number;
  /** Keys of objects to leave out; those that are read are added. @default all are read, none is noted */
  known?: Set<string>;
}

/**
 * The records of the raw archive, the text of each as the feed sent it, in the order of the objects' keys. Firehose writes
 * objects of many lines, compressed; some emulators write one object for each record, as it is. Both are read.
 */
export async function* rawRecords(
  s3: S3Client,
  bucket: string,
  range: RawRange = {},
): AsyncGenerator<string> {
  for await (const keys of inParts(rawKeys(s3, bucket, range), together)) {
    for (const text of await Promise.all(keys.map((key) => textOf(s3, bucket, key)))) {
      for (const line of text.split('\n')) if (line !== '') yield line;
    }
  }
}

async function* rawKeys(
  s3: S3Client,
  bucket: string,
  { from, to, writtenUntil = Number.POSITIVE_INFINITY, known }: RawRange,
): AsyncGenerator<string> {
  for (const prefix of prefixesOf(from, to)) {
    for await (const { Contents = [] } of paginateListObjectsV2(
      { client: s3 },
      { Bucket: bucket, Prefix: prefix },
    )) {
      const there = Contents.filter(
        ({ LastModified }) => !LastModified || LastModified.getTime() <= writtenUntil,
      );
      // Objects are named by their time: what follows a page that was written since was written since, too.
      if (there.length === 0 && Contents.length > 0) break;
      for (const { Key } of there) {
        if (Key === undefined || known?.has(Key)) continue;
        yield Key;
        known?.add(Key);
      }
    }
  }
}

function prefixesOf(from: number | undefined, to: number | undefined): string[] {
  if (from === undefined || to === undefined) return [rawPrefix];
  const prefixes: string[] = [];
  for (let hour = Math.floor(from / hourMs) * hourMs; hour < to; hour += hourMs) {
    prefixes.push(rawHourPrefix(hour));
  }
  return prefixes;
}

async function textOf(s3: S3Client, bucket: string, key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
  const compressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return (compressed ? await inflate(bytes) : bytes).toString('utf8');
}

async function* inParts<Item>(items: AsyncIterable<Item>, size: number): AsyncGenerator<Item[]> {
  let part: Item[] = [];
  for await (const item of items) {
    part.push(item);
    if (part.length < size) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}
