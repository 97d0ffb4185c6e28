import { setTimeout as sleep } from 'node:timers/promises';
import { openStocksLab, type TestedStocks, trendsByRule, trendsInSql, whole } from './stocks-lab.ts';

/**
 * The stocks lab on a laptop of its own: what is traded arrives, whatever happens between exchange and feed. After each:
 * distinct trades of the exchange = distinct in the raw archive = distinct in SQL + set aside, and nothing twice.
 */
let stocks: TestedStocks;
beforeAll(async () => {
  stocks = await openStocksLab();
  await stocks.subscribedAfter(async () => {
    await stocks.startFeed('feed-1');
    await stocks.startFeed('feed-2');
  });
});
afterAll(() => stocks?.close());

it('every trade of the exchange is in the archive and in SQL, once', async () => {
  for (let round = 0; round < 4; round += 1) {
    stocks.exchange.emit(100);
    await sleep(150);
  }
  expect(await stocks.settled()).toMatchObject(whole(400));
});

it('the trend in SQL is what the rule says of the trades in their order', async () => {
  expect(await trendsInSql(stocks)).toEqual(trendsByRule(stocks));
});

it('a connection that is cut: what was traded meanwhile is filled from the history', async () => {
  const before = stocks.exchange.trades().length;
  await stocks.subscribedAfter(() => {
    stocks.exchange.disconnect('cut');
    stocks.exchange.emit(50);
  });
  stocks.exchange.emit(50);
  expect(await stocks.settled()).toMatchObject(whole(before + 100));
});

it('half a message, and then nothing: its trades are filled from the history', async () => {
  const before = stocks.exchange.trades().length;
  await stocks.subscribedAfter(() => stocks.exchange.halfFrame(20));
  stocks.exchange.emit(10);
  expect(await stocks.settled()).toMatchObject(whole(before + 30));
});

it('trades that come twice are one row, and those that come late are rows that say so', async () => {
  const before = stocks.exchange.trades().length;
  stocks.exchange.emit(40);
  stocks.exchange.duplicate(20);
  await stocks.settled();
  stocks.exchange.outOfOrder(30);
  const counts = await stocks.settled();
  expect(counts).toMatchObject(whole(before + 70));
  expect(counts.repeated).toBeGreaterThanOrEqual(20);
  const [late] = await stocks.query<{ rows: number }>(
    "SELECT COUNT(*)::int AS rows FROM stocks.ticks WHERE trend = 'late'",
  );
  expect(late?.rows).toBeGreaterThan(0);
});

it('an active feed that is killed: the standby takes over its lease and fills what was missed', async () => {
  const before = stocks.exchange.trades().length;
  const active = await stocks.activeFeed();
  await stocks.subscribedAfter(() => {
    process.kill(active.pid, 'SIGKILL');
    stocks.exchange.emit(60);
  });
  stocks.exchange.emit(40);
  expect(await stocks.settled()).toMatchObject(whole(before + 100));
  const tokens = await stocks.query<{ feed_token: string }>('SELECT DISTINCT feed_token FROM stocks.ticks');
  expect(tokens.length).toBeGreaterThan(1);
});

it('what is no trade is set aside whole, and holds up nothing', async () => {
  const before = stocks.exchange.trades().length;
  stocks.exchange.malformed('[{"T":"t","S":"AAPL","p":"no price"}]');
  stocks.exchange.emit(30);
  expect(await stocks.settled(1)).toMatchObject(whole(before + 30, 1));
});
