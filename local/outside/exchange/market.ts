/** What happens on the exchange: trades of made-up prices, the same for the same seed, calls and clock. */
import { nasdaq100 } from '../../../domain/stocks/symbols.ts';
import { rfc3339 } from '../../../domain/stocks/trade.ts';
import { tradingDayOf } from '../../../domain/stocks/trading-day.ts';
import { type Random, randomOf } from '../random.ts';

/** One trade that happened, whether anybody was told or not. */
export interface ExchangeTrade {
  readonly symbol: string;
  /** Alpaca's letter of the exchange: D is off exchange, Q Nasdaq, N New York. */
  readonly venue: string;
  /** Rises within a venue and trading day. */
  readonly id: number;
  /** US dollars a share, in whole cents. */
  readonly price: number;
  /** Shares. */
  readonly size: number;
  readonly conditions: readonly string[];
  /** C: listed on Nasdaq; A: on the New York Stock Exchange. */
  readonly tape: 'A' | 'C';
  /** Nanoseconds since 1970; rises strictly within a symbol. */
  readonly at: bigint;
  /** True once it was put on a socket. */
  sent: boolean;
  /** What became of it later, as the history tells it. */
  update: 'canceled' | 'incorrect' | undefined;
}

export interface Market {
  /** One more trade, of any symbol or of this one. */
  trade(symbol?: string): ExchangeTrade;
  /** All that happened and is remembered, in its order. */
  trades(): readonly ExchangeTrade[];
  /** A symbol's trades, both ends included, by time; none for a symbol that is not traded here. */
  between(symbol: string, from: bigint, to: bigint): readonly ExchangeTrade[];
  /** What corrects this trade: a new id of the same venue, a cent more. */
  corrected(trade: ExchangeTrade): { id: number; price: number };
}

export interface MarketOptions {
  seed: number;
  symbols: readonly string[];
  /** Nanoseconds since 1970. */
  now: () => bigint;
  /** At least so many of the last trades are remembered. */
  keepTrades: number;
}

/** How often a trade is of which venue, roughly as in the market: off exchange most of all. */
const venues = ['D', 'D', 'D', 'D', 'Q', 'Q', 'N', 'P', 'P', 'K', 'Z', 'V'] as const;

/** The ids of off-exchange trades have 14 digits, those of exchanges begin at 1 each day. */
const firstId = (venue: string): number => (venue === 'D' ? 52_983_525_000_001 : 1);

/** Cents by which a price moves: as often up as down, and now and then not at all. */
const steps = [-3, -2, -1, -1, 0, 0, 1, 1, 2, 3] as const;

interface Listing {
  random: Random;
  tape: 'A' | 'C';
  cents: number;
  lastAt: bigint;
  trades: ExchangeTrade[];
}

export function openMarket({ seed, symbols, now, keepTrades }: MarketOptions): Market {
  const order = randomOf(seed, 'order of symbols');
  const listings = new Map(symbols.map((symbol) => [symbol, listed(seed, symbol)]));
  const ids = new Map<string, { day: string; next: number }>();
  let all: ExchangeTrade[] = [];

  const nextId = (venue: string, day: string, random: Random): number => {
    const known = ids.get(venue);
    // Not every id of a venue is of one of our symbols: there are gaps between them.
    const id = known?.day === day ? known.next : firstId(venue);
    ids.set(venue, { day, next: id + random.integer(1, 3) });
    return id;
  };

  // As many again before any is dropped: dropping one by one would move all the rest each time.
  const forget = (): void => {
    if (all.length < 2 * keepTrades) return;
    all = all.slice(-keepTrades);
    for (const listing of listings.values()) listing.trades = [];
    for (const trade of all) listings.get(trade.symbol)?.trades.push(trade);
  };

  return {
    trade: (symbol = order.pick(symbols)) => {
      const listing = listings.get(symbol);
      if (listing === undefined) throw new RangeError(`not traded here: ${symbol}`);
      const { random, tape } = listing;
      const clock = now();
      const at = clock > listing.lastAt ? clock : listing.lastAt + 1n;
      // A price that would fall below a dollar is thrown back as far as it fell.
      listing.cents = Math.abs(listing.cents + random.pick(steps) - 100) + 100;
      const venue = random.pick(venues);
      const size = random.chance(0.5) ? random.integer(1, 99) : 100 * random.integer(1, 20);
      const trade: ExchangeTrade = {
        symbol,
        venue,
        id: nextId(venue, tradingDayOf(at), random),
        price: listing.cents / 100,
        size,
        conditions: conditionsOf(tape, size, random.chance(0.3)),
        tape,
        at,
        sent: false,
        update: undefined,
      };
      listing.lastAt = at;
      listing.trades.push(trade);
      all.push(trade);
      forget();
      return trade;
    },
    trades: () => all,
    between: (symbol, from, to) => {
      const trades = listings.get(symbol)?.trades ?? [];
      return trades.slice(firstAtOrAfter(trades, from), firstAtOrAfter(trades, to + 1n));
    },
    corrected: ({ symbol, venue, at, price }) => {
      const { random } = listings.get(symbol) as Listing;
      return { id: nextId(venue, tradingDayOf(at), random), price: (Math.round(price * 100) + 1) / 100 };
    },
  };
}

