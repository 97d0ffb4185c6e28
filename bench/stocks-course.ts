import { GetObjectCommand } from '@aws-sdk/client-s3';
import { parseKey } from '../domain/stocks/keys.ts';
import { compareSequences } from '../domain/stocks/sequence.ts';
import { readTickRecord } from '../domain/stocks/tick-record.ts';
import type { StocksLab } from '../local/stocks/lab.ts';
import { StreamRecords } from '../local/stocks/stream-records.ts';
import { consumersOf } from './stocks-no-op.ts';

/** A trade on the stream. */
export interface StreamedTick {
  shard: string;
  sequence: string;
  /** Nanoseconds since 1970: of the trade, and of its coming to the feed. */
  at: bigint;
  received: bigint;
  /** Milliseconds since 1970, as the next one. */
  arrived: number;
}

/** An object that covers the records of a shard from one sequence number to another. */
export interface RowsObject {
  shard: string;
  first: string;
  last: string;
  /** When it was there, and when its rows were visible in SQL: milliseconds since 1970. */
  written: number;
  visible?: number;
}

/** Milliseconds from one hop to the next. */
export interface Course {
  received: number;
  streamed: number;
  written: number;
  visible: number;
  /** From the trade's time to its row's being visible. */
  whole: number;
}

/**
 * Where each tick was when. Times are all of this machine's clock: the trade's and the feed's are in the record, the arrival
 * is the stream's own, an object is there when its PutObject was answered, and a row is visible when another connection has
 * first seen the ledger's line of the same transaction.
 */
export class Courses {
  readonly ticks: StreamedTick[] = [];
  readonly #lab: StocksLab;
  readonly #stream: StreamRecords;
  readonly #consumers: { trend: string; load: string };
  readonly #isNoOp: boolean;
  readonly #objects = new Map<string, RowsObject>();
  /** By load of the ledger, or by manifest of the function that does nothing: when it was seen first. */
  readonly #loads = new Map<string, number>();
  readonly #told = new Set<string>();

  /** @param isNoOp the consumers are those of stocks-no-op.ts */
  constructor(lab: StocksLab, isNoOp: boolean) {
    const { laptop, lab: deployed } = lab;
    this.#lab = lab;
    this.#isNoOp = isNoOp;
    this.#stream = new StreamRecords(laptop, deployed);
    this.#consumers = consumersOf(deployed.assembly.template);
  }

  close(): void {
    this.#stream.close();
  }

