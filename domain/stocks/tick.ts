import { nanosecondsPerSecond } from './instant.ts';
import type { Feed } from './tick-record.ts';
import type { Trade } from './trade.ts';

/**
 * A trade and the feed of its record, as the handler has them between reading and writing: each time is two numbers, since a
 * BigInt a tick takes longer than the rule. `Trade` and `Feed` are what the rest of the program sees.
 */
export interface Tick {
  symbol: string;
  venue: string;
  /** `YYYY-MM-DD`, in New York. */
  tradingDay: string;
  /** A whole number of up to 53 bits. */
  id: number;
  /** US dollars a share, and shares, at most six digits after the point. */
  price: number;
  size: number;
  /** Since 1970; and the nanoseconds of that second. */
  seconds: number;
  nanoseconds: number;
  token: number;
  source: Feed['source'];
  receivedSeconds: number;
  receivedNanoseconds: number;
}

export function tickOf(trade: Trade, feed: Feed): Tick {
  const { symbol, venue, tradingDay, tradeId, price, size, at } = trade;
  const { token, source, received } = feed;
  return {
    symbol,
    venue,
    tradingDay,
    id: Number(tradeId),
    price,
    size,
    seconds: Number(at / nanosecondsPerSecond),
    nanoseconds: Number(at % nanosecondsPerSecond),
    token,
    source,
    receivedSeconds: Number(received / nanosecondsPerSecond),
    receivedNanoseconds: Number(received % nanosecondsPerSecond),
  };
}
