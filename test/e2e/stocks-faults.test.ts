import { setTimeout as sleep } from 'node:timers/promises';
import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { ErrorCode } from '../../domain/errors.ts';
import type { TetheredProcess } from '../../local/core/child-process.ts';
import { callerOf as callerOfFunction } from '../../local/driven-lab.ts';
import { killFunction, logicalIdOf } from '../../local/function-processes.ts';
import { answerLost, internalError, shardThrottled, throttled } from '../../local/proxy/aws-faults.ts';
import type { Fault, FaultEffect, FaultMatch } from '../../local/proxy/faults.ts';
import { kinesisClient } from '../../local/stocks/stream-records.ts';
import { startPartialStream } from './partial-stream.ts';
import { openStocksLab, type TestedStocks, told, trendsByRule, trendsInSql, whole } from './stocks-lab.ts';

/**
 * One fault after the other on one running lab. After each all is counted: distinct trades of the exchange = distinct in the
 * raw archive = distinct in SQL, each record that is no trade is set aside, and nothing is twice. What happens between
 * exchange and feed is in stocks.test.ts.
 */
let stocks: TestedStocks;
const millisecond = 1_000_000n;
const second = 1000n * millisecond;
const ticksPerSecond = 40;
/** How far the exchange's clock is ahead of this machine's, and where it stands still if it does. */
let ahead = 0n;
let standing: bigint | undefined;
const machineNow = () => BigInt(Date.now()) * millisecond;
/** Records that were set aside so far. */
let setAside = 0;

const waitings = (feed: TetheredProcess) => told(feed, 'waits for a login that the provider takes');
/** Since its n-th look it has said nothing but this error, and it still waits. */
async function waits(feed: TetheredProcess, name: ErrorCode, after = 0): Promise<void> {
  await stocks.until(`${name} is waited for`, () => waitings(feed).length >= after + 3);
  for (const { error } of waitings(feed).slice(after)) expect(error).toMatchObject({ name });
}
const ended: string[] = [];
const startFeeds = async (...names: string[]) => {
  for (const name of names) void (await stocks.startFeed(name)).exited.then(() => ended.push(name));
};

beforeAll(async () => {
  stocks = await openStocksLab(
    { exchange: { ticksPerSecond, now: () => standing ?? machineNow() + ahead }, unfilled: true },
    { refusedRetryMs: 500 },
  );
  // As a first deploy is: two tasks, and a secret that nobody has filled in.
  await startFeeds('feed-1', 'feed-2');
  await waits(await stocks.activeFeed(), 'ProviderSecretInvalid');
  await stocks.subscribedAfter(() => stocks.fillIn());
});
afterAll(() => stocks?.close());
afterEach(() => stocks.laptop.proxy.faults.clear());

const add = (match: FaultMatch, effect: FaultEffect): Fault => stocks.laptop.proxy.faults.add(match, effect);
const callerOf = (name: 'Trend' | 'LoadingLoad') => callerOfFunction(stocks, name);

/** Counts all places when all is there: of these trades more than before, none is missing and none twice. */
async function expectWhole(traded: number): Promise<number> {
  const { repeated, ...counts } = await stocks.settled(setAside);
  expect(counts).toEqual(whole(traded, setAside));
  return repeated;
}

/** So many trades, a few at a time. */
async function trade(count: number, everyMs: number): Promise<void> {
  for (let left = count; left > 0; left -= 5) {
    stocks.exchange.emit(Math.min(5, left));
    await sleep(everyMs);
  }
}

const traded = () => stocks.exchange.trades().length;

describe('the clock of the exchange', () => {
  it('passes midnight in UTC while the connection is cut: the trading day stays that of New York', async () => {
    const before = traded();
    const today = machineNow();
    const midnight = today - (today % (86_400n * second));
    standing = midnight - 60n * second;
    stocks.exchange.emit(30);
    await stocks.subscribedAfter(() => {
      stocks.exchange.disconnect('cut');
      standing = midnight - second;
      stocks.exchange.emit(20);
      standing = midnight;
      stocks.exchange.emit(20);
    });
    stocks.exchange.emit(30);
    await expectWhole(before + 100);
    standing = undefined;
    const evening = new Date(Number((midnight - second) / millisecond)).toISOString().slice(0, 10);
    const days = await stocks.query(
      `SELECT trading_day::text AS day, at_ns >= ${midnight} AS after, COUNT(*)::int AS ticks ` +
        'FROM stocks.ticks GROUP BY 1, 2 ORDER BY 2',
    );
    expect(days).toEqual([
      { day: evening, after: false, ticks: 50 },
      { day: evening, after: true, ticks: 50 },
    ]);
  });

  it.each([
    ['ahead of', 40n],
    ['behind', -50n],
  ])('is %s ours: the gap of a connection that is cut is filled all the same', async (_, seconds) => {
    const before = traded();
    ahead = seconds * second;
    stocks.exchange.emit(20);
    await stocks.subscribedAfter(() => {
      stocks.exchange.disconnect('cut');
      stocks.exchange.emit(20);
    });
    stocks.exchange.emit(20);
    await expectWhole(before + 60);
    ahead = 0n;
  });
});

