import fc from 'fast-check';
import { RecentIds, recentIdWindow } from '../../../domain/stocks/recent-ids.ts';
import { readStateItem, stateItem } from '../../../domain/stocks/state-item.ts';
import { type Trade, tradeIdentity } from '../../../domain/stocks/trade.ts';
import {
  applyTrade,
  type Outcome,
  type Statistics,
  type SymbolState,
  SymbolTrend,
} from '../../../domain/stocks/trend.ts';
import { open, sequenceOf, trade, trades } from './trades.ts';

/** All in one go. */
function apply(list: readonly Trade[], from?: SymbolState, first = 0) {
  const trend = new SymbolTrend('AAPL', from);
  const outcomes = list.map((each, index) => trend.apply(each, sequenceOf(first + index)));
  return { outcomes, state: trend.state() };
}

/** Prices one second apart. */
const priced = (...prices: number[]) =>
  prices.map((price, index) =>
    trade({ price, tradeId: String(index), at: open + BigInt(index) * 1_000_000_000n }),
  );
const statisticsOf = (list: readonly Trade[]) =>
  apply(list).outcomes.flatMap(({ statistics }) => statistics ?? []);
const trendsOf = (...prices: number[]) => statisticsOf(priced(...prices)).map(({ trend }) => trend);

describe('the trend', () => {
  it('warms up until there are three previous entries', () => {
    expect(trendsOf(1, 2, 3, 4)).toEqual(['warming-up', 'warming-up', 'warming-up', 'up']);
    expect(trendsOf()).toEqual([]);
  });

  it.each([
    [[10, 10, 10, 11], 3, 'up'],
    [[12, 10, 10, 11], 1, 'up'],
    [[11, 11, 10, 11], 1, 'up'],
    [[12, 11, 10, 11], 0, 'flat'],
    [[11, 11, 11, 11], 0, 'flat'],
    [[12, 12, 10, 11], -1, 'down'],
    [[12, 12, 12, 11], -3, 'down'],
  ])('after %j the score is %d, %s', (prices, score, trend) => {
    expect(statisticsOf(priced(...prices)).at(-1)).toMatchObject({ score, trend });
  });

  it('looks at three entries and no further', () => {
    expect(trendsOf(1000, 10, 10, 10, 11).at(-1)).toBe('up');
  });

  it('says change, percent and return against the entry before', () => {
    expect(statisticsOf(priced(200, 210))).toMatchObject([
      { change: null, changePercent: null, simpleReturn: null, volatility: null, ticksPerSecond: null },
      { change: 10, changePercent: expect.closeTo(5), simpleReturn: expect.closeTo(0.05) },
    ]);
  });

  it('tells ticks a second of a steady stream from the second tick on', () => {
    for (const { ticksPerSecond } of statisticsOf(priced(...Array(200).fill(10))).slice(1))
      expect(ticksPerSecond).toBeCloseTo(1, 1);
  });

  it('forgets a night without ticks within minutes', () => {
    const list = [...priced(1, 2), ...priced(...Array(1200).fill(10))].map((each, index) =>
      index < 2 ? each : trade({ ...each, tradeId: String(index), at: each.at + 57_600_000_000_000n }),
    );
    const rates = statisticsOf(list).map(({ ticksPerSecond }) => ticksPerSecond);
    expect(rates[2]).toBeLessThan(0.02);
    expect(rates[62]).toBeCloseTo(0.5, 1);
    expect(rates.at(-1)).toBeCloseTo(1, 1);
  });

  it('begins the average price anew with the trading day, at midnight in New York', () => {
    const list = [
      trade({ tradeId: '1', price: 10, size: 1, at: open }),
      trade({ tradeId: '2', price: 20, size: 3, at: open + 12n * 3_600_000_000_000n }),
      trade({ tradeId: '3', price: 30, size: 5, at: open + 15n * 3_600_000_000_000n }),
    ];
    expect(statisticsOf(list).map(({ vwap }) => vwap)).toEqual([10, 17.5, 30]);
  });

  it('has no average price while no whole share was traded', () => {
    expect(statisticsOf([trade({ size: 0 })])).toMatchObject([{ vwap: null }]);
  });

  it('a duplicate gives no row and changes nothing but through', () => {
    const before = apply(priced(1, 2, 3));
    const after = apply(priced(1, 2, 3).slice(1, 2), before.state, 3);
    expect(after.outcomes).toEqual([{ outcome: 'duplicate' }]);
    expect(after.state).toEqual({ ...before.state, through: sequenceOf(3) });
  });

  it('a late tick has a row without statistics and changes no state but the window', () => {
    const before = apply(priced(1, 2, 3));
    const late = trade({ tradeId: '99', price: 99, at: open + 1n });
    const after = apply([late], before.state, 3);
    expect(after.outcomes[0]?.outcome).toBe('late');
    const said = Object.values(after.outcomes[0]?.statistics ?? {});
    expect([said.length, new Set(said)]).toEqual([8, new Set(['late', null])]);
    const recent = new RecentIds(before.state.recent);
    recent.add('D', late.tradingDay, 99);
    expect(after.state).toEqual({ ...before.state, through: sequenceOf(3), recent: recent.pack() });
    expect(apply([late], after.state, 4).outcomes).toEqual([{ outcome: 'duplicate' }]);
  });

  it('a tick at the very time of the newest is not late', () => {
    expect(apply([trade({ tradeId: '1' }), trade({ tradeId: '2' })]).outcomes[1]?.outcome).toBe('tick');
  });

  it('the same id on another venue or another day is another tick', () => {
    const list = [
      trade(),
      trade({ venue: 'Q' }),
      trade({ at: open + 86_400_000_000_000n }),
      trade({ venue: 'Q', at: open + 86_400_000_000_000n }),
    ];
    expect(apply(list).outcomes.map(({ outcome }) => outcome)).toEqual(Array(4).fill('tick'));
  });

  it('remembers the ids of the last 512 ticks', () => {
    const { state } = apply(priced(...Array(recentIdWindow + 1).fill(10)));
    const again = (tradeId: string) =>
      apply([trade({ tradeId, at: state.at })], state, 1000).outcomes[0]?.outcome;
    expect([again('0'), again('1'), again(String(recentIdWindow))]).toEqual([
      'tick',
      'duplicate',
      'duplicate',
    ]);
  });
});

