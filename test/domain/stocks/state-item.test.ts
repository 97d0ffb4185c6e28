import fc from 'fast-check';
import { RecentIds, recentIdWindow } from '../../../domain/stocks/recent-ids.ts';
import { compareSequences } from '../../../domain/stocks/sequence.ts';
import { readStateItem, stateItem } from '../../../domain/stocks/state-item.ts';
import { type SymbolState, SymbolTrend } from '../../../domain/stocks/trend.ts';
import { open, sequenceOf, trade } from './trades.ts';

const positive = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map(Math.abs);
const states: fc.Arbitrary<SymbolState> = fc.record({
  symbol: fc.constantFrom('AAPL', 'BRK.B'),
  through: fc.bigInt({ min: 0n, max: 10n ** 56n }).map(String),
  at: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  tradingDay: fc.constantFrom('2026-11-20', '2028-02-29'),
  last: fc.array(positive, { maxLength: 3 }),
  variance: fc.option(positive),
  dayTurnover: positive,
  dayVolume: positive,
  decayedTicks: positive,
  decayedSeconds: positive,
  recent: fc
    .array(fc.tuple(fc.constantFrom('D', 'Q', 'N'), fc.maxSafeNat()), { maxLength: 50 })
    .map((ids) => {
      const recent = new RecentIds();
      for (const [venue, id] of ids) recent.add(venue, '2026-11-20', id);
      return recent.pack();
    }),
});

describe('a state in the table', () => {
  it('is text alone, and read back exactly', () => {
    fc.assert(
      fc.property(states, (state) => {
        for (const attribute of Object.values(stateItem(state))) expect(typeof attribute).toBe('string');
        expect(readStateItem(stateItem(state))).toEqual(state);
      }),
    );
  });

  it('of a symbol that is flat for long is exact, though its variance leaves the numbers that the table has', () => {
    const trend = new SymbolTrend('AAPL');
    for (let index = 0; index < 6000; index++)
      trend.apply(trade({ tradeId: String(index), price: index === 0 ? 199 : 200 }), sequenceOf(index));
    const state = trend.state();
    expect(state.variance).toBeLessThan(1e-130);
    expect(readStateItem(stateItem(state))).toEqual(state);
  });

  it('with a full window is less than three kilobytes: a write is paid by the kilobyte', () => {
    const trend = new SymbolTrend('AAPL');
    for (let index = 0; index < recentIdWindow; index++)
      trend.apply(
        trade({
          venue: 'DQNP'[index % 4] as string,
          tradeId: String(71_675_577_320_000 + 37 * index),
          at: open,
        }),
        sequenceOf(index),
      );
    expect(JSON.stringify(stateItem(trend.state())).length).toBeLessThan(3000);
  });

  it.each([
    [{}],
    [{ symbol: 'AAPL', through: '1' }],
    [{ symbol: 'AAPL', through: '1', state: '{}' }],
    [{ symbol: 'AAPL', through: '1', state: '{', recent: '' }],
    [{ symbol: 'AAPL', through: '1', state: '{"at":"x"}', recent: '' }],
  ])('%j is refused', (item) => {
    expect(() => readStateItem(item)).toThrow(expect.objectContaining({ code: 'StockStateUnreadable' }));
  });
});

it('sequence numbers are compared by value, whatever their length', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 56n }), fc.bigInt({ min: 0n, max: 10n ** 56n }), (a, b) => {
      expect(Math.sign(compareSequences(String(a), String(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
    }),
  );
});
