import fc from 'fast-check';
import type { Feed } from '../../../domain/stocks/tick-record.ts';
import type { Trade } from '../../../domain/stocks/trade.ts';
import { tradingDayOf } from '../../../domain/stocks/trading-day.ts';

/** 2026-11-20T14:30:00Z, the open of a Friday. */
export const open = 1_795_185_000_000_000_000n;

export const feed: Feed = { token: 3, received: open + 4_000_000_000n, source: 'stream' };

/** A trade of AAPL. */
export function trade(fields: Partial<Omit<Trade, 'tradingDay'>> = {}): Trade {
  const at = fields.at ?? open;
  return {
    symbol: 'AAPL',
    venue: 'D',
    tradeId: '1',
    price: 200,
    size: 100,
    ...fields,
    at,
    tradingDay: tradingDayOf(at),
  };
}

const price = fc.integer({ min: 1, max: 400 }).map((hundredths) => 200 + hundredths / 100);

/** Trades of one symbol: with duplicates, late ones, equal times, equal prices, and a night between two days. */
export const trades = (most = 60): fc.Arbitrary<Trade[]> =>
  fc.array(
    fc
      .record({
        venue: fc.constantFrom('D', 'Q'),
        tradeId: fc.nat({ max: most }).map(String),
        price,
        size: fc.oneof(fc.nat({ max: 500 }), fc.constant(0.25)),
        at: fc
          .tuple(fc.constantFrom(0n, 86_400_000_000_000n), fc.bigInt({ min: 0n, max: 300_000_000_000n }))
          .map(([day, ns]) => open + day + ns),
      })
      .map(trade),
    { maxLength: most },
  );

/** Sequence numbers that rise, as many as there are trades. */
export const sequenceOf = (index: number): string => String(49_668_899_999_999_999_999n + BigInt(index) * 7n);