/** What the statistics mean, from the list of all ticks before. No state, no recursion. */
function naive(before: readonly Trade[], tick: Trade): Statistics {
  const all = [...before, tick];
  const [q1, q2, q3] = before.slice(-3).reverse();
  const score =
    q1 && q2 && q3 ? [q1, q2, q3].reduce((sum, q) => sum + Math.sign(tick.price - q.price), 0) : null;
  const day = all.filter(({ tradingDay }) => tradingDay === tick.tradingDay);
  const volume = day.reduce((sum, { size }) => sum + size, 0);
  const returns = all.slice(1).map(({ price }, index) => price / (all[index] as Trade).price - 1);
  // The weights of an EWMA that begins with its first value: 0.06 * 0.94^age, and the first has the rest.
  const variance = returns.reduce((sum, each, index) => {
    const age = returns.length - 1 - index;
    return sum + (index === 0 ? 0.94 ** age : 0.06 * 0.94 ** age) * each ** 2;
  }, 0);
  const secondsAgo = ({ at }: Trade) => Number(tick.at - at) / 1e9;
  const weight = (seconds: number) => 2 ** (-seconds / 60);
  // 1 - 2^(-s/60), by expm1: after a nanosecond the difference would have no right digit left.
  const exposure = (-60 / Math.LN2) * Math.expm1((-Math.LN2 / 60) * secondsAgo(all[0] as Trade));
  const ticks = all.slice(1).reduce((sum, each) => sum + weight(secondsAgo(each)), 0);
  return {
    trend: score === null ? 'warming-up' : score > 0 ? 'up' : score < 0 ? 'down' : 'flat',
    score,
    change: q1 ? tick.price - q1.price : null,
    changePercent: q1 ? (100 * (tick.price - q1.price)) / q1.price : null,
    simpleReturn: q1 ? (tick.price - q1.price) / q1.price : null,
    volatility: q1 ? Math.sqrt(variance) : null,
    vwap: volume > 0 ? day.reduce((sum, { price, size }) => sum + price * size, 0) / volume : null,
    ticksPerSecond: exposure > 0 ? ticks / exposure : null,
  };
}