function listed(seed: number, symbol: string): Listing {
  const random = randomOf(seed, symbol);
  return {
    random,
    tape: nasdaq100.includes(symbol) ? 'C' : 'A',
    cents: random.integer(2_000, 50_000),
    lastAt: 0n,
    trades: [],
  };
}

/** The lists are few, and shared by all trades: a run makes millions of trades. */
const conditionLists = new Map<string, readonly string[]>();

/** Regular sale, intermarket sweep, odd lot: docs.alpaca.markets, stocks/meta/conditions. The tapes write the first differently. */
function conditionsOf(tape: 'A' | 'C', size: number, sweep: boolean): readonly string[] {
  const letters = `${tape === 'C' ? '@' : ' '}${sweep ? 'F' : ''}${size < 100 ? 'I' : ''}`;
  const known = conditionLists.get(letters) ?? [...letters];
  conditionLists.set(letters, known);
  return known;
}

/** Index of the first trade of this time or later, by halving. */
function firstAtOrAfter(trades: readonly ExchangeTrade[], at: bigint): number {
  let low = 0;
  let high = trades.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((trades[middle] as ExchangeTrade).at < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Alpaca drops zeros at the end of a fraction: `…:42.83540958Z`, `…:42Z`. */
export const providerTime = (at: bigint): string => rfc3339(at).replace(/\.?0*Z$/, 'Z');

/** A trade as the stream tells it. */
export const streamText = ({ symbol, id, venue, price, size, conditions, tape, at }: ExchangeTrade): string =>
  `{"T":"t","S":"${symbol}","i":${id},"x":"${venue}","p":${price},"s":${size},"c":${JSON.stringify(conditions)},"z":"${tape}","t":"${providerTime(at)}"}`;

/** The same trade as the history tells it: other order, neither type nor symbol. */
export const historyText = ({
  id,
  venue,
  price,
  size,
  conditions,
  tape,
  at,
  update,
}: ExchangeTrade): string =>
  `{"t":"${providerTime(at)}","x":"${venue}","p":${price},"s":${size},"c":${JSON.stringify(conditions)},"i":${id},"z":"${tape}"${update ? `,"u":"${update}"` : ''}}`;

export const cancelText = ({ symbol, id, venue, price, size, tape, at }: ExchangeTrade): string =>
  `{"T":"x","S":"${symbol}","i":${id},"x":"${venue}","p":${price},"s":${size},"a":"C","z":"${tape}","t":"${providerTime(at)}"}`;

export function correctionText(trade: ExchangeTrade, corrected: { id: number; price: number }): string {
  const { symbol, id, venue, price, size, tape, at } = trade;
  const conditions = JSON.stringify(trade.conditions);
  return `{"T":"c","S":"${symbol}","x":"${venue}","oi":${id},"op":${price},"os":${size},"oc":${conditions},"ci":${corrected.id},"cp":${corrected.price},"cs":${size},"cc":${conditions},"z":"${tape}","t":"${providerTime(at)}"}`;
}