it('a secret that was filled in after both feeds had run for a while: ticks are in SQL, under the lease of the wait', async () => {
  const before = traded();
  stocks.exchange.emit(20);
  await expectWhole(before + 20);
  const active = await stocks.activeFeed();
  expect(waitings(active).length).toBeGreaterThanOrEqual(3);
  const taken = stocks.feeds.flatMap((feed) => told(feed, 'lease taken'));
  expect(taken).toMatchObject([{ token: 1 }]);
  expect(await stocks.query('SELECT DISTINCT feed_token::int AS token FROM stocks.ticks')).toEqual(
    taken.map(({ token }) => ({ token })),
  );
  expect(ended).toEqual([]);
});

it('a socket that is connected and mute is given up, and what it did not tell is filled', async () => {
  const before = traded();
  // The history may have the last twenty before the feed takes them from the stream.
  const muteGaps = () =>
    stocks.feeds
      .flatMap((feed) => told(feed, 'gap filled'))
      .filter(({ reason, filled }) => reason === 'mute' && Number(filled) >= 40);
  const gapsBefore = muteGaps().length; // nothing is traded while a test waits: sockets are given up then too
  await stocks.heard(10);
  await stocks.subscribedAfter(() => {
    stocks.exchange.mute(true);
    stocks.exchange.emit(40);
  });
  stocks.exchange.mute(false);
  stocks.exchange.emit(20);
  await expectWhole(before + 70);
  expect(muteGaps()).toHaveLength(gapsBefore + 1);
});

describe('the stream', () => {
  it('refuses a part of each call: what it refused comes again, in its order', async () => {
    const before = traded();
    const { laptop } = stocks;
    let records = 0;
    const partial = await startPartialStream(laptop.clients, () => {
      records += 1;
      return records % 3 === 0;
    });
    try {
      laptop.proxy.route('kinesis', partial.url);
      await trade(100, 50);
      await expectWhole(before + 100);
      expect(partial.refused).toBeGreaterThan(0);
      expect(partial.takenBeside).toBeGreaterThan(0);
    } finally {
      laptop.proxy.route('kinesis', laptop.endpoint);
      await partial.close();
    }
  });

  it('takes nothing for ten seconds: the feed holds all of it', async () => {
    const before = traded();
    const refusal = add({ service: 'kinesis', operation: 'PutRecords' }, shardThrottled);
    await trade(100, 500);
    await refusal.reached(4);
    expect(await stocks.rowsInSql()).toBe(before);
    refusal.remove();
    await expectWhole(before + 100);
  });

  it('takes a call whose answer is lost: the archive has its records twice, SQL once', async () => {
    const before = traded();
    const repeated = await expectWhole(before);
    const lost = add({ service: 'kinesis', operation: 'PutRecords', times: 1 }, answerLost);
    stocks.exchange.emit(40);
    await lost.reached();
    await stocks.repeated(repeated + 1);
    await expectWhole(before + 40);
  });
});

describe('the trend function', () => {
  it.each<[string, FaultMatch]>([
    ['before it knows its states', { operation: 'BatchGetItem' }],
    ['before it has put its rows', { operation: 'PutObject' }],
    ['when its rows are there and no state is advanced', { operation: 'PutItem' }],
    ['when some of its states are advanced', { operation: 'PutItem', after: 5 }],
  ])('is killed %s: the batch comes again', async (_, match) => {
    const before = traded();
    const held = add({ caller: callerOf('Trend'), ...match, times: 1 }, { kind: 'hold' });
    stocks.exchange.emit(60);
    await held.reached();
    expect(killFunction(stocks.laptop, stocks.lab, logicalIdOf(stocks.lab, 'Trend'))).toBeGreaterThan(0);
    await expectWhole(before + 60);
  });

  it.each(['PutObject', 'PutItem'])('has done a write whose answer is lost: %s', async (operation) => {
    const before = traded();
    const lost = add({ caller: callerOf('Trend'), operation, times: 1 }, answerLost);
    stocks.exchange.emit(40);
    await expectWhole(before + 40);
    expect(lost.hits).toBe(1);
  });

  it('meets a state that is not what it read: it writes nothing over it, and the batch comes again', async () => {
    const before = traded();
    const { table, laptop } = stocks;
    const TableName = stocks.output('StateTableName');
    const Key = { symbol: 'NVDA' };
    stocks.exchange.emit(5, 'NVDA');
    await expectWhole(before + 5);
    laptop.proxy.log.clear();
    const held = add({ caller: callerOf('Trend'), operation: 'PutItem', times: 1 }, { kind: 'hold' });
    stocks.exchange.emit(5, 'NVDA');
    await held.reached();
    const { Item } = await table.send(new GetCommand({ TableName, Key, ConsistentRead: true }));
    await table.send(
      new UpdateCommand({
        TableName,
        Key,
        UpdateExpression: 'SET #through = :other',
        ExpressionAttributeNames: { '#through': 'through' },
        ExpressionAttributeValues: { ':other': String(BigInt(Item?.through) - 1n) },
      }),
    );
    held.release();
    await expectWhole(before + 10);
    const refused = { caller: callerOf('Trend'), operation: 'PutItem', status: 400 };
    expect(laptop.proxy.log.entries(refused)).not.toHaveLength(0);
  });
});

