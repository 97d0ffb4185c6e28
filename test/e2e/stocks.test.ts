import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { parseKey, rawPrefix } from '../../domain/stocks/keys.ts';
import { createProgress } from '../../local/core/progress.ts';
import { replayStocks } from '../../local/stocks/replay.ts';
import { describeReader } from './reader.ts';
import { openStocksLab, type TestedStocks, trendsByRule, trendsInSql, whole } from './stocks-lab.ts';

/**
 * The stocks lab on a laptop of its own: what is traded arrives, whatever happens between exchange and feed. After each:
 * distinct trades of the exchange = distinct in the raw archive = distinct in SQL + set aside, and nothing twice.
 */
let stocks: TestedStocks;
beforeAll(async () => {
  // Nothing is traded while a test waits, however long that is: the socket must not be given up for it.
  stocks = await openStocksLab({}, { muteAfterMs: 3_600_000 });
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

it('the raw archive has records gathered, a line each, compressed, below the hour', async () => {
  const Bucket = stocks.output('ArchiveBucketName');
  const { Contents = [] } = await stocks.s3.send(new ListObjectsV2Command({ Bucket, Prefix: rawPrefix }));
  let records = 0;
  for (const { Key = '' } of Contents) {
    expect(parseKey(Key)).toMatchObject({ kind: 'raw' });
    const { Body } = await stocks.s3.send(new GetObjectCommand({ Bucket, Key }));
    const lines = gunzipSync((await Body?.transformToByteArray()) ?? '').toString();
    expect(lines).toMatch(/^(\{.+\}\n)+$/);
    records += lines.split('\n').length - 1;
  }
  expect(records).toBeGreaterThanOrEqual(400);
  expect(Contents.length).toBeLessThan(records / 2);
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
  await stocks.heard(40);
  stocks.exchange.duplicate(20);
  await stocks.settled();
  stocks.exchange.outOfOrder(30);
  await stocks.repeated(20);
  expect(await stocks.settled()).toMatchObject(whole(before + 70));
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
  await stocks.heard(10);
  stocks.exchange.malformed('[{"T":"t","S":"AAPL","p":"no price"}]');
  stocks.exchange.emit(30);
  expect(await stocks.settled(1)).toMatchObject(whole(before + 40, 1));
});

describe('a replay that is published', () => {
  const begun = Date.now();
  const ticks = () =>
    stocks.query('SELECT * FROM stocks.ticks ORDER BY symbol, venue, trading_day, trade_id');
  /** @returns what the command said */
  async function publish(): Promise<string> {
    let text = '';
    const write = (part: string) => {
      text += part;
    };
    const { laptop, lab } = stocks;
    const code = await replayStocks({
      target: { ...lab, clients: laptop.clients, pathStyle: true },
      request: { from: begun - 60_000, to: Date.now(), publish: true },
      progress: createProgress({ animated: false, stream: { write } }),
      signal: new AbortController().signal,
    });
    expect(code).toBe(0);
    return text;
  }

  it('makes SQL what the rule says, whatever was there, with the same rows; a second time nothing changes', async () => {
    const before = (await ticks()) as { trend: string; trade_id: string }[];
    // As if another version of the rule had written some, and others had been lost.
    await stocks.query(
      "UPDATE stocks.ticks SET trend = 'flat', score = 0, rule_version = '0' WHERE trade_id % 3 = 0",
    );
    await stocks.query('DELETE FROM stocks.ticks WHERE trade_id % 7 = 1');
    const kept = (rows: object[]) =>
      rows.map((row) => ({ ...row, loaded_at: undefined, freshness_ms: undefined }));
    expect(await publish()).toMatch(/SQL: [\d,]+ rows replaced, [\d,]+ added/);
    const published = await ticks();
    expect(kept(published)).toEqual(kept(before));
    expect(await publish()).toContain('nothing was changed');
    expect(await ticks()).toEqual(published);
  });
});

describeReader(
  () => stocks,
  ['stocks.ticks', 'stocks.load_ledger', 'stocks.object_ledger', 'stocks.latest', 'stocks.per_minute'],
);
