import { LabError } from '../../domain/errors.ts';
import type { TrendRow } from '../../domain/stocks/rows.ts';
import { compareSequences } from '../../domain/stocks/sequence.ts';
import { readTickRecord, type TickRecord } from '../../domain/stocks/tick-record.ts';
import { type SymbolState, SymbolTrend } from '../../domain/stocks/trend.ts';
import type { BatchObjects, BatchSpan, Poison } from './batch-objects.ts';
import type { Advance, States } from './state-table.ts';

/** One record of a batch. */
export interface BatchRecord {
  shard: string;
  sequence: string;
  /** Epoch milliseconds. */
  arrived: number;
  data: Uint8Array;
}

/** What became of the records of a batch; those that an earlier attempt applied are not counted again. */
export interface BatchCounts {
  /** Trades that were applied now: rows, and duplicates. */
  ticks: number;
  rows: number;
  late: number;
  duplicates: number;
  setAside: number;
  gaps: number;
  /** Corrections and cancels. */
  corrections: number;
}

type Readable = BatchRecord & { read: TickRecord };

/**
 * Applies one batch of one shard: rows and what cannot be read become durable first, the states after them, each on its
 * own condition. Whatever throws, at whatever point: the batch may come again, whole or in parts, and in the end each trade
 * gave the same row as if nothing had happened, maybe in more than one object.
 *
 * A record up to a state's `through` gives no row: the attempt that advanced the state had put its row into an object.
 */
export async function applyBatch(
  records: readonly BatchRecord[],
  to: { states: States; objects: BatchObjects },
): Promise<BatchCounts> {
  const { readable, poison } = readAll(records);
  const trades = readable.filter(({ read }) => read.kind === 'trade');
  const known = await to.states.read(symbolsOf(trades));
  const { rows, advances, counts } = applyTrades(trades, known);

  const durable = poison.map((each) => to.objects.setAside(each));
  if (rows.length > 0) durable.push(to.objects.putRows(spanOf(records, trades.length), rows));
  await allDone(durable);
  await to.states.advance(advances);

  const ofKind = (kind: TickRecord['kind']) => readable.filter(({ read }) => read.kind === kind).length;
  return { ...counts, setAside: poison.length, gaps: ofKind('gap'), corrections: ofKind('other') };
}

function readAll(records: readonly BatchRecord[]): { readable: Readable[]; poison: Poison[] } {
  const readable: Readable[] = [];
  const poison: Poison[] = [];
  for (const record of records) {
    try {
      readable.push({ ...record, read: readTickRecord(record.data) });
    } catch (error) {
      // Not only errors of the table: whatever a record does to its reader, it must not hold up its shard.
      const { name: code, message } = error as Error;
      const reason = error instanceof LabError ? error.value : message;
      poison.push({ ...record, payload: record.data, code, reason });
    }
  }
  return { readable, poison };
}

const symbolsOf = (trades: readonly Readable[]) => [
  ...new Set(trades.map(({ read }) => (read.kind === 'trade' ? read.trade.symbol : ''))),
];

/** The rule, for each symbol in the order of its records. Pure. */
function applyTrades(trades: readonly Readable[], known: ReadonlyMap<string, SymbolState>) {
  const rows: TrendRow[] = [];
  const changed = new Map<string, SymbolTrend>();
  const counts = { ticks: 0, rows: 0, late: 0, duplicates: 0 };
  for (const { read, sequence } of trades) {
    if (read.kind !== 'trade') continue;
    const { symbol } = read.trade;
    const state = known.get(symbol);
    if (state && compareSequences(sequence, state.through) <= 0) continue;
    let trend = changed.get(symbol);
    if (!trend) {
      trend = new SymbolTrend(symbol, state);
      changed.set(symbol, trend);
    }
    const { outcome, statistics } = trend.apply(read.trade, sequence);
    counts.ticks += 1;
    if (outcome === 'duplicate') counts.duplicates += 1;
    else rows.push({ trade: read.trade, feed: read.feed, statistics });
    if (outcome === 'late') counts.late += 1;
  }
  counts.rows = rows.length;
  const advances = [...changed].map(
    ([symbol, trend]): Advance => ({ state: trend.state(), before: known.get(symbol)?.through }),
  );
  return { rows, advances, counts };
}

function spanOf(records: readonly BatchRecord[], trades: number): BatchSpan {
  const first = records[0] as BatchRecord;
  const last = records.at(-1) as BatchRecord;
  return {
    shard: first.shard,
    first: first.sequence,
    last: last.sequence,
    arrived: first.arrived,
    trades,
  };
}

/** Waits for all, then throws the first failure. */
async function allDone(work: Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
}
