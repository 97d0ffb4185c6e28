/** The archive of a stocks lab in memory, with what a feed, Firehose and the live trend leave in it. */
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { rawHourPrefix } from '../../../../domain/stocks/keys.ts';
import { type Feed, type Gap, gapRecordText, tickRecordText } from '../../../../domain/stocks/tick-record.ts';
import { rfc3339 } from '../../../../domain/stocks/trade.ts';
import { applyBatch, type BatchRecord } from '../../../../lambdas/stocks/apply-batch.ts';
import { ArchivedBatches } from '../../../../lambdas/stocks/batch-objects.ts';
import { StatesInMemory } from '../../../../local/stocks/replay/apply.ts';

/** 2026-11-20T15:00:00Z, epoch milliseconds; 10:00 in New York. */
export const opened = 1_795_186_800_000;
export const minuteMs = 60_000;

/** Buckets do not matter: there is one. */
export class ArchiveInMemory extends S3Client {
  readonly objects = new Map<string, { body: Buffer; metadata: Record<string, string>; written: Date }>();
  /** Written at, epoch milliseconds. */
  clock = opened;

  constructor() {
    super({ region: 'us-east-1' });
  }

  // biome-ignore lint/suspicious/noExplicitAny: stands for the overloads of the SDK's client
  override async send(command: any): Promise<any> {
    if (command instanceof ListObjectsV2Command) return this.#list(command.input);
    if (command instanceof PutObjectCommand) return this.#put(command.input);
    const object = this.objects.get(command.input.Key);
    if (!object) throw Object.assign(new Error('no such key'), { name: 'NoSuchKey' });
    if (command instanceof HeadObjectCommand) return { Metadata: object.metadata };
    if (!(command instanceof GetObjectCommand)) throw new Error(`no ${command.constructor.name} here`);
    return {
      Body: {
        transformToByteArray: async () => object.body,
        transformToString: async () => object.body.toString(),
      },
    };
  }

  /** Pages of three. */
  #list({ Prefix = '', MaxKeys = 3, ContinuationToken = '' }: ListObjectsV2Command['input']) {
    const keys = this.keys(Prefix).filter((key) => key > ContinuationToken);
    const page = keys.slice(0, MaxKeys);
    const more = keys.length > page.length;
    return {
      Contents: page.map((Key) => ({
        Key,
        LastModified: this.objects.get(Key)?.written,
        Size: this.objects.get(Key)?.body.length,
      })),
      KeyCount: page.length,
      IsTruncated: more,
      ...(more ? { NextContinuationToken: page.at(-1) } : {}),
    };
  }

  #put({ Key = '', Body, Metadata = {}, IfNoneMatch }: PutObjectCommand['input']) {
    if (IfNoneMatch === '*' && this.objects.has(Key))
      throw Object.assign(new Error('it is there'), { name: 'PreconditionFailed' });
    this.put(Key, Buffer.from(Body as Uint8Array), Metadata);
    return {};
  }

  put(key: string, body: Buffer, metadata: Record<string, string> = {}): void {
    this.objects.set(key, { body, metadata, written: new Date(this.clock) });
  }

  keys(prefix: string): string[] {
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  text(key: string): string {
    const body = this.objects.get(key)?.body ?? Buffer.alloc(0);
    return (body[0] === 0x1f ? gunzipSync(body) : body).toString();
  }

  /** Changes the text of every object below the prefix that the change changes. @returns how many that were */
  rewrite(prefix: string, change: (text: string) => string): number {
    let changed = 0;
    for (const key of this.keys(prefix)) {
      const before = this.text(key);
      const after = change(before);
      if (after === before) continue;
      const { body, ...rest } = this.objects.get(key) as {
        body: Buffer;
        metadata: Record<string, string>;
        written: Date;
      };
      this.objects.set(key, { ...rest, body: body[0] === 0x1f ? gzipSync(after) : Buffer.from(after) });
      changed += 1;
    }
    return changed;
  }
}

export interface Sent {
  text: string;
  /** Epoch milliseconds. */
  arrived: number;
}

export interface Tick {
  symbol: string;
  id: number;
  price: number;
  /** Milliseconds after `opened`: traded, and received if nothing else is said. */
  after: number;
  received?: number;
  source?: Feed['source'];
  token?: number;
}

const nanoseconds = (after: number) => BigInt(Math.round((opened + after) * 1000)) * 1000n;

export function tick({
  symbol,
  id,
  price,
  after,
  received = after,
  source = 'stream',
  token = 1,
}: Tick): Sent {
  const trade = `{"T":"t","i":${id},"S":"${symbol}","x":"D","p":${price},"s":100,"t":"${rfc3339(nanoseconds(after))}","c":["@"],"z":"C"}`;
  const text = tickRecordText({ token, received: nanoseconds(received), source }, trade);
  return { text, arrived: opened + received + 20 };
}

export function gap(told: {
  from: number;
  to: number;
  received: number;
  filled: number;
  token?: number;
}): Sent {
  const { received, token = 1, filled } = told;
  const reason: Gap['reason'] = 'reconnect';
  const feed: Feed = { token, received: nanoseconds(received), source: 'history' };
  const text = gapRecordText(feed, {
    from: nanoseconds(told.from),
    to: nanoseconds(told.to),
    reason,
    filled,
  });
  return { text, arrived: opened + received + 20 };
}

/** The raw archive as Firehose writes it: gzipped lines, an object a minute. */
export function archiveByFirehose(archive: ArchiveInMemory, sent: readonly Sent[]): void {
  const objects = new Map<number, Sent[]>();
  for (const each of sent) {
    const minute = Math.floor(each.arrived / minuteMs) * minuteMs;
    objects.set(minute, [...(objects.get(minute) ?? []), each]);
  }
  for (const [minute, records] of objects) {
    const name = `raw-1-${new Date(minute).toISOString().slice(0, 19).replaceAll(/[T:]/g, '-')}-uuid`;
    const lines = records.map(({ text }) => `${text}\n`).join('');
    archive.put(`${rawHourPrefix(minute)}${name}`, gzipSync(lines));
  }
}

/** As some emulators write it: an object a record, whose names within a second have no order. */
export function archiveByEmulator(archive: ArchiveInMemory, sent: readonly Sent[]): void {
  for (const [index, { text, arrived }] of sent.entries()) {
    const second = new Date(arrived).toISOString().slice(0, 19).replaceAll(/[T:]/g, '-');
    const name = `raw-1-${second}-${((index * 7919) % 10_007).toString(36).padStart(4, '0')}`;
    archive.put(`${rawHourPrefix(arrived)}${name}`, Buffer.from(text));
  }
}

export const batchesOf = (sent: readonly Sent[], size: number): BatchRecord[][] => {
  const records = sent.map(
    ({ text, arrived }, index): BatchRecord => ({
      shard: 'shardId-000000000000',
      sequence: String(4_959_033_827_149_025n + BigInt(index)),
      arrived,
      data: Buffer.from(text),
    }),
  );
  return Array.from({ length: Math.ceil(records.length / size) }, (_, n) =>
    records.slice(n * size, (n + 1) * size),
  );
};

/** The live trend over what was sent, in batches of seven. */
export async function liveTrend(archive: ArchiveInMemory, sent: readonly Sent[]): Promise<void> {
  const to = { states: new StatesInMemory(), objects: new ArchivedBatches(archive, 'archive') };
  for (const records of batchesOf(sent, 7)) {
    archive.clock = records.at(-1)?.arrived ?? opened;
    await applyBatch(records, to);
  }
}