/** Equal but for the last digits of floating point. */
function expectClose(actual: Statistics, expected: Statistics): void {
  for (const [name, value] of Object.entries(expected)) {
    const got = actual[name as keyof Statistics];
    if (typeof value !== 'number' || typeof got !== 'number') expect([name, got]).toEqual([name, value]);
    else {
      const error = Math.abs(got - value) / Math.max(1e-6, Math.abs(value));
      expect({ name, got, value, isClose: error < 1e-6 }).toEqual({ name, got, value, isClose: true });
    }
  }
}

describe('any trades', () => {
  it('have the statistics that follow from the list of all ticks before', () => {
    fc.assert(
      fc.property(trades(), (list) => {
        const seen = new Set<string>();
        const ticks: Trade[] = [];
        const { outcomes } = apply(list);
        for (const [index, each] of list.entries()) {
          const { outcome, statistics } = outcomes[index] as Outcome;
          const expected = seen.has(tradeIdentity(each))
            ? 'duplicate'
            : each.at < (ticks.at(-1)?.at ?? 0n)
              ? 'late'
              : 'tick';
          expect(outcome).toBe(expected);
          seen.add(tradeIdentity(each));
          if (outcome !== 'tick') continue;
          expectClose(statistics, naive(ticks, each));
          ticks.push(each);
        }
      }),
    );
  });

  it('have a score from -3 to 3 whose sign is the trend', () => {
    fc.assert(
      fc.property(trades(), (list) => {
        for (const { score, trend } of statisticsOf(list)) {
          if (score === null) expect(['warming-up', 'late']).toContain(trend);
          else expect(['down', 'flat', 'up'].indexOf(trend) - 1).toBe(Math.sign(score));
          expect([null, -3, -2, -1, 0, 1, 2, 3]).toContain(score);
        }
      }),
    );
  });

  it('give the same rows and the same state in one go and in batches, each from the stored state', () => {
    fc.assert(
      fc.property(trades(), fc.array(fc.nat({ max: 20 }), { maxLength: 8 }), (list, lengths) => {
        const outcomes: Outcome[] = [];
        let state: SymbolState | undefined;
        let from = 0;
        for (const length of [...lengths, list.length]) {
          const batch = list.slice(from, from + length);
          if (batch.length === 0) continue;
          const applied = apply(batch, state, from);
          outcomes.push(...applied.outcomes);
          state = readStateItem(stateItem(applied.state));
          from += batch.length;
        }
        const whole = apply(list);
        expect(outcomes).toEqual(whole.outcomes);
        if (list.length > 0) expect(state).toEqual(whole.state);
      }),
    );
  });

  it('applied one by one give the same', () => {
    fc.assert(
      fc.property(trades(20), (list) => {
        const whole = apply(list);
        let state: SymbolState | undefined;
        for (const [index, each] of list.entries()) {
          const before = JSON.stringify(state, text);
          const applied = applyTrade(state, each, sequenceOf(index));
          expect(JSON.stringify(state, text)).toBe(before);
          const { state: after, ...outcome } = applied;
          expect(outcome).toEqual(whole.outcomes[index]);
          state = after;
        }
      }),
    );
  });

  it('sent again as a whole give no row and no other state', () => {
    fc.assert(
      fc.property(trades(), (list) => {
        fc.pre(list.length > 0);
        const once = apply(list);
        const twice = apply(list, once.state, list.length);
        expect(new Set(twice.outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['duplicate']));
        expect({ ...twice.state, through: '' }).toEqual({ ...once.state, through: '' });
      }),
    );
  });

  it('have the same statistics whether late ticks come between them or not', () => {
    fc.assert(
      fc.property(trades(), (list) => {
        const { outcomes } = apply(list);
        const inTime = list.filter((_, index) => outcomes[index]?.outcome === 'tick');
        const alone = apply(inTime).outcomes;
        expect(alone).toEqual(outcomes.filter(({ outcome }) => outcome === 'tick'));
      }),
    );
  });
});

const text = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);
