import { AsciiWriter } from './ascii-writer.ts';
import { type Tick, tickOf } from './tick.ts';
import type { Feed } from './tick-record.ts';
import type { Trade } from './trade.ts';
import { ruleVersion, type Statistics } from './trend.ts';

/** One tick with its trend: one line of a rows object, one row of SQL. */
export interface TrendRow {
  trade: Trade;
  feed: Feed;
  statistics: Statistics;
}

/** The columns of a rows object, in their order: the header, the COPY and the staging table. */
export const rowColumns = [
  'symbol',
  'venue',
  'trading_day',
  'trade_id',
  'at_ns',
  'price',
  'size',
  'trend',
  'score',
  'change',
  'change_percent',
  'simple_return',
  'volatility',
  'vwap',
  'ticks_per_second',
  'source',
  'feed_token',
  'received_ns',
  'rule_version',
] as const;

export const rowsHeader = `${rowColumns.join(',')}\n`;

/**
 * The CSV of a rows object, a header first, LF after each line; null is an empty field. Nothing in it needs quotes: a trade
 * that was read has letters, digits and points only.
 *
 * Statistics are rounded, returns and volatility to nine digits after the point, the others to six, which is what prices
 * have (COPY would cut, not round): what floating point adds behind them says nothing, and would be most of the bytes.
 */
export function rowsCsv(rows: readonly TrendRow[]): string {
  const csv = new RowsWriter(rows.length);
  for (const { trade, feed, statistics } of rows) csv.add(tickOf(trade, feed), statistics);
  return csv.text();
}

/** The same for rows one after the other, none of which is kept. */
export class RowsWriter {
  readonly #csv: AsciiWriter;

  /** @param rows about how many there will be */
  constructor(rows: number) {
    this.#csv = new AsciiWriter((rows + 1) * usualBytes);
    this.#csv.text(rowsHeader);
  }

  add(tick: Tick, statistics: Statistics): void {
    const csv = this.#csv;
    csv.text(tick.symbol);
    csv.byte(comma);
    csv.text(tick.venue);
    csv.byte(comma);
    csv.text(tick.tradingDay);
    csv.byte(comma);
    csv.whole(tick.id);
    csv.byte(comma);
    csv.instant(tick.seconds, tick.nanoseconds);
    csv.byte(comma);
    csv.decimal(tick.price, 6);
    csv.byte(comma);
    csv.decimal(tick.size, 6);
    csv.byte(comma);
    csv.text(statistics.trend);
    csv.byte(comma);
    csv.decimal(statistics.score, 6);
    csv.byte(comma);
    csv.decimal(statistics.change, 6);
    csv.byte(comma);
    csv.decimal(statistics.changePercent, 6);
    csv.byte(comma);
    csv.decimal(statistics.simpleReturn, 9);
    csv.byte(comma);
    csv.decimal(statistics.volatility, 9);
    csv.byte(comma);
    csv.decimal(statistics.vwap, 6);
    csv.byte(comma);
    csv.decimal(statistics.ticksPerSecond, 6);
    csv.byte(comma);
    csv.text(tick.source);
    csv.byte(comma);
    csv.whole(tick.token);
    csv.byte(comma);
    csv.instant(tick.receivedSeconds, tick.receivedNanoseconds);
    csv.text(lineEnd);
  }

  text(): string {
    return this.#csv.toString();
  }
}

/** Of a row; a longer one makes the buffer grow. */
const usualBytes = 192;
const comma = 0x2c;
const lineEnd = `,${ruleVersion}\n`;
