import { LabError } from '../errors.ts';
import { nanoseconds } from './instant.ts';
import { tradingDayOf } from './trading-day.ts';

export { nanoseconds, rfc3339 } from './instant.ts';

/** One trade as the provider reported it; what {@link tradeIdentity} tells apart happened once. */
export interface Trade {
  symbol: string;
  /** The exchange's letter: docs.alpaca.markets, Real-time Stock Data, exchange codes. */
  venue: string;
  /** Unique for one symbol, venue and day; a whole number of up to 53 bits. */
  tradeId: string;
  /** US dollars a share, rounded to six digits after the point, which is what SQL holds. */
  price: number;
  /** Shares, rounded likewise; 0 for a fraction of one that the venue rounds down. */
  size: number;
  /** Nanoseconds since 1970. */
  at: bigint;
  /** The date in New York of `at`, `YYYY-MM-DD`. */
  tradingDay: string;
}

/** `AAPL|D|2026-11-20|96921` */
export const tradeIdentity = (trade: Trade): string => `${trade.symbol}|${tradeId(trade)}`;

/** The identity within its symbol, `D|2026-11-20|96921`. */
export const tradeId = (trade: Trade): string => `${trade.venue}|${trade.tradingDay}|${trade.tradeId}`;

/** A price or a size above would lose its sixth digit: 2 ** 53 / 1e6, rounded down. */
const largest = 9e9;

/**
 * Reads a trade of Alpaca's market data v2, of the stream (`T` is "t") or of the history (no `T`; the feed added `S`):
 * docs.alpaca.markets, Real-time Stock Data and Historical trades.
 *
 * @throws TradeInvalid with the field that is wrong. An id of more than 53 bits is one: read as a number, two of them could
 * become the same
 */
export function parseTrade(trade: unknown): Trade {
  if (typeof trade !== 'object' || trade === null || Array.isArray(trade)) throw wrong('trade', trade);
  const { T, S, x, i, p, s, t } = trade as Record<string, unknown>;
  if (T !== undefined && T !== 't') throw wrong('T', T);
  if (typeof S !== 'string' || !/^[A-Z][A-Z0-9.]{0,11}$/.test(S)) throw wrong('S', S);
  if (typeof x !== 'string' || !/^[A-Za-z0-9]{1,4}$/.test(x)) throw wrong('x', x);
  if (!Number.isSafeInteger(i) || (i as number) < 0) throw wrong('i', i);
  const price = typeof p === 'number' ? sixDigits(p) : Number.NaN;
  if (!(price > 0 && price <= largest)) throw wrong('p', p);
  const size = typeof s === 'number' ? sixDigits(s) : Number.NaN;
  if (!(size >= 0 && size <= largest)) throw wrong('s', s);
  if (typeof t !== 'string') throw wrong('t', t);
  const at = nanoseconds(t);
  return { symbol: S, venue: x, tradeId: String(i), price, size, at, tradingDay: tradingDayOf(at) };
}

const sixDigits = (value: number) => Math.round(value * 1e6) / 1e6;

const wrong = (field: string, value: unknown) =>
  new LabError(
    'TradeInvalid',
    `${field} is ${value === undefined ? 'missing' : JSON.stringify(value)?.slice(0, 200)}`,
  );
