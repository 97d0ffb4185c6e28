import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { heartbeatFile, heartbeatTooOldMs } from '../../../domain/stocks/heartbeat.ts';
import { symbols } from '../../../domain/stocks/symbols.ts';
import { readTickRecord } from '../../../domain/stocks/tick-record.ts';
import { tradeIdentity } from '../../../domain/stocks/trade.ts';
import { tradingDayOf } from '../../../domain/stocks/trading-day.ts';
import { startProcess, type TetheredProcess } from '../../../local/core/child-process.ts';
import { deferred } from '../../../local/core/deferred.ts';
import { type Exchange, startExchange } from '../../../local/outside/exchange.ts';
import { type OneFeedAws, oneFeedEnvironment, startOneFeedAws } from '../../../local/stocks/one-feed-aws.ts';
import { feedHealthCheck } from '../../../stacks/stocks/feed-health.ts';
import { feedBundle } from '../../../stacks/stocks/feed-image.ts';
import { until } from './feeds.ts';

/**
 * The feed as the program that Fargate runs: bundled to one file, a process of its own. The exchange and as much of AWS as a
 * feed calls are in this process.
 */

const login = { key: 'the key', secret: 'the secret' };
const directory = mkdtempSync(path.join(tmpdir(), 'tick-feed-main-'));
const program = path.join(directory, 'main.mjs');

