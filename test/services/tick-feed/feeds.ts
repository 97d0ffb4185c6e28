import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultFeedSettings, type FeedSettings } from '../../../domain/stocks/feed-settings.ts';
import { type Feed, type Gap, readTickRecord } from '../../../domain/stocks/tick-record.ts';
import { tradeIdentity } from '../../../domain/stocks/trade.ts';
import { tradingDayOf } from '../../../domain/stocks/trading-day.ts';
import { type Exchange, type ExchangeOptions, startExchange } from '../../../local/outside/exchange.ts';
import { systemClock } from '../../../services/tick-feed/clock.ts';
import { type FeedState, runFeed } from '../../../services/tick-feed/feed.ts';
import { Figures } from '../../../services/tick-feed/figures.ts';
import { malformedPartitionKey } from '../../../services/tick-feed/intake.ts';
import { kinesisStream } from '../../../services/tick-feed/kinesis-stream.ts';
import { FeedTable } from '../../../services/tick-feed/lease-table.ts';
import type { ProviderSecret } from '../../../services/tick-feed/provider-secret.ts';
import { FakeKinesis } from './fake-kinesis.ts';
import { FakeDynamo } from './fake-table.ts';

export const symbols = ['AAPL', 'AMZN', 'GOOG', 'JPM', 'MSFT', 'NVDA'];
/** What the exchange of a test takes. */
export const login = { key: 'the key', secret: 'the secret' };

export interface Line {
  level: 'info' | 'warn' | 'error';
  message: string;
  more: Record<string, unknown>;
}

export interface PublishedTrade extends Feed {
  id: string;
  symbol: string;
  at: bigint;
}

export interface RunningFeed {
  state: FeedState;
  lines: Line[];
  figures: Figures;
  /** What the calendar says. */
  marketOpen: boolean;
  /** How often its connections have asked the calendar: once at each look whether the provider still speaks. */
  looks: number;
  /** Settles when it has ended. */
  ended: Promise<void>;
  /** Asks it to stop, and waits until it has. */
  stop(): Promise<void>;
  /** As SIGKILL does: from now on it reaches neither stream nor table, and wakes up from no sleep. */
  kill(): void;
}

/**
 * Milliseconds by which a feed reckons its lease and the provider's silence. They pass when a test says so, so that no slow
 * moment of the machine costs a lease or a connection; sleeps end as always.
 */
export interface TestTime {
  now: number;
}

/** An exchange, a stream and a table, and feeds between them. */
export class World {
  readonly kinesis = new FakeKinesis();
  readonly dynamo = new FakeDynamo();
  readonly exchange: Exchange;
  readonly directory = mkdtempSync(path.join(tmpdir(), 'tick-feed-'));
  /** What Secrets Manager answers. */
  secret: (signal: AbortSignal) => Promise<ProviderSecret> = async () => login;
  readonly #feeds: RunningFeed[] = [];
  /** What was read so far: the tests look often. */
  readonly #happened: string[] = [];
  readonly #published: PublishedTrade[] = [];
  #read = 0;

  private constructor(exchange: Exchange) {
    this.exchange = exchange;
  }

  static async open(options: Partial<ExchangeOptions> = {}): Promise<World> {
    return new World(await startExchange({ seed: 1, symbols, ticksPerSecond: 1000, ...login, ...options }));
  }