describe('what is no trade', () => {
  /** What was set aside by these texts: the code, and the record as it came. */
  async function setAsideBy(work: () => unknown, traded: number, records: number) {
    const known = new Set(await stocks.setAsideKeys());
    await work();
    setAside += records;
    await expectWhole(traded);
    const keys = (await stocks.setAsideKeys()).filter((key) => !known.has(key));
    return Promise.all(
      keys.map(async (Key) => {
        const Bucket = stocks.output('ArchiveBucketName');
        const { Body } = await stocks.s3.send(new GetObjectCommand({ Bucket, Key }));
        const { code, payload } = JSON.parse((await Body?.transformToString()) ?? '');
        return { code, text: Buffer.from(payload, 'base64').toString() };
      }),
    );
  }

  it('because it is no JSON ends the connection and is set aside; the trades around it are not', async () => {
    const before = traded();
    const found = await setAsideBy(
      async () => {
        await stocks.heard(10);
        await stocks.subscribedAfter(() => {
          stocks.exchange.malformed('[{"T":"t","S":"AAPL",');
          stocks.exchange.emit(10);
        });
        stocks.exchange.emit(10);
      },
      before + 30,
      1,
    );
    expect(found).toMatchObject([{ code: 'TradeInvalid' }]);
    expect(JSON.parse(found[0]?.text ?? '').trade).toBe('[{"T":"t","S":"AAPL",');
  });

  it('of a symbol that nobody asked for is set aside by name, the trades beside it are not', async () => {
    const before = traded();
    const stranger =
      '{"T":"t","S":"ZZZZ","i":7,"x":"Q","p":10.5,"s":100,"c":["@"],"z":"C","t":"2026-11-20T15:51:44.208123456Z"}';
    const found = await setAsideBy(
      async () => {
        await stocks.heard(10);
        stocks.exchange.malformed(`[${stranger}]`);
        stocks.exchange.emit(10);
      },
      before + 20,
      1,
    );
    expect(found).toEqual([{ code: 'SymbolUnknown', text: expect.stringContaining(`"trade":${stranger}`) }]);
  });

  it('put on the stream by somebody else is set aside as it came, the records around it are not', async () => {
    const before = traded();
    const poison = ['not JSON at all', '{"trade":{}}', '[]'];
    const kinesis = kinesisClient(stocks.laptop);
    try {
      const found = await setAsideBy(
        async () => {
          stocks.exchange.emit(10);
          await kinesis.send(
            new PutRecordsCommand({
              StreamName: stocks.output('StreamName'),
              Records: poison.map((data) => ({ PartitionKey: 'AAPL', Data: Buffer.from(data) })),
            }),
          );
          stocks.exchange.emit(10);
        },
        before + 20,
        poison.length,
      );
      expect(found.map(({ text }) => text).sort()).toEqual([...poison].sort());
      expect(new Set(found.map(({ code }) => code))).toEqual(new Set(['TradeInvalid']));
    } finally {
      kinesis.destroy();
    }
  });
});

describe('the Data API', () => {
  it.each<[string, FaultMatch, FaultEffect]>([
    ['is asked too often', { operation: 'BatchExecuteStatement', times: 4 }, throttled],
    ['has an error of its own', { operation: 'BatchExecuteStatement', times: 4 }, internalError],
    ['takes a load, and its answer is lost', { operation: 'BatchExecuteStatement', times: 1 }, answerLost],
    ['is slow', { times: 6 }, { kind: 'delay', ms: 700 }],
  ])('%s: the load is done, once', async (_, match, effect) => {
    const before = traded();
    const fault = add({ caller: callerOf('LoadingLoad'), service: 'redshift-data', ...match }, effect);
    await trade(40, 100);
    await expectWhole(before + 40);
    expect(fault.hits).toBeGreaterThan(0);
  });

  it('is away for a minute: archive and trend go on, and SQL catches up', async () => {
    const before = traded();
    const away = add({ service: 'redshift-data' }, { kind: 'cut', at: 'before' });
    await trade(100, 3000);
    await away.reached(4);
    expect(await stocks.rowsInSql()).toBe(before);
    away.remove();
    await expectWhole(before + 100);
  });
});

