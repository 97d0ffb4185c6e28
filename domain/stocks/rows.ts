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
  let csv = rowsHeader;
  for (const row of rows) csv += rowLine(row);
  return csv;
}

export function rowLine({ trade, feed, statistics }: TrendRow): string {
  return (
    `${trade.symbol},${trade.venue},${trade.tradingDay},${trade.tradeId},${trade.at},${trade.price},${trade.size},` +
    `${statistics.trend},${statistics.score ?? ''},${six(statistics.change)},` +
    `${six(statistics.changePercent)},${nine(statistics.simpleReturn)},` +
    `${nine(statistics.volatility)},${six(statistics.vwap)},${six(statistics.ticksPerSecond)},` +
    `${feed.source},${feed.token},${feed.received},${ruleVersion}\n`
  );
}

const six = (value: number | null) => rounded(value, 1e6);
const nine = (value: number | null) => rounded(value, 1e9);

function rounded(value: number | null, scale: number): number | '' {
  if (value === null) return '';
  const scaled = Math.round(value * scale);
  // A value as large has no digits behind the point.
  return Number.isSafeInteger(scaled) ? scaled / scale : value;
}
