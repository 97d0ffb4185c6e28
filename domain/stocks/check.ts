import { rowsCsv } from './rows.ts';
import { parseTrade } from './trade.ts';
import { SymbolTrend } from './trend.ts';

/** A rows object of one row, of a trade that nobody made: for a check, of which nothing stays. */
export function checkedRows(): string {
  const trade = parseTrade({ S: 'AAPL', x: 'D', i: 0, p: 1, s: 1, t: '1970-01-02T00:00:00Z' });
  const { statistics } = new SymbolTrend(trade.symbol).apply(trade, '0');
  if (!statistics) throw new Error('the first trade of a symbol has a trend');
  return rowsCsv([{ trade, statistics, feed: { token: 0, received: trade.at, source: 'stream' } }]);
}
