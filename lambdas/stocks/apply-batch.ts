import { LabError } from '../../domain/errors.ts';
import { rowLine, rowsHeader } from '../../domain/stocks/rows.ts';
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

/** A batch after reading; `reads` has undefined for each record that cannot be read. */
interface ReadBatch {
  reads: (TickRecord | undefined)[];
  poison: Poison[];
  symbols: Set<string>;
  trades: number;
  gaps: number;
  corrections: number;
}

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
  const batch = readAll(records);
  const known = batch.trades > 0 ? await to.states.read([...batch.symbols]) : new Map();
  const { csv, advances, counts } = applyTrades(records, batch, known);

  const durable = batch.poison.map((each) => to.objects.setAside(each));
  if (counts.rows > 0) durable.push(to.objects.putRows(spanOf(records, batch.trades), csv));
  await allDone(durable);
  await to.states.advance(advances);

  const { poison, gaps, corrections } = batch;
  return { ...counts, setAside: poison.length, gaps, corrections };
}

function readAll(records: readonly BatchRecord[]): ReadBatch {
  const batch: ReadBatch = {
    reads: [],
    poison: [],
    symbols: new Set(),
    trades: 0,
    gaps: 0,
    corrections: 0,
  };
  for (const record of records) {
    const read = readOrSetAside(record, batch.poison);
    batch.reads.push(read);
    if (read?.kind === 'trade') {
      batch.trades += 1;
      batch.symbols.add(read.trade.symbol);
    } else if (read?.kind === 'gap') batch.gaps += 1;
    else if (read?.kind === 'other') batch.corrections += 1;
  }
  return batch;
}

function readOrSetAside(record: BatchRecord, poison: Poison[]): TickRecord | undefined {
  try {
    return readTickRecord(record.data);
  } catch (error) {
    // Not only errors of the table: whatever a record does to its reader, it must not hold up its shard.
    const { name: code, message } = error as Error;
    const reason = error instanceof LabError ? error.value : message;
    const { shard, sequence, arrived, data: payload } = record;
    poison.push({ shard, sequence, arrived, payload, code, reason });
    return undefined;
  }
}

/** The rule, for each symbol in the order of its records. Pure. Rows are written as they come: none is kept in memory. */
function applyTrades(
  records: readonly BatchRecord[],
  { reads }: ReadBatch,
  known: ReadonlyMap<string, SymbolState>,
) {
  let csv = rowsHeader;
  const changed = new Map<string, SymbolTrend>();
  const counts = { ticks: 0, rows: 0, late: 0, duplicates: 0 };
  for (const [index, { sequence }] of records.entries()) {
    const read = reads[index];
    if (read?.kind !== 'trade') continue;
    const { trade, feed } = read;
    let trend = changed.get(trade.symbol);
    if (!trend) {
      const state = known.get(trade.symbol);
      // Records come in order: after the first that is applied, none is left out.
      if (state && compareSequences(sequence, state.through) <= 0) continue;
      trend = new SymbolTrend(trade.symbol, state);
      changed.set(trade.symbol, trend);
    }
    const { outcome, statistics } = trend.apply(trade, sequence);
    counts.ticks += 1;
    if (outcome === 'duplicate') {
      counts.duplicates += 1;
      continue;
    }
    if (outcome === 'late') counts.late += 1;
    csv += rowLine({ trade, feed, statistics });
    counts.rows += 1;
  }
  const advances = [...changed].map(
    ([symbol, trend]): Advance => ({ state: trend.state(), before: known.get(symbol)?.through }),
  );
  return { csv, advances, counts };
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