beforeAll(async () => {
  // As for the image, for the Node that runs the tests.
  await build({ ...feedBundle, outfile: program, target: 'node20' });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface World {
  exchange: Exchange;
  aws: OneFeedAws;
  /** Of the provider, as Secrets Manager has it. */
  secret: string;
  /** Asked for each call of the table: the answer waits for it. */
  table: () => undefined | Promise<undefined>;
  /** Trades that the stream has taken, by their identity, in its order. */
  taken: string[];
  /** Asked for each call of the stream, with the trades in it: a code refuses them; the answer waits for it. */
  put: (trades: readonly string[]) => undefined | string | Promise<undefined>;
  /** In the order in which they were started. */
  feeds: TetheredProcess[];
  spillDirectory: string;
}

let world: World;
afterEach(async () => {
  await Promise.all(world.feeds.map((feed) => feed.stop()));
  await world.exchange.stop();
  await world.aws.close();
});

async function open(): Promise<void> {
  const exchange = await startExchange({ seed: 1, symbols, ticksPerSecond: 1_000, ...login });
  const { streamUrl, historyUrl } = exchange;
  const aws = await startOneFeedAws({
    secret: () => world.secret,
    table: () => world.table(),
    put: async (records) => {
      const trades = records.flatMap(({ Data }) => {
        const record = readTickRecord(Buffer.from(Data, 'base64'));
        return record.kind === 'trade' ? [tradeIdentity(record.trade)] : [];
      });
      const code = await world.put(trades);
      if (code === undefined) world.taken.push(...trades);
      return code;
    },
  });
  const spillDirectory = path.join(mkdtempSync(path.join(directory, 'spill-')), 'made by the feed');
  world = {
    exchange,
    aws,
    secret: JSON.stringify({ ...login, streamUrl, historyUrl }),
    table: () => undefined,
    taken: [],
    put: () => undefined,
    feeds: [],
    spillDirectory,
  };
}

/** @param settings FEED_SETTINGS as it is, or what differs here. @param environment what differs; '' is as good as missing */
async function startFeed(settings: object | string = {}, environment: object = {}): Promise<TetheredProcess> {
  const { feeds } = world;
  const name = `feed-${feeds.length + 1}`;
  const feed = await startProcess({
    name,
    command: process.execPath,
    args: [program],
    logFile: path.join(mkdtempSync(path.join(directory, 'log-')), `${name}.log`),
    env: { ...environmentOf(settings), ...environment },
  });
  feeds.push(feed);
  return feed;
}

/** Of the container: its program has it, and its health check. */
function environmentOf(settings: object | string = {}): NodeJS.ProcessEnv {
  const { aws, spillDirectory } = world;
  const here = {
    alwaysOpen: true,
    lingerMs: 1,
    historyLagMs: 0,
    checkpointMs: 20,
    spillDirectory,
    // Longer than any test: no slow moment of the machine costs a connection, a lease, or a call that waits at the gate.
    muteAfterMs: 600_000,
    leaseSeconds: 600,
    stopSeconds: 110,
    refusedRetryMs: 20,
  };
  return {
    PATH: process.env.PATH,
    ...oneFeedEnvironment(aws),
    FEED_SETTINGS: typeof settings === 'string' ? settings : JSON.stringify({ ...here, ...settings }),
  };
}

interface Line {
  level: string;
  message: string;
  signal?: string;
  error?: { name: string; message: string };
}

/** What it has logged; its figures are lines of another kind. */
const logOf = ({ logFile }: TetheredProcess): Line[] =>
  readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{"level"'))
    .map((line) => JSON.parse(line));

const hasSaid = (feed: TetheredProcess, message: string): boolean =>
  logOf(feed).some((line) => line.message === message);

const happened = (): string[] =>
  world.exchange
    .trades()
    .map((trade) =>
      tradeIdentity({ ...trade, tradeId: String(trade.id), tradingDay: tradingDayOf(trade.at) }),
    );

/**
 * A feed that has received trades of which the stream has none for certain: its calls wait until the gate opens. The last
 * trade is of a symbol of its own, so its call says that the feed has read all before it.
 */
async function feedWithTradesOnHand(): Promise<{ feed: TetheredProcess; openGate: () => void }> {
  await open();
  const feed = await startFeed();
  await until(() => hasSaid(feed, 'subscribed'));
  const gate = deferred<undefined>();
  let sawLast = false;
  world.put = (trades) => {
    sawLast ||= trades.some((id) => id.startsWith('MSFT|'));
    return gate.promise;
  };
  world.exchange.emit(60, 'AAPL');
  world.exchange.emit(1, 'MSFT');
  await until(() => sawLast);
  expect(world.taken).toEqual([]);
  return { feed, openGate: () => gate.resolve(undefined) };
}

describe('the feed is asked to stop', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s: what it has received goes to the stream, in order, the lease is given back, and it ends with 0',
    async (signal) => {
      const { feed, openGate } = await feedWithTradesOnHand();
      process.kill(feed.pid, signal);
      await until(() => hasSaid(feed, 'stopping'));
      openGate();
      expect(await feed.exited).toEqual({ code: 0, signal: null });
      const ofApple = (ids: readonly string[]) => ids.filter((id) => id.startsWith('AAPL|'));
      expect(ofApple(world.taken)).toEqual(ofApple(happened()));
      expect(world.taken).toHaveLength(61);
      expect(world.aws.items.get('feed')).not.toHaveProperty('owner');
      expect(world.exchange.listening).toBe(0);
      expect(logOf(feed)).toContainEqual(expect.objectContaining({ message: 'stopping', signal }));
      expect(hasSaid(feed, 'lease given back')).toBe(true);
      // A slow machine may take a second to connect, and the call is made again: no fault of the stop.
      const beside = logOf(feed).filter(({ message }) => message !== 'the stream refuses records');
      expect(beside.filter(({ level }) => level !== 'INFO')).toEqual([]);
    },
  );

  it('twice: it ends at once, with 1, whatever the stream does', async () => {
    const { feed, openGate } = await feedWithTradesOnHand();
    process.kill(feed.pid, 'SIGTERM');
    await until(() => hasSaid(feed, 'stopping'));
    process.kill(feed.pid, 'SIGTERM');
    expect(await feed.exited).toEqual({ code: 1, signal: null });
    expect(world.taken).toEqual([]);
    openGate();
  });
});

describe('the feed cannot do its work: it ends with 1 and names the error, once it has given its lease back', () => {
  /** What it said was wrong: one and the same error, however often. */
  const errorOf = async (feed: TetheredProcess): Promise<{ name: string; message: string }> => {
    expect(await feed.exited).toEqual({ code: 1, signal: null });
    const errors = logOf(feed).flatMap(({ error }) => error ?? []);
    expect(new Set(errors.map(({ message }) => message)).size).toBe(1);
    expect(logOf(feed).at(-1)).toMatchObject({ level: 'CRITICAL', message: 'the feed ends' });
    expect(world.aws.items.get('feed') ?? {}).not.toHaveProperty('owner');
    expect(world.exchange.listening).toBe(0);
    return errors[0] as { name: string; message: string };
  };

  it('the environment is incomplete', async () => {
    await open();
    const feed = await startFeed({}, { STREAM_NAME: undefined, LEASE_TABLE: '' });
    expect((await errorOf(feed)).message).toBe('environment variables are not set: STREAM_NAME, LEASE_TABLE');
    expect(world.aws.items.size).toBe(0);
  });

  it.each([
    ['no JSON', 'no JSON: no JSON'],
    ['{"lingerMs":-1,"hours":"late"}', 'lingerMs'],
    ['{"lingerMs":20000}', 'a provider is mute after 10000'],
  ])('FEED_SETTINGS is %s', async (settings, words) => {
    await open();
    expect(await errorOf(await startFeed(settings))).toMatchObject({
      name: 'FeedSettingsInvalid',
      message: expect.stringContaining(words),
    });
    expect(world.aws.items.size).toBe(0);
  });
});

describe('a login that a person has to mend: the feed runs on, and waits', () => {
  const refusals = (feed: TetheredProcess) =>
    logOf(feed).filter(({ message }) => message === 'waits for a login that the provider takes');

  it.each<[string, string, () => void]>([
    ['ProviderSecretInvalid', 'not JSON', () => (world.secret = 'hidden: what the stack made')],
    ['ProviderSecretInvalid', 'secret is empty', () => (world.secret = '{"key":"hidden key","secret":""}')],
    ['ProviderLoginRefused', '402 auth failed', () => world.exchange.refuseLogin(true)],
  ])('%s: %s; when it is mended ticks flow without a restart', async (name, words, spoil) => {
    await open();
    const { secret } = world;
    spoil();
    const feed = await startFeed();
    await until(() => refusals(feed).length >= 3);
    for (const { level, error } of refusals(feed)) {
      expect(level).toBe('ERROR');
      expect(error).toMatchObject({ name, message: expect.stringContaining(words) });
    }
    expect(readFileSync(feed.logFile, 'utf8')).not.toContain('hidden');
    expect(world.aws.items.get('feed')).toMatchObject({ owner: expect.anything(), token: { N: '1' } });
    world.secret = secret;
    world.exchange.refuseLogin(false);
    await until(() => hasSaid(feed, 'subscribed'));
    world.exchange.emit(20);
    await until(() => new Set(world.taken).size === 20);
    process.kill(feed.pid, 'SIGTERM');
    expect(await feed.exited).toEqual({ code: 0, signal: null });
    expect(logOf(feed).filter(({ message }) => message === 'lease taken')).toHaveLength(1);
  });

  it('SIGTERM: it ends at once, with 0, and gives its lease back', async () => {
    await open();
    world.secret = 'not filled in';
    const feed = await startFeed({ refusedRetryMs: 3_600_000 });
    await until(() => refusals(feed).length > 0);
    process.kill(feed.pid, 'SIGTERM');
    expect(await feed.exited).toEqual({ code: 0, signal: null });
    expect(world.aws.items.get('feed')).not.toHaveProperty('owner');
    const levels = logOf(feed).map(({ level, message }) => [level, message]);
    expect(levels.filter(([level]) => level !== 'INFO')).toEqual([
      ['ERROR', 'waits for a login that the provider takes'],
    ]);
  });
});

describe('the health check of its container', () => {
  /** Runs the command that the task definition has, with the environment that it shares with the program. */
  async function isHealthy(): Promise<boolean> {
    const [how, command, ...args] = feedHealthCheck.command;
    expect(how).toBe('CMD'); // no shell
    const check = spawn(command as string, args, { env: environmentOf(), stdio: 'ignore' });
    const [code] = await once(check, 'exit');
    expect([0, 1]).toContain(code);
    return code === 0;
  }

  async function verdict(healthy: boolean): Promise<void> {
    while ((await isHealthy()) !== healthy);
  }

  /** As if the last heartbeat had been so long ago. */
  function age(milliseconds: number): void {
    const at = new Date(Date.now() - milliseconds);
    utimesSync(path.join(world.spillDirectory, heartbeatFile), at, at);
  }

  it('fails before there is a program', async () => {
    await open();
    expect(await isHealthy()).toBe(false);
  });

  it.each<[string, () => Promise<unknown>]>([
    [
      'a feed that receives',
      async () => {
        const feed = await startFeed();
        await until(() => hasSaid(feed, 'subscribed'));
      },
    ],
    [
      'a standby',
      async () => {
        const active = await startFeed({ spillDirectory: `${world.spillDirectory} of the active one` });
        await until(() => hasSaid(active, 'subscribed'));
        await startFeed();
      },
    ],
    [
      'a feed that waits for its login',
      async () => {
        world.secret = 'not filled in';
        const feed = await startFeed();
        await until(() => hasSaid(feed, 'waits for a login that the provider takes'));
      },
    ],
    [
      'a feed whose provider is away',
      async () => {
        await world.exchange.stop();
        const feed = await startFeed();
        await until(() => hasSaid(feed, 'not connected'));
      },
    ],
    [
      'a feed whose table does not answer',
      async () => {
        world.table = () => new Promise(() => {});
        // Its calls are given up after two seconds.
        const feed = await startFeed({ leaseSeconds: 1 });
        await until(() => hasSaid(feed, 'lease table does not answer'));
      },
    ],
  ])('passes: %s', async (_, begin) => {
    await open();
    await begin();
    await verdict(true);
    age(2 * heartbeatTooOldMs); // so that it passes by what comes from now on
    await verdict(true);
  });

  it('fails where the event loop stands still, once the last heartbeat is old, and passes again when it turns', async () => {
    await open();
    const feed = await startFeed();
    await verdict(true);
    process.kill(feed.pid, 'SIGSTOP');
    age(heartbeatTooOldMs - 2_000);
    await verdict(false);
    age(-2 * heartbeatTooOldMs); // the clock was set back
    expect(await isHealthy()).toBe(false);
    process.kill(feed.pid, 'SIGCONT');
    await verdict(true);
  });
});

describe('the feed is killed', () => {
  it('what waited on its disk is on the stream when it is started again: the history has it, the disk nothing', async () => {
    await open();
    const settings = { bufferBytes: 20_000 };
    const killed = await startFeed(settings);
    await until(() => hasSaid(killed, 'subscribed'));
    world.exchange.emit(20);
    // How far it has come is known to its successor.
    await until(() => new Set(world.taken).size === 20 && world.aws.items.has('checkpoint'));
    const unspilled = statSync(world.spillDirectory).mtimeMs;
    let calls = 0;
    world.put = () => {
      calls += 1;
      return 'ProvisionedThroughputExceededException';
    };
    world.exchange.emit(800);
    // The file is made when memory holds no more: then the directory changes, as no heartbeat changes it.
    await until(() => statSync(world.spillDirectory).mtimeMs !== unspilled);
    // Four calls are under way at most: a fifth one was made after directory and file, which come in one go.
    const before = calls;
    await until(() => calls > before + 4);
    process.kill(killed.pid, 'SIGKILL');
    expect(await killed.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(readdirSync(world.spillDirectory)).toEqual([heartbeatFile]);

    world.put = () => undefined;
    const again = await startFeed({ ...settings, leaseSeconds: 1 }); // for which it watches the lease of the killed one
    await until(() => hasSaid(again, 'gap filled'));
    process.kill(again.pid, 'SIGTERM');
    expect(await again.exited).toEqual({ code: 0, signal: null });
    expect(new Set(world.taken)).toEqual(new Set(happened()));
    expect(world.taken.length).toBeGreaterThanOrEqual(820);
    expect(logOf(again)).toContainEqual(
      expect.objectContaining({ message: 'gap filled', reason: 'failover' }),
    );
  });
});