  /**
   * @param offset nanoseconds by which this feed's wall clock is ahead; asked each time, for a clock that is set
   * @param time in place of the machine's monotonic clock
   */
  feed(settings: Partial<FeedSettings> = {}, offset: () => bigint = () => 0n, time?: TestTime): RunningFeed {
    const { kinesis, dynamo, exchange } = this;
    const lines: Line[] = [];
    const tell = (level: Line['level']) => (message: string, more: Record<string, unknown>) => {
      lines.push({ level, message, more });
    };
    const killed = new AbortController();
    // biome-ignore lint/suspicious/noExplicitAny: stands in for the clients' overloaded methods
    const unless = (send: (command: any) => Promise<any>) => async (command: any) => {
      const answer = killed.signal.aborted ? undefined : await send(command);
      return killed.signal.aborted ? new Promise(() => {}) : answer;
    };
    const sleepUnlessKilled = async (milliseconds: number, signal?: AbortSignal): Promise<void> => {
      await systemClock.sleep(milliseconds, AbortSignal.any([killed.signal, ...(signal ? [signal] : [])]));
      if (killed.signal.aborted) await new Promise(() => {});
    };
    const state: FeedState = { active: false, waitsForLogin: false, heldBytes: 0, lastReceived: 0 };
    const figures = new Figures(() => 0);
    const stopping = new AbortController();
    const ended = runFeed(
      {
        settings: {
          ...defaultFeedSettings,
          symbols,
          streamUrl: exchange.streamUrl,
          historyUrl: exchange.historyUrl,
          lingerMs: time ? 0 : 2, // a linger would end by the clock
          // Longer than any test: whoever wants them to strike says so.
          muteAfterMs: 3_600_000,
          leaseSeconds: 3_600,
          stopSeconds: 3_600,
          alwaysOpen: true,
          checkpointMs: 50,
          refusedRetryMs: 20,
          historyLagMs: 0,
          spillDirectory: this.directory,
          ...settings,
        },
        secret: (signal) => this.secret(signal),
        owner: `feed ${this.#feeds.length}`,
        ports: {
          stream: kinesisStream({ send: unless(kinesis.send) }, 'ticks', 2_000),
          table: new FeedTable({ send: unless(dynamo.send) }, 'leases', 2_000),
          clock: {
            monotonic: time ? () => time.now : systemClock.monotonic,
            wall: () => systemClock.wall() + offset(),
            sleep: sleepUnlessKilled,
          },
          random: () => 0.05, // short waits
          log: { info: tell('info'), warn: tell('warn'), error: tell('error') },
          figures,
          marketIsOpen: () => {
            feed.looks += 1;
            return feed.marketOpen;
          },
        },
      },
      stopping.signal,
      state,
    );
    ended.catch(() => {}); // whoever waits for it gets it too
    const feed: RunningFeed = {
      state,
      lines,
      figures,
      marketOpen: true,
      looks: 0,
      ended,
      stop: () => {
        stopping.abort();
        return ended;
      },
      kill: () => {
        killed.abort();
        this.exchange.disconnect();
        stopping.abort();
      },
    };
    this.#feeds.push(feed);
    return feed;
  }

  /** Until it is connected and subscribed for the nth time. @param each before each further look */
  async subscribed(feed: RunningFeed, times = 1, each: () => void = () => {}): Promise<void> {
    await until(() => feed.lines.filter(({ message }) => message === 'subscribed').length >= times, each);
  }

  /** Until so many gaps are on the stream: each comes after the last trade that fills it. */
  async filled(gaps: number): Promise<void> {
    await until(() => this.gaps().length >= gaps);
  }

  /** Until everything that happened is on the stream. */
  async complete(): Promise<void> {
    await until(() => this.missing().length === 0);
  }

  /** Trades that happened, and are not on the stream. */
  missing(): string[] {
    const published = new Set(this.published().map(({ id }) => id));
    return this.happened().filter((id) => !published.has(id));
  }

  happened(): string[] {
    const trades = this.exchange.trades();
    for (const trade of trades.slice(this.#happened.length))
      this.#happened.push(
        tradeIdentity({ ...trade, tradeId: String(trade.id), tradingDay: tradingDayOf(trade.at) }),
      );
    return this.#happened;
  }

  /** Trades on the stream, in its order. */
  published(): readonly PublishedTrade[] {
    for (const { key, data } of this.kinesis.records.slice(this.#read)) {
      this.#read += 1;
      if (key === malformedPartitionKey) continue;
      const read = readTickRecord(data);
      if (read.kind !== 'trade') continue;
      const { trade, feed } = read;
      this.#published.push({ id: tradeIdentity(trade), symbol: trade.symbol, at: trade.at, ...feed });
    }
    return this.#published;
  }

  gaps(): Gap[] {
    return this.kinesis.records.flatMap(({ key, data }) => {
      if (key !== 'gap') return [];
      const read = readTickRecord(data);
      return read.kind === 'gap' ? [read.gap] : [];
    });
  }

  /** Trades that are on the stream more than once. */
  duplicates(): number {
    const published = this.published();
    return published.length - new Set(published.map(({ id }) => id)).size;
  }

  /** Trades whose first appearance came after a later one of their symbol. */
  outOfOrder(): string[] {
    const newest = new Map<string, bigint>();
    const seen = new Set<string>();
    return this.published().flatMap(({ id, symbol, at }) => {
      if (seen.has(id)) return [];
      seen.add(id);
      if (at < (newest.get(symbol) ?? 0n)) return [id];
      newest.set(symbol, at);
      return [];
    });
  }

  async close(): Promise<void> {
    this.dynamo.isAway = false;
    for (const feed of this.#feeds) feed.kill();
    await this.exchange.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Looks until it holds; the test's own time limit ends it. @param each before each further look */
export async function until(holds: () => boolean, each: () => void = () => {}): Promise<void> {
  while (!holds()) {
    each();
    await sleep(10);
  }
}
