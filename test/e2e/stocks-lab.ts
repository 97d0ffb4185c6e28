import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { jest } from '@jest/globals';
import { type FeedSettings, setAsidePrefix } from '../../domain/stocks/contract.ts';
import { rowsCsv } from '../../domain/stocks/rows.ts';
import { parseTrade } from '../../domain/stocks/trade.ts';
import { SymbolTrend } from '../../domain/stocks/trend.ts';
import type { TetheredProcess } from '../../local/core/child-process.ts';
import { createProgress } from '../../local/core/progress.ts';
import { streamText } from '../../local/outside/exchange/market.ts';
import { type Counts, countAll, RawTally } from '../../local/stocks/counts.ts';
import { openStocksLab as openLab, type StocksLab, type StocksLabOptions } from '../../local/stocks/lab.ts';

/**
 * Milliseconds that are waited for anything. No measure of the program: a load that has failed comes again after the five
 * minutes of its queue, and a busy machine may take all of a load's time.
 */
const patience = 480_000;
// A test says itself what it has waited for in vain, before jest ends it.
jest.setTimeout(2 * patience);

/** The lab on a laptop of its own, and what tests ask of it. */
export interface TestedStocks extends StocksLab {
  /** Every feed that was started, those that ended too. */
  feeds: readonly TetheredProcess[];
  table: DynamoDBDocumentClient;
  /** @throws Error with the last lines of the feeds */
  until(what: string, holds: () => boolean | Promise<boolean>, withinMs?: number): Promise<void>;
  /** Does something, and waits until a feed has subscribed since. */
  subscribedAfter(what: () => unknown): Promise<void>;
  /** So many trades happen, and some are on their way to the stream: a feed is connected that has just heard the exchange. */
  heard(trades: number): Promise<void>;
  /** The feed that holds the lease, by the token in the table and the one that the feed said it took. */
  activeFeed(): Promise<TetheredProcess>;
  /** Waits until every trade is in SQL and the archive, and so many records are set aside; counts all places. */
  settled(setAside?: number): Promise<Counts>;
  /** Waits until so many records of the archive repeat another one. What comes twice may come there after all else. */
  repeated(atLeast: number): Promise<void>;
  /** Waits until the feeds' table has every trade: whoever takes over begins behind the last one. */
  checkpointed(): Promise<void>;
  rowsInSql(): Promise<number>;
  /** Keys of the records that are set aside. */
  setAsideKeys(): Promise<string[]>;
}

/** @param feedSettings of all feeds, where they differ from the template's */
export async function openStocksLab(
  options: Partial<StocksLabOptions> = {},
  feedSettings: Partial<FeedSettings> = {},
): Promise<TestedStocks> {
  return testedStocks(await openLab({ progress: createProgress({ quiet: true }), ...options }), feedSettings);
}

