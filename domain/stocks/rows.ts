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
 * The change is rounded to six digits after the point, as prices are (COPY would cut, not round), the other statistics to nine:
 * what floating point adds behind them says nothing, and would be most of the bytes.
 */
export function rowsCsv(rows: readonly TrendRow[]): string {
  let csv = rowsHeader;
  for (const row of rows) csv += rowLine(row);
  return csv;
}

export function rowLine({ trade, feed, statistics }: TrendRow): string {
  return (
    `${trade.symbol},${trade.venue},${trade.tradingDay},${trade.tradeId},${trade.at},${trade.price},${trade.size},` +
    `${statistics.trend},${statistics.score ?? ''},${rounded(statistics.change, 1e6)},` +
    `${rounded(statistics.changePercent, 1e9)},${rounded(statistics.simpleReturn, 1e9)},` +
    `${rounded(statistics.volatility, 1e9)},${rounded(statistics.vwap, 1e9)},${rounded(statistics.ticksPerSecond, 1e9)},` +
    `${feed.source},${feed.token},${feed.received},${ruleVersion}\n`
  );
}

function rounded(value: number | null, scale: number): number | '' {
  // A value so large that it would lose digits by the scale has none behind the point.
  return value === null ? '' : Math.abs(value) < 2 ** 53 / scale ? Math.round(value * scale) / scale : value;
}
