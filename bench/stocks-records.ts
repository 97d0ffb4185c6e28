import { writeFile } from 'node:fs/promises';
import { symbols } from '../domain/stocks/symbols.ts';
import { tickRecordText } from '../domain/stocks/tick-record.ts';
import { nanoseconds } from '../domain/stocks/trade.ts';
import { openMarket, streamText } from '../local/outside/exchange/market.ts';

/** A Friday at ten in New York. */
const begin = nanoseconds('2026-11-20T15:00:00Z');

/** Nanoseconds from a trade to the feed, as on a quick line. */
const onTheWay = 2_000_000n;

/**
 * Records of the stream, as the feed would make them of the exchange's trades: all symbols, in the order of time.
 *
 * @param ticksPerSecond by the trades' own times
 */
export function tickRecords(o: { seed: number; count: number; ticksPerSecond: number }): string[] {
  let at = begin;
  const step = BigInt(Math.round(1e9 / o.ticksPerSecond));
  const market = openMarket({ seed: o.seed, symbols, now: () => at, keepTrades: 1 });
  return Array.from({ length: o.count }, () => {
    at += step;
    const trade = market.trade();
    return tickRecordText({ token: 1, received: trade.at + onTheWay, source: 'stream' }, streamText(trade));
  });
}

/** One record a line. */
export const writeRecords = (path: string, records: readonly string[]): Promise<void> =>
  writeFile(path, `${records.join('\n')}\n`);