/** What tests ask of a lab that is up. @param feedSettings as above */
export function testedStocks(lab: StocksLab, feedSettings: Partial<FeedSettings> = {}): TestedStocks {
  const feeds: TetheredProcess[] = [];
  const raw = new RawTally();
  const client = new DynamoDBClient(lab.laptop.clients);
  const table = DynamoDBDocumentClient.from(client);

  const until: TestedStocks['until'] = async (what, holds, withinMs = patience) => {
    for (const end = Date.now() + withinMs; !(await holds()); await sleep(50)) {
      if (Date.now() < end) continue;
      const lines = feeds.map((feed) => `${feed.name}: ${feed.tail(3)}`);
      throw new Error(`not within ${withinMs / 1000} s: ${what}\n${lines.join('\n')}`);
    }
  };
  const subscriptions = () => feeds.reduce((sum, feed) => sum + told(feed, 'subscribed').length, 0);
  const rowsInSql = async () => {
    const [row] = await lab.query<{ ticks: number }>('SELECT COUNT(*)::int AS ticks FROM stocks.ticks');
    return row?.ticks ?? 0;
  };
  const item = async (lease: 'feed' | 'checkpoint') => {
    const TableName = lab.output('LeaseTableName');
    const { Item } = await table.send(new GetCommand({ TableName, Key: { lease }, ConsistentRead: true }));
    return Item;
  };
  const setAsideKeys = async () => {
    const keys: string[] = [];
    const below = { Bucket: lab.output('ArchiveBucketName'), Prefix: setAsidePrefix };
    for await (const { Contents = [] } of paginateListObjectsV2({ client: lab.s3 }, below))
      keys.push(...Contents.map(({ Key = '' }) => Key));
    return keys;
  };
  return {
    ...lab,
    feeds,
    table,
    until,
    rowsInSql,
    setAsideKeys,
    startFeed: async (name, settings) => {
      const feed = await lab.startFeed(name, { ...feedSettings, ...settings });
      feeds.push(feed);
      return feed;
    },
    subscribedAfter: async (what) => {
      const before = subscriptions();
      await what();
      await until('a feed subscribes', () => subscriptions() > before);
    },
    heard: async (trades) => {
      await until('a feed listens', () => lab.exchange.listening > 0);
      const begun = Date.now();
      lab.exchange.emit(trades);
      const calls = { service: 'kinesis', operation: 'PutRecords' };
      await until('what was traded is on its way', () =>
        lab.laptop.proxy.log.entries(calls).some(({ at }) => at >= begun),
      );
    },
    activeFeed: async () => {
      let holder: TetheredProcess | undefined;
      await until('a feed holds the lease', async () => {
        const lease = await item('feed');
        holder = feeds.find((feed) => told(feed, 'lease taken').some(({ token }) => token === lease?.token));
        return holder !== undefined && lease?.owner !== undefined;
      });
      return holder as TetheredProcess;
    },
    settled: async (setAside = 0) => {
      const traded = lab.exchange.trades().length;
      await until('every trade is in SQL', async () => (await rowsInSql()) >= traded);
      if (setAside > 0)
        await until('all is set aside', async () => (await setAsideKeys()).length >= setAside);
      // The archive has a way of its own.
      await until('every record is in the archive', async () => {
        await raw.read(lab);
        return raw.distinct >= traded + setAside;
      });
      return countAll(lab, undefined, raw);
    },
    repeated: (atLeast) =>
      until(`${atLeast} records are repeated`, async () => {
        await raw.read(lab);
        return raw.repeated >= atLeast;
      }),
    checkpointed: () => {
      const newest = new Map(lab.exchange.trades().map(({ symbol, at }) => [symbol, String(at)]));
      return until('the checkpoint has caught up', async () => {
        const positions = JSON.parse((await item('checkpoint'))?.positions ?? '{}');
        return [...newest].every(([symbol, at]) => positions[symbol]?.[0] === at);
      });
    },
    close: async () => {
      client.destroy();
      await lab.close();
    },
  };
}

/** Lines of a feed's log with this message, oldest first. */
export function told(feed: TetheredProcess, message: string): Record<string, unknown>[] {
  return readFileSync(feed.logFile, 'utf8')
    .split('\n')
    .slice(0, -1) // the last one may be half a line yet
    .filter((line) => line.startsWith('{') && line.includes(message))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line.message === message);
}

/** So many trades, each in archive and SQL, once; and so many records that are no trades, in the archive and set aside. */
export const whole = (traded: number, setAside = 0): Omit<Counts, 'repeated'> => ({
  traded,
  archived: traded + setAside,
  loaded: traded,
  twice: 0,
  setAside,
});

/** What the rule says of all trades in the order in which they happened: a line each, sorted. */
export function trendsByRule({ exchange }: StocksLab): string[] {
  const trends = new Map<string, SymbolTrend>();
  const lines = exchange.trades().map((traded): string => {
    const trade = parseTrade(JSON.parse(streamText(traded)));
    const trend = trends.get(trade.symbol) ?? new SymbolTrend(trade.symbol);
    trends.set(trade.symbol, trend);
    const { statistics } = trend.apply(trade, '0');
    if (!statistics) throw new Error('the exchange traded twice under one id');
    const feed = { token: 0, received: 0n, source: 'stream' } as const;
    const [symbol, venue, day, id, , , , direction, score] = (
      rowsCsv([{ trade, statistics, feed }]).split('\n')[1] ?? ''
    ).split(',');
    return [symbol, venue, day, id, direction, score].join(',');
  });
  return lines.sort();
}

/** The same lines of what SQL has. */
export async function trendsInSql({ query }: StocksLab): Promise<string[]> {
  const rows = await query<{ line: string }>(
    "SELECT concat_ws(',', symbol, venue, trading_day::text, trade_id, trend, COALESCE(score::text, '')) AS line FROM stocks.ticks",
  );
  return rows.map(({ line }) => line).sort();
}
