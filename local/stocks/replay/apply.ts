import { setTimeout as sleep } from 'node:timers/promises';
import { rowsHeader } from '../../../domain/stocks/rows.ts';
import type { SymbolState } from '../../../domain/stocks/trend.ts';
import { applyBatch, type BatchCounts, type BatchRecord } from '../../../lambdas/stocks/apply-batch.ts';
import type { BatchObjects, BatchSpan } from '../../../lambdas/stocks/batch-objects.ts';
import type { Advance, States } from '../../../lambdas/stocks/state-table.ts';
import { type ArchivedRow, readRows } from './archived-row.ts';
import type { ArchivedRecord } from './stream-order.ts';

/** The most records of a call that Lambda allows. How they are cut makes no difference to the rows. */
const batchRecords = 10_000;
/** A replay that keeps time does not stop for less. */
const shortestWaitMs = 10;
/** Stands for the shards of the stream, which the archive does not know. */
const shard = 'archive';

/** The states of a replay: nobody else writes them. */
export class StatesInMemory implements States {
  readonly #states = new Map<string, SymbolState>();

  async read(symbols: readonly string[]): Promise<Map<string, SymbolState>> {
    const read = new Map<string, SymbolState>();
    for (const symbol of symbols) {
      const state = this.#states.get(symbol);
      if (state) read.set(symbol, state);
    }
    return read;
  }

  async advance(advances: readonly Advance[]): Promise<void> {
    for (const { state } of advances) this.#states.set(state.symbol, state);
  }
}

/** What the handler would do with records of the archive, at a pace. */
export interface ReplayOptions {
  objects: BatchObjects;
  /** Nanoseconds: earlier records are applied for the states alone, at once. */
  from: bigint;
  /** Times as fast as the records were received; undefined for as fast as it goes. */
  speed?: number | undefined;
  /** Gets the rows of a batch, those before `from` too, in order. */
  applied: (rows: readonly ArchivedRow[]) => void;
  signal: AbortSignal;
}

/**
 * Applies records by the handler's own code, in batches, with sequence numbers that only rise. Yields after each batch what
 * became of it.
 */
export async function* applyArchived(
  parts: AsyncIterable<readonly ArchivedRecord[]>,
  { objects, from, speed, applied, signal }: ReplayOptions,
): AsyncGenerator<BatchCounts & { received: bigint }> {
  const states = new StatesInMemory();
  const kept = new FromThenOn(objects, from, applied);
  let sequence = 0n;
  let batch: BatchRecord[] = [];
  let received = 0n;
  const flush = async () => {
    const records = batch;
    batch = [];
    return { ...(await applyBatch(records, { states, objects: kept })), received };
  };
  /** When the first record of the time was due, by both clocks. */
  let began: { at: number; received: bigint } | undefined;
  for await (const part of parts) {
    for (const record of part) {
      signal.throwIfAborted();
      if (speed !== undefined && record.received >= from) {
        began ??= { at: performance.now(), received: record.received };
        const wait = began.at + Number(record.received - began.received) / 1e6 / speed - performance.now();
        if (wait >= shortestWaitMs) {
          if (batch.length > 0) yield await flush();
          await sleep(wait, undefined, { signal });
        }
      }
      received = record.received;
      sequence += 1n;
      batch.push({
        shard,
        sequence: String(sequence),
        arrived: Number(record.received / 1_000_000n),
        data: Buffer.from(record.text),
      });
      if (batch.length >= batchRecords) yield await flush();
    }
  }
  if (batch.length > 0) yield await flush();
}

/** Leaves out what was received before the time that is asked for: it is there for the states. */
class FromThenOn implements BatchObjects {
  readonly #objects: BatchObjects;
  readonly #from: bigint;
  readonly #applied: (rows: readonly ArchivedRow[]) => void;

  constructor(objects: BatchObjects, from: bigint, applied: (rows: readonly ArchivedRow[]) => void) {
    this.#objects = objects;
    this.#from = from;
    this.#applied = applied;
  }

  async putRows(span: BatchSpan, csv: string): Promise<void> {
    const rows = readRows(csv, span.first);
    const asked = rows.filter(({ received }) => received >= this.#from);
    const body = asked.length === rows.length ? csv : csvOf(asked);
    if (asked.length > 0) await this.#objects.putRows(span, body);
    this.#applied(rows);
  }

  async setAside(poison: Parameters<BatchObjects['setAside']>[0]): Promise<void> {
    if (BigInt(poison.arrived) * 1_000_000n >= this.#from) await this.#objects.setAside(poison);
  }
}

const csvOf = (rows: readonly ArchivedRow[]) => rowsHeader + rows.map(({ line }) => `${line}\n`).join('');
