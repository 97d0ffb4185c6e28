import { jest } from '@jest/globals';
import { createProgress } from '../../local/core/progress.ts';
import { openStocksLab, type StocksLab } from '../../local/stocks/lab.ts';
import { ExpectedRows } from '../../local/stocks/rounds/expected.ts';
import { hurry } from '../../local/stocks/rounds/hurry.ts';
import { Rounds } from '../../local/stocks/rounds/round.ts';

/** The small part of `npm run soak -- stocks` that every test run has. */
let stocks: StocksLab;
let rounds: Rounds;
beforeAll(async () => {
  const progress = createProgress({ quiet: true });
  stocks = await openStocksLab({ progress, exchange: { ticksPerSecond: 30 }, change: hurry });
  rounds = new Rounds(stocks);
});
afterAll(async () => {
  rounds?.close();
  await stocks?.close();
});

// What a killed load had in its hands comes again after 25 s, on a machine that may be busy with other tests.
jest.setTimeout(900_000);

// Chosen for what happens in them. 1: a feed and a load are killed while the Data API is away and the table of leases refuses.
// 3: a feed is killed, a socket mute, the history fails, the trend is killed, an answer of the Data API is lost.
it.each([1, 3])(
  'ticks that stream while several faults strike are all there, once, with the trend that the rule gives them (seed %i)',
  async (seed) => {
    const round = await rounds.run(seed, new AbortController().signal);
    expect(round).toMatchObject({ differences: [], lost: 0, twice: 0 });
    expect(round.ticks).toBeGreaterThan(0);
    expect(Object.keys(round.faults).length).toBeGreaterThan(3);
    // A fault waits for what it strikes, so all of them have struck, however slow the machine is.
    expect(Object.entries(round.faults).filter(([, hits]) => hits === 0)).toEqual([]);
  },
);

it('a row that is not as the rule says is found, and one that is missing', async () => {
  const [one, other] = await stocks.query<{ trade_id: string; symbol: string }>(
    "SELECT symbol, trade_id FROM stocks.ticks WHERE trend <> 'late' AND score IS NOT NULL LIMIT 2",
  );
  if (!one || !other) throw new Error('two rounds have left no two rows');
  const of = (row: typeof one) => `WHERE symbol = '${row.symbol}' AND trade_id = ${row.trade_id}`;
  await stocks.query(`UPDATE stocks.ticks SET score = score + 1 ${of(one)}`);
  await stocks.query(`DELETE FROM stocks.ticks ${of(other)}`);
  const expected = new ExpectedRows(stocks);
  try {
    const found = await expected.differences();
    expect(found).toHaveLength(2);
    expect(found).toContainEqual(expect.stringMatching(new RegExp(`^${one.symbol} .*: score is `)));
    expect(found).toContainEqual(expect.stringMatching(new RegExp(`^${other.symbol} .* is not in SQL$`)));
  } finally {
    expected.close();
  }
});