  /** Looks at what became visible; often, since it is seen no earlier. */
  async look(): Promise<void> {
    if (this.#isNoOp) return; // the proxy's log tells later, and exactly
    const loads = await this.#lab.query<{ load_id: string }>('SELECT load_id FROM stocks.load_ledger');
    const now = Date.now();
    for (const { load_id: load } of loads) if (!this.#loads.has(load)) this.#loads.set(load, now);
  }

  /** Takes over from the proxy's log, which keeps the last ten thousand calls, which objects were written. */
  collect(): void {
    for (const [role, logicalId] of Object.entries(this.#consumers)) {
      const caller = `${this.#lab.lab.stack}/${logicalId}`;
      const calls = this.#lab.laptop.proxy.log.entries({ caller, service: 's3', operation: 'PutObject' });
      for (const { at, durationMs, resource, status } of calls) {
        if (status !== 200) continue;
        const key = resource.slice(resource.indexOf('/') + 1);
        const parsed = parseKey(key);
        const written = at + durationMs;
        if (role === 'trend' && parsed.kind === 'rows' && !this.#objects.has(key))
          this.#objects.set(key, { ...parsed, written });
        if (role === 'load' && this.#isNoOp && !this.#loads.has(key)) this.#loads.set(key, written);
      }
    }
  }

  /** Reads what came to the stream since, and which loads had which objects; for when nothing is measured. */
  async settle(): Promise<void> {
    this.collect();
    await this.#readStream();
    if (this.#isNoOp) await this.#readManifests();
    else await this.#readLedger();
  }

  /** Ticks that no visible object covers. */
  pending(): number {
    return this.ticks.length - this.#covered(({ visible }) => visible !== undefined);
  }

  /** The courses of ticks whose rows are visible. @param from, to: nanoseconds, of the trades */
  courses(from: bigint, to: bigint): Course[] {
    const found: Course[] = [];
    this.#covered((object, tick) => {
      if (object.visible === undefined) return false;
      if (tick.at >= from && tick.at < to) found.push(courseOf(tick, object as Required<RowsObject>));
      return true;
    });
    return found;
  }

  #covered(counts: (object: RowsObject, tick: StreamedTick) => boolean): number {
    return cover(this.ticks, [...this.#objects.values()], counts);
  }

  async #readStream(): Promise<void> {
    for await (const { shard, sequence, arrived, data } of this.#stream.read()) {
      const record = readTickRecord(data);
      if (record.kind !== 'trade') continue;
      this.ticks.push({ shard, sequence, at: record.trade.at, received: record.feed.received, arrived });
    }
  }

  async #readLedger(): Promise<void> {
    const rows = await this.#lab.query<{ object_key: string; load_id: string }>(
      'SELECT object_key, load_id FROM stocks.object_ledger',
    );
    for (const { object_key: key, load_id: load } of rows) this.#see(key, this.#loads.get(load));
  }

  async #readManifests(): Promise<void> {
    const Bucket = this.#lab.output('ArchiveBucketName');
    for (const [manifest, at] of this.#loads) {
      if (this.#told.has(manifest)) continue;
      const { Body } = await this.#lab.s3.send(new GetObjectCommand({ Bucket, Key: manifest }));
      for (const key of JSON.parse((await Body?.transformToString()) ?? '[]') as string[]) this.#see(key, at);
      this.#told.add(manifest);
    }
  }

  #see(key: string, at: number | undefined): void {
    const object = this.#objects.get(key);
    if (object && at !== undefined) object.visible ??= at;
  }
}

/**
 * Finds for each tick the objects that cover its sequence number, the first one written first, until one counts.
 *
 * @returns for how many ticks one did
 */
export function cover(
  ticks: readonly StreamedTick[],
  objects: readonly RowsObject[],
  counts: (object: RowsObject, tick: StreamedTick) => boolean,
): number {
  const byShard = new Map<string, Shard>();
  for (const object of [...objects].sort((a, b) => compareSequences(a.first, b.first))) {
    const shard = byShard.get(object.shard) ?? { objects: [], reach: [] };
    const before = shard.reach.at(-1);
    shard.objects.push(object);
    shard.reach.push(before && compareSequences(before, object.last) > 0 ? before : object.last);
    byShard.set(object.shard, shard);
  }
  let covered = 0;
  for (const tick of ticks) {
    const { objects: of, reach } = byShard.get(tick.shard) ?? { objects: [], reach: [] };
    const those: RowsObject[] = [];
    // Back from the last object that begins before the tick, for as long as one reaches up to it.
    for (let index = after(of, tick.sequence) - 1; index >= 0; index -= 1) {
      if (compareSequences(reach[index] as string, tick.sequence) < 0) break;
      const object = of[index] as RowsObject;
      if (compareSequences(tick.sequence, object.last) <= 0) those.push(object);
    }
    those.sort((a, b) => a.written - b.written);
    if (those.some((object) => counts(object, tick))) covered += 1;
  }
  return covered;
}

interface Shard {
  /** By their first sequence number. */
  objects: RowsObject[];
  /** The highest last sequence number up to each of them. */
  reach: string[];
}

/** How many objects begin at or before a sequence number, by halving. */
function after(objects: readonly RowsObject[], sequence: string): number {
  let low = 0;
  let high = objects.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareSequences((objects[middle] as RowsObject).first, sequence) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function courseOf(
  { at, received, arrived }: StreamedTick,
  { written, visible }: Required<RowsObject>,
): Course {
  const [tradedMs, receivedMs] = [Number(at) / 1e6, Number(received) / 1e6];
  return {
    received: receivedMs - tradedMs,
    streamed: arrived - receivedMs,
    written: written - arrived,
    visible: visible - written,
    whole: visible - tradedMs,
  };
}
