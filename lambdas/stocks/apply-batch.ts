import { LabError } from '../../domain/errors.ts';
import type { TradingDays } from '../../domain/stocks/keys.ts';
import { RowsWriter } from '../../domain/stocks/rows.ts';
import { scanTick } from '../../domain/stocks/scan-tick.ts';
import { compareSequences } from '../../domain/stocks/sequence.ts';
import { type Tick, tickOf } from '../../domain/stocks/tick.ts';
import { readTickRecord } from '../../domain/stocks/tick-record.ts';
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

/** A batch after reading; `ticks` has undefined for each record that is no trade, or cannot be read. */
interface ReadBatch {
  ticks: (Tick | undefined)[];
  poison: Poison[];
  symbols: Set<string>;
  trades: number;
  /** Of all trades, those that give no row too: the same whichever attempt at the batch this is. */
  days: TradingDays | undefined;
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
  const { csv, advances, counts } = applyTrades(records, batch, known, warmTrendsOf(to.states));

  const durable = batch.poison.map((each) => to.objects.setAside(each));
  if (batch.days && counts.rows > 0)
    durable.push(to.objects.putRows(spanOf(records, batch.trades, batch.days), csv));
  await allDone(durable);
  await to.states.advance(advances);

  const { poison, gaps, corrections } = batch;
  return { ...counts, setAside: poison.length, gaps, corrections };
}

function readAll(records: readonly BatchRecord[]): ReadBatch {
  const batch: ReadBatch = {
    ticks: [],
    poison: [],
    symbols: new Set(),
    trades: 0,
    days: undefined,
    gaps: 0,
    corrections: 0,
  };
  for (const record of records) {
    const tick = scanTick(record.data) ?? readSlowly(record, batch);
    batch.ticks.push(tick);
    if (!tick) continue;
    batch.trades += 1;
    batch.days = withDay(batch.days, tick.tradingDay);
    batch.symbols.add(tick.symbol);
  }
  return batch;
}

/** A batch is of one day but around midnight, and where trades come late: then nothing is made. */
function withDay(days: TradingDays | undefined, day: string): TradingDays {
  if (!days) return { from: day, to: day };
  if (day < days.from) return { from: day, to: days.to };
  if (day > days.to) return { from: days.from, to: day };
  return days;
}

/** Counts what is no trade, and sets aside what cannot be read. */
function readSlowly(record: BatchRecord, batch: ReadBatch): Tick | undefined {
  try {
    const read = readTickRecord(record.data);
    if (read.kind === 'trade') return tickOf(read.trade, read.feed);
    if (read.kind === 'gap') batch.gaps += 1;
    else batch.corrections += 1;
  } catch (error) {
    // Not only errors of the table: whatever a record does to its reader, it must not hold up its shard.
    const { name: code, message } = error as Error;
    const reason = error instanceof LabError ? error.value : message;
    const { shard, sequence, arrived, data: payload } = record;
    batch.poison.push({ shard, sequence, arrived, payload, code, reason });
  }
  return undefined;
}

/**
 * The trends of a process by their table, kept from batch to batch: one whose state is through the record that the table
 * says needs no unpacking of that state. An attempt that failed left its trends ahead of the table, or another process left
 * them behind: such a trend is not taken.
 */
const warmTrends = new WeakMap<States, Map<string, SymbolTrend>>();

function warmTrendsOf(states: States): Map<string, SymbolTrend> {
  const known = warmTrends.get(states) ?? new Map<string, SymbolTrend>();
  warmTrends.set(states, known);
  return known;
}

/** The rule, for each symbol in the order of its records. Rows are written as they come: none is kept in memory. */
function applyTrades(
  records: readonly BatchRecord[],
  { ticks, trades }: ReadBatch,
  known: ReadonlyMap<string, SymbolState>,
  warm: Map<string, SymbolTrend>,
) {
  const csv = new RowsWriter(trades);
  const changed = new Map<string, SymbolTrend>();
  const counts = { ticks: 0, rows: 0, late: 0, duplicates: 0 };
  for (let index = 0; index < ticks.length; index++) {
    const tick = ticks[index];
    if (!tick) continue;
    const { sequence } = records[index] as BatchRecord;
    let trend = changed.get(tick.symbol);
    if (!trend) {
      const state = known.get(tick.symbol);
      // Records come in order: after the first that is applied, none is left out.
      if (state && compareSequences(sequence, state.through) <= 0) continue;
      const kept = warm.get(tick.symbol);
      trend = state && kept?.through === state.through ? kept : new SymbolTrend(tick.symbol, state);
      warm.set(tick.symbol, trend);
      changed.set(tick.symbol, trend);
    }
    const { outcome, statistics } = trend.applyTick(tick, sequence);
    counts.ticks += 1;
    if (outcome === 'duplicate') {
      counts.duplicates += 1;
      continue;
    }
    if (outcome === 'late') counts.late += 1;
    csv.add(tick, statistics);
    counts.rows += 1;
  }
  const advances = [...changed].map(
    ([symbol, trend]): Advance => ({ state: trend.state(), before: known.get(symbol)?.through }),
  );
  return { csv: csv.text(), advances, counts };
}

function spanOf(records: readonly BatchRecord[], trades: number, days: TradingDays): BatchSpan {
  const first = records[0] as BatchRecord;
  const last = records.at(-1) as BatchRecord;
  return {
    shard: first.shard,
    first: first.sequence,
    last: last.sequence,
    arrived: first.arrived,
    trades,
    days,
  };
}

/** Waits for all, then throws the first failure. */
async function allDone(work: Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
}
