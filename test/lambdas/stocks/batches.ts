/** Records of one shard for tests of the trend, and what a run over them left behind. */
import { rowColumns } from '../../../domain/stocks/rows.ts';
import { tickRecordText } from '../../../domain/stocks/tick-record.ts';
import { rfc3339 } from '../../../domain/stocks/trade.ts';
import { applyBatch, type BatchCounts, type BatchRecord } from '../../../lambdas/stocks/apply-batch.ts';
import { ArchivedBatches } from '../../../lambdas/stocks/batch-objects.ts';
import { StateTable } from '../../../lambdas/stocks/state-table.ts';
import { FakeDynamoDb, FakeS3 } from './fakes.ts';

export const shard = 'shardId-000000000003';
const firstSequence = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898n;
/** 2026-11-20T15:00:00Z, epoch milliseconds. */
export const opened = 1_795_186_800_000;

export interface Tick {
  symbol: string;
  id: number;
  price: number;
  /** Milliseconds after `opened`. */
  after: number;
  venue?: string;
}

export const sequenceOf = (index: number): string => String(firstSequence + BigInt(index));

/** A record that arrives the moment it is traded. */
export function record(index: number, data: string): BatchRecord {
  return { shard, sequence: sequenceOf(index), arrived: opened + index, data: Buffer.from(data) };
}

export function tickRecord(index: number, { symbol, id, price, after, venue = 'D' }: Tick): BatchRecord {
  const at = rfc3339(BigInt(opened + after) * 1_000_000n);
  const trade = `{"T":"t","i":${id},"S":"${symbol}","x":"${venue}","p":${price},"s":100,"t":"${at}","c":["@"],"z":"C"}`;
  const received = BigInt(opened + after) * 1_000_000n + 5n;
  return record(index, tickRecordText({ token: 12, received, source: 'stream' }, trade));
}

/** One lab: its archive, its table, and a function that may be called again and again. */
export class Lab {
  readonly s3 = new FakeS3();
  readonly table = new FakeDynamoDb();
  /** Whether one process gets all calls, and not each call a new one. */
  isWarm = false;
  readonly #states = new StateTable(this.table, 'States');

  apply(records: readonly BatchRecord[]): Promise<BatchCounts> {
    return applyBatch(records, {
      states: this.isWarm ? this.#states : new StateTable(this.table, 'States'),
      objects: new ArchivedBatches(this.s3, 'archive'),
    });
  }

  /** As Lambda calls it: again until it succeeds, from the second time on in halves. */
  async deliver(records: readonly BatchRecord[], isHalved: () => boolean): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      if (attempt > 200) throw new Error('never succeeds');
      try {
        await this.apply(records);
        return;
      } catch {
        if (records.length === 1 || !isHalved()) continue;
        const middle = records.length >> 1;
        await this.deliver(records.slice(0, middle), isHalved);
        await this.deliver(records.slice(middle), isHalved);
        return;
      }
    }
  }

  /** The rows in the archive by identity; throws when two copies of one differ in a byte. */
  rows(): Map<string, string> {
    const rows = new Map<string, string>();
    for (const key of this.s3.keys('rows/')) {
      const [header, ...lines] = this.s3.text(key).trimEnd().split('\n');
      if (header !== rowColumns.join(',')) throw new Error(`another header: ${header}`);
      for (const line of lines) {
        const identity = line.split(',').slice(0, 4).join('|');
        if ((rows.get(identity) ?? line) !== line) throw new Error(`${line}\n${rows.get(identity)}`);
        rows.set(identity, line);
      }
    }
    return rows;
  }

  /** All that must be the same however a run went. */
  outcome() {
    const inOrder = <Value>(map: Map<string, Value>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      rows: inOrder(this.rows()),
      states: inOrder(this.table.items),
      setAside: this.s3.keys('set-aside/').map((key) => [key, this.s3.text(key)]),
    };
  }
}