it('ten times the ticks for two seconds, as at the open', async () => {
  const before = traded();
  stocks.exchange.start();
  await sleep(500);
  stocks.exchange.burst(10, 2000);
  await stocks.until('it is over', () => traded() - before > (10 * 2 + 1) * ticksPerSecond);
  stocks.exchange.stopTrading();
  await expectWhole(traded());
});

it('after all that the trend in SQL is what the rule says of the trades in their order', async () => {
  expect(await trendsInSql(stocks)).toEqual(trendsByRule(stocks));
});

describe('two feeds by mistake', () => {
  const feedTokens = (since: bigint) =>
    stocks.query<{ token: number; ticks: number }>(
      `SELECT feed_token::int AS token, COUNT(*)::int AS ticks FROM stocks.ticks WHERE at_ns >= ${since} GROUP BY 1`,
    );
  type Feed = Awaited<ReturnType<TestedStocks['activeFeed']>>;
  const tokenOf = (feed: Feed | undefined) =>
    Number((feed ? told(feed, 'lease taken') : []).at(-1)?.token ?? 0);
  const otherThan = (feed: Feed) => stocks.feeds.find((other) => other !== feed);
  /** Whoever writes to the table hears that it is done, and nothing is. */
  const unwritten: FaultEffect = { kind: 'refuse', status: 200, code: '', message: '' };

  it('one whose lease was given away without its knowing: both tell the same trades, SQL has them once', async () => {
    const before = traded();
    const repeated = await expectWhole(before);
    const first = await stocks.activeFeed();
    const token = tokenOf(first);
    const lost = () => told(first, 'lease lost').length;
    const lostBefore = lost();
    stocks.exchange.allowSecond(true);
    const unheard = add(
      { caller: `${stocks.lab.stack}/${first.name}`, service: 'dynamodb', operation: 'UpdateItem' },
      unwritten,
    );
    await unheard.reached();
    await stocks.table.send(
      new UpdateCommand({
        TableName: stocks.output('LeaseTableName'),
        Key: { lease: 'feed' },
        UpdateExpression: 'REMOVE #owner ADD #beat :one',
        ExpressionAttributeNames: { '#owner': 'owner', '#beat': 'beat' },
        ExpressionAttributeValues: { ':one': 1 },
      }),
    );
    await stocks.until('both listen', () => {
      stocks.exchange.emit(1);
      return stocks.exchange.listening === 2;
    });
    stocks.exchange.emit(20);
    // The first one still believes in its lease: else it would not send what it has.
    await stocks.repeated(repeated + 1);
    unheard.remove();
    await stocks.until('the first one hears of it', () => lost() > lostBefore);
    await stocks.until('one listens', () => stocks.exchange.listening === 1);
    stocks.exchange.emit(20);
    await expectWhole(traded());
    expect(tokenOf(otherThan(first))).toBeGreaterThan(token);
  });

  it('one that stood still and wakes when its lease is another one: it sends nothing of what it holds', async () => {
    const before = traded();
    await expectWhole(before);
    await stocks.checkpointed();
    const first = await stocks.activeFeed();
    const token = tokenOf(first);
    const since = machineNow();
    await stocks.subscribedAfter(() => {
      process.kill(first.pid, 'SIGSTOP');
      stocks.exchange.emit(30);
    });
    stocks.exchange.emit(30);
    process.kill(first.pid, 'SIGCONT');
    await stocks.until('one listens', () => stocks.exchange.listening === 1);
    stocks.exchange.allowSecond(false);
    stocks.exchange.emit(10);
    await expectWhole(before + 70);
    expect(tokenOf(otherThan(first))).toBeGreaterThan(token);
    const tokens = await feedTokens(since);
    expect(tokens.reduce((sum, { ticks }) => sum + ticks, 0)).toBe(70);
    expect(tokens.filter((each) => each.token <= token)).toEqual([]);
  });
});

it('a login that the provider refuses is waited for, and when it is mended the same feed fills the gap', async () => {
  const before = traded();
  const active = await stocks.activeFeed();
  const leases = told(active, 'lease taken').length;
  const waited = waitings(active).length;
  await stocks.fillIn({ secret: 'another one' });
  stocks.exchange.disconnect('cut');
  stocks.exchange.emit(30);
  await waits(active, 'ProviderLoginRefused', waited);
  stocks.exchange.emit(30);
  await stocks.subscribedAfter(() => stocks.fillIn());
  stocks.exchange.emit(30);
  await expectWhole(before + 90);
  expect(await stocks.activeFeed()).toBe(active);
  expect(told(active, 'lease taken')).toHaveLength(leases);
  expect(ended).toEqual([]);
});
