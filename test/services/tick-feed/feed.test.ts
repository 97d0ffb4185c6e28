import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { WebSocket } from 'ws';
import { type ErrorCode, LabError } from '../../../domain/errors.ts';
import { authMessage, subscribeMessage } from '../../../domain/stocks/alpaca.ts';
import { randomOf } from '../../../local/outside/random.ts';
import { inStreamOrder } from '../../../local/stocks/replay/stream-order.ts';
import { login, type RunningFeed, type TestTime, until, World } from './feeds.ts';

/**
 * The whole feed against an exchange that misbehaves on demand, with a stream and a table in this process. Each of these
 * counts what happened on the exchange against what is on the stream, and looks at the order within each symbol.
 */

let world: World;
afterEach(() => world.close());

/** Trading goes on for so many trades more. */
async function trade(count: number): Promise<void> {
  const goal = world.happened().length + count;
  world.exchange.start();
  await until(() => world.happened().length >= goal);
}

/**
 * The feed's time passes, twice as much as a provider may be silent, while it looks at its connection again and again: no
 * further between two looks than that an answer to a ping, which may come at the look after the next one, is in time.
 */
async function passLooking(feed: RunningFeed, time: TestTime, muteAfterMs: number): Promise<void> {
  for (let steps = 0; steps < 10; steps += 1) {
    const { looks } = feed;
    time.now += muteAfterMs / 5;
    await until(() => feed.looks > looks);
  }
}

/** Nothing is missing, so many gaps are filled, and each symbol's trades first appear in their order. */
async function expectComplete(feed: RunningFeed, gaps = 0): Promise<void> {
  world.exchange.stopTrading();
  await world.complete();
  await world.filled(gaps);
  await feed.stop();
  expect(world.outOfOrder()).toEqual([]);
  expect(world.kinesis.overlapping).toBe(0);
}

const reasons = () => world.gaps().map(({ reason }) => reason);

async function connected(...given: Parameters<World['feed']>): Promise<RunningFeed> {
  const feed = world.feed(...given);
  await world.subscribed(feed);
  return feed;
}

describe('a feed to which nothing happens', () => {
  it('puts every trade on the stream, once and in the order of its symbol', async () => {
    world = await World.open();
    const feed = await connected();
    await trade(500);
    await expectComplete(feed);
    expect(world.duplicates()).toBe(0);
    expect(world.gaps()).toEqual([]);
    expect(new Set(world.published().map(({ source }) => source))).toEqual(new Set(['stream']));
  });

  it('keeps the text of a trade as the provider wrote it', async () => {
    world = await World.open();
    const feed = await connected();
    const text =
      '{"T":"t","S":"AAPL","i":7,"x":"V","p":126.550,"s":1,"t":"2026-11-20T15:51:44.2Z","c":["@"]}';
    world.exchange.malformed(`[ ${text} ]`);
    await until(() => world.kinesis.records.length > 0);
    await feed.stop();
    expect(world.kinesis.records[0]?.data.endsWith(`"trade":${text}}`)).toBe(true);
  });

  it('lets pass on what the provider tells twice, and corrections and cancellations', async () => {
    world = await World.open();
    const feed = await connected();
    await trade(50);
    world.exchange.stopTrading();
    world.exchange.duplicate(10);
    world.exchange.cancel();
    world.exchange.correct();
    await until(() => world.kinesis.records.length >= world.happened().length + 12);
    await expectComplete(feed);
    expect(world.duplicates()).toBe(10);
  });

  it('passes on what comes out of order, in the order in which it came', async () => {
    world = await World.open();
    const feed = await connected();
    const trades = world.exchange.outOfOrder(60);
    await world.complete();
    await feed.stop();
    const came = trades.toReversed().filter(({ symbol }) => symbol === 'AAPL');
    const went = world.published().filter(({ symbol }) => symbol === 'AAPL');
    expect(went.map(({ at }) => at)).toEqual(came.map(({ at }) => at));
  });

  it('takes ticks over midnight in UTC and in New York', async () => {
    for (const midnight of [Date.UTC(2026, 10, 21), Date.UTC(2026, 10, 21, 5)]) {
      let at = BigInt(midnight) * 1_000_000n - 50_000_000n;
      world = await World.open({ now: () => (at += 1_000_000n) });
      // Whatever the day is on which this runs.
      const feed = await connected({ historyHours: 1_000_000 });
      world.exchange.emit(50);
      world.exchange.disconnect();
      world.exchange.emit(50);
      await expectComplete(feed);
      await world.close();
    }
  });
});

describe('trades before and after the session', () => {
  const told = (at: string, conditions: string) =>
    `{"T":"t","S":"AAPL","i":${at.replace(/\D/g, '')},"x":"V","p":1,"s":1,"t":"2026-11-20T${at}Z","c":${conditions}}`;
  const early = told('13:00:00', '["@","T"]');
  const regular = told('15:00:00', '["@"]');
  const auction = told('21:00:03', '["@","6"]');
  const late = told('22:00:00', '["@","U","I"]');
  const texts = () => world.kinesis.records.map(({ data }) => data.slice(data.indexOf('"trade":') + 8, -1));

  it.each([
    ['all', [early, regular, auction, late]],
    ['regular', [regular, auction]],
  ] as const)('get to the stream, or are left out and counted: %s', async (hours, expected) => {
    world = await World.open();
    const feed = await connected({ hours });
    world.exchange.malformed(`[${[early, regular, auction, late].join()}]`);
    await until(() => texts().includes(auction));
    await feed.stop();
    expect(texts()).toEqual(expected);
    expect(feed.figures.sum('LeftOut')).toBe(4 - expected.length);
  });
});

describe('after a gap', () => {
  it.each(['cut', 'goodbye'] as const)('the history fills what was missed: %s', async (how) => {
    world = await World.open();
    const feed = await connected();
    await trade(100);
    for (let times = 0; times < 3; times += 1) {
      world.exchange.disconnect(how);
      await trade(100);
      await until(() => world.gaps().length > times);
    }
    await expectComplete(feed);
    expect(world.duplicates()).toBe(0);
    expect(reasons()).toEqual(['reconnect', 'reconnect', 'reconnect']);
    const filled = world.gaps().reduce((sum, gap) => sum + gap.filled, 0);
    expect(filled).toBe(world.published().filter(({ source }) => source === 'history').length);
    expect(filled).toBeGreaterThan(0);
    for (const { from, to } of world.gaps()) expect(from).toBeLessThanOrEqual(to);
  });

  it('half a frame loses none of its trades', async () => {
    world = await World.open();
    const feed = await connected();
    await trade(100);
    world.exchange.halfFrame(20);
    await trade(100);
    await expectComplete(feed, 1);
    expect(reasons()).toEqual(['reconnect']);
  });

  it.each(['no JSON at all', '{"T":"t"}', '[{"T":"t","S":"AAPL",'])(
    'a malformed message goes on whole, and its trades come from the history: %s',
    async (text) => {
      world = await World.open();
      const feed = await connected();
      await trade(50);
      world.exchange.malformed(text);
      await trade(50);
      await expectComplete(feed, 1);
      const malformed = world.kinesis.records.filter(({ key }) => key === 'malformed');
      expect(malformed.map(({ data }) => JSON.parse(data).trade)).toEqual([text]);
      expect(reasons()).toEqual(['reconnect']);
    },
  );

  it('a socket that is connected and mute is noticed', async () => {
    world = await World.open();
    const [time, muteAfterMs] = [{ now: 0 }, 100];
    const feed = await connected({ muteAfterMs }, undefined, time);
    await trade(50);
    world.exchange.mute(true);
    await trade(50);
    await world.subscribed(feed, 2, () => (time.now += muteAfterMs));
    await trade(50);
    await expectComplete(feed, 1);
    expect(reasons()).toEqual(['mute']);
  });

  it('silence is no fault while the market is closed', async () => {
    world = await World.open();
    const [time, muteAfterMs] = [{ now: 0 }, 40];
    const feed = await connected({ muteAfterMs, alwaysOpen: false }, undefined, time);
    const { connections } = world.exchange;
    feed.marketOpen = false;
    await passLooking(feed, time, muteAfterMs);
    await trade(50);
    await expectComplete(feed);
    expect(world.exchange.connections).toBe(connections);
  });

  it('a socket that went mute before the bell is noticed after it, and what it did not tell is filled', async () => {
    world = await World.open();
    const [time, muteAfterMs] = [{ now: 0 }, 40];
    const feed = await connected({ muteAfterMs, alwaysOpen: false }, undefined, time);
    const { connections } = world.exchange;
    feed.marketOpen = false;
    await trade(50);
    world.exchange.stopTrading();
    await world.complete();
    world.exchange.mute(true);
    world.exchange.emit(50);
    await passLooking(feed, time, muteAfterMs);
    expect(world.exchange.connections).toBe(connections);
    feed.marketOpen = true;
    await world.subscribed(feed, 2, () => (time.now += muteAfterMs));
    await expectComplete(feed, 1);
    expect(world.gaps()).toMatchObject([{ reason: 'mute', filled: 50 }]);
    expect(world.duplicates()).toBe(0);
  });

  it('the history is asked again when it fails', async () => {
    world = await World.open();
    const feed = await connected({ historyPageSize: 7 });
    await trade(50);
    for (const how of [500, 429, 'cut'] as const) world.exchange.failHistory(2, how);
    world.exchange.disconnect();
    await trade(50);
    await trade(50);
    await expectComplete(feed, 1);
    expect(world.duplicates()).toBe(0);
    const answers = world.exchange.requests.map(({ status }) => status);
    expect(answers.filter((status) => status !== 200)).toEqual([500, 500, 429, 429, 'cut', 'cut']);
  });

  it.each(['sip', 'iex'])('the history of the same feed fills it: %s', async (name) => {
    world = await World.open({ feed: name });
    const feed = await connected();
    await trade(50);
    world.exchange.disconnect();
    await trade(50);
    await until(() => world.gaps().length > 0);
    await expectComplete(feed);
    const asked = world.exchange.requests.map(({ url }) => url.searchParams.get('feed'));
    expect(new Set(asked)).toEqual(new Set([name]));
  });

  it('a symbol that trades often is not told again from when another one last traded', async () => {
    let at = BigInt(Date.now() - 1_000) * 1_000_000n;
    world = await World.open({ now: () => at });
    const feed = await connected({ overlapMs: 20 });
    for (const symbol of ['AAPL', 'NVDA', 'NVDA']) {
      world.exchange.emit(1, symbol);
      await world.complete();
      at += 60_000_000n;
    }
    world.exchange.disconnect();
    world.exchange.emit(1, 'NVDA');
    await expectComplete(feed, 1);
    expect(world.duplicates()).toBe(0);
    expect(world.gaps().map(({ filled }) => filled)).toEqual([1]);
  });

  it('a connection that ends while a gap is filled begins one gap, not two', async () => {
    world = await World.open();
    const feed = await connected({ historyPageSize: 5 });
    await trade(100);
    world.exchange.failHistory(Number.POSITIVE_INFINITY);
    world.exchange.disconnect();
    await trade(200);
    await world.subscribed(feed, 2);
    await until(() => world.exchange.requests.length > 0);
    await trade(50);
    world.exchange.disconnect();
    await world.subscribed(feed, 3);
    world.exchange.failHistory(0);
    await trade(50);
    await expectComplete(feed, 1);
    expect(reasons()).toEqual(['reconnect']);
    expect(world.duplicates()).toBe(0);
  });

  it('what comes during a fill and is no trade is not lost when the connection ends', async () => {
    world = await World.open();
    const feed = await connected();
    await trade(50);
    world.exchange.failHistory(Number.POSITIVE_INFINITY);
    world.exchange.disconnect();
    await world.subscribed(feed, 2);
    world.exchange.stopTrading();
    world.exchange.cancel();
    // No trade has to go before it, so it is there although the fill goes on.
    const cancellations = () => world.kinesis.records.filter(({ data }) => /"T":"x"/.test(data));
    await until(() => cancellations().length > 0);
    expect(world.gaps()).toEqual([]);
    world.exchange.disconnect();
    await world.subscribed(feed, 3);
    world.exchange.failHistory(0);
    await expectComplete(feed);
    expect(cancellations()).toHaveLength(1);
  });

  it.each([3_600n, -50n])("this machine's clock may be wrong: by %s s", async (seconds) => {
    world = await World.open();
    const feed = await connected({}, () => seconds * 1_000_000_000n);
    for (let times = 0; times < 2; times += 1) {
      await trade(50);
      world.exchange.disconnect();
      await trade(100);
      await world.subscribed(feed, times + 2);
    }
    await expectComplete(feed);
  });
});

describe('what the archive can tell of the order', () => {
  /** Records as an archive may have them: of all symbols and feeds, in any order. */
  async function* shuffled(): AsyncGenerator<string> {
    const random = randomOf(1, 'archive');
    const texts = world.kinesis.records.map(({ data }) => data);
    while (texts.length > 0) yield texts.splice(random.integer(0, texts.length - 1), 1)[0] as string;
  }

  /** By symbol, in the order of the stream; what comes again is told once. */
  const bySymbol = (texts: readonly string[]) => {
    const told: Record<string, string[]> = {};
    for (const text of new Set(texts)) {
      const { trade } = JSON.parse(text);
      if (trade?.S) told[trade.S] = [...(told[trade.S] ?? []), text];
    }
    return told;
  };

  it.each([0n, -3_600n])(
    'is the order on the stream: out of order, over gaps, with a clock set by %s s',
    async (seconds) => {
      world = await World.open();
      const clock = { offset: 0n };
      const feed = world.feed({ historyPageSize: 20 }, () => clock.offset);
      await world.subscribed(feed);
      await trade(100);
      world.exchange.outOfOrder(50);
      clock.offset = seconds * 1_000_000_000n;
      world.exchange.outOfOrder(50);
      for (let times = 0; times < 2; times += 1) {
        world.exchange.disconnect();
        await trade(100);
        await world.subscribed(feed, times + 2);
        world.exchange.outOfOrder(50);
        await trade(100);
      }
      world.exchange.stopTrading();
      await world.complete();
      await feed.stop();

      const restored: string[] = [];
      for await (const part of inStreamOrder(shuffled())) restored.push(...part.map(({ text }) => text));
      expect(bySymbol(restored)).toEqual(bySymbol(world.kinesis.records.map(({ data }) => data)));
      const received = world.published().map((each) => each.received);
      expect(new Set(received).size).toBe(received.length);
    },
  );
});

describe('a provider that lets nobody in', () => {
  it('allows one connection: the feed waits until the other one has gone', async () => {
    world = await World.open();
    const other = new WebSocket(world.exchange.streamUrl);
    other.on('message', (data) => {
      if (String(data).includes('"connected"')) other.send(authMessage('the key', 'the secret'));
      if (String(data).includes('"authenticated"')) other.send(subscribeMessage(['AAPL']));
    });
    await until(() => world.exchange.listening === 1);
    const feed = world.feed();
    await until(() => feed.lines.some(({ more }) => /406/.test(String(more.error))));
    other.close();
    await world.subscribed(feed);
    await trade(50);
    await expectComplete(feed);
  });
});

describe('what a person has to mend', () => {
  const waits = (feed: RunningFeed) =>
    feed.lines.flatMap(({ level, more }) => (level === 'error' ? [(more.error as LabError).code] : []));
  const owner = () => world.dynamo.items.get('feed')?.owner;

  /** It keeps its lease and looks again and again, each time with a line of its own, and no other wrong is told. */
  async function expectWaits(feed: RunningFeed, code: ErrorCode): Promise<void> {
    const before = waits(feed).length;
    await until(() => waits(feed).length >= before + 2);
    expect(new Set(waits(feed).slice(before))).toEqual(new Set([code]));
    expect(feed.state).toMatchObject({ active: true, waitsForLogin: true });
    expect(owner()).toBe('feed 0');
  }

  /** Ticks flow, under the lease that it took first. */
  async function expectFlows(feed: RunningFeed, gaps = 0): Promise<void> {
    await until(() => feed.lines.at(-1)?.message === 'subscribed' || world.gaps().length > 0);
    await trade(50);
    await world.complete();
    expect(feed.state).toMatchObject({ active: true, waitsForLogin: false });
    await expectComplete(feed, gaps);
    expect(feed.lines.filter(({ message }) => message === 'lease taken')).toHaveLength(1);
    expect(new Set(world.published().map(({ token }) => token))).toEqual(new Set([1]));
    expect(owner()).toBeUndefined();
  }

  const badSecret = () => Promise.reject(new LabError('ProviderSecretInvalid', 'not JSON'));
  const noAnswer = () => Promise.reject(new LabError('ProviderSecretUnreadable', 'it has no value'));

  it('a secret that is not filled in: the feed waits with its lease, a standby stands by, and then ticks flow', async () => {
    world = await World.open();
    world.secret = badSecret;
    const feed = world.feed();
    await expectWaits(feed, 'ProviderSecretInvalid');
    const standby = world.feed();
    await expectWaits(feed, 'ProviderSecretInvalid');
    expect(standby.state).toMatchObject({ active: false, waitsForLogin: false });
    expect(world.exchange.connections).toBe(0);
    world.secret = async () => login;
    await expectFlows(feed);
  });

  it('a secret that cannot be read: the same, and it is tried as soon as anything that passes', async () => {
    world = await World.open();
    world.secret = noAnswer;
    const feed = world.feed({ refusedRetryMs: 3_600_000 });
    await until(() => feed.lines.filter(({ message }) => message === 'not connected').length >= 2);
    expect(feed.state).toMatchObject({ active: true, waitsForLogin: true });
    world.secret = async () => login;
    await expectFlows(feed);
  });

  it('a login that the provider refuses, of a secret that is mended', async () => {
    world = await World.open();
    world.secret = async () => ({ ...login, secret: 'another one' });
    const feed = world.feed();
    await expectWaits(feed, 'ProviderLoginRefused');
    world.secret = async () => login;
    await expectFlows(feed);
  });

  it('a login that the provider takes no longer: the connection that is up stays, the gap after it is filled', async () => {
    world = await World.open();
    const feed = await connected();
    world.exchange.refuseLogin(true);
    await trade(50);
    await world.complete();
    expect(feed.state.waitsForLogin).toBe(false);
    world.exchange.disconnect();
    await expectWaits(feed, 'ProviderLoginRefused');
    await trade(50);
    world.exchange.refuseLogin(false);
    await expectFlows(feed, 1);
    expect(reasons()).toEqual(['reconnect']);
  });

  it('a secret that changes while the feed is connected: the next connection uses it', async () => {
    world = await World.open();
    const feed = await connected();
    world.secret = badSecret;
    await trade(50);
    await world.complete();
    expect(waits(feed)).toEqual([]);
    world.exchange.disconnect();
    await expectWaits(feed, 'ProviderSecretInvalid');
    await trade(50);
    world.secret = async () => login;
    await expectFlows(feed, 1);
  });

  it('Secrets Manager is away when the connection is cut: the login of the last one is used', async () => {
    world = await World.open();
    const feed = await connected();
    await trade(50);
    world.secret = noAnswer;
    world.exchange.disconnect();
    await world.subscribed(feed, 2);
    expect(feed.lines.map(({ message }) => message)).toContain('the login is that of the last connection');
    await expectFlows(feed, 1);
  });

  it('a subscription that has no such feed: the secret names the one that it has', async () => {
    world = await World.open({ feed: 'iex' });
    const { streamUrl } = world.exchange;
    const feed = world.feed({ streamUrl: streamUrl.replace('iex', 'sip') });
    await expectWaits(feed, 'ProviderSubscriptionRefused');
    world.secret = async () => ({ ...login, streamUrl });
    await expectFlows(feed);
  });

  it('a history that refuses for good: the gap stays open, the connection is given up, and all of it is filled later', async () => {
    world = await World.open();
    const refusing = createServer((_, response) => response.writeHead(403).end('not in your subscription'));
    refusing.listen(0, '127.0.0.1');
    await once(refusing, 'listening');
    const { port } = refusing.address() as AddressInfo;
    const feed = await connected({ historyUrl: `http://127.0.0.1:${port}` });
    await trade(20);
    world.exchange.disconnect();
    const before = waits(feed).length;
    await until(() => waits(feed).length >= before + 2);
    expect(new Set(waits(feed))).toEqual(new Set(['HistoryRefused']));
    expect(world.gaps()).toEqual([]);
    world.secret = async () => ({ ...login, historyUrl: world.exchange.historyUrl });
    await expectFlows(feed, 1);
    expect(reasons()).toEqual(['reconnect']);
    expect(feed.figures.sum('Disconnected')).toBe(feed.figures.sum('Connected'));
    refusing.closeAllConnections();
    refusing.close();
  });

  it.each<[string, World['secret']]>([
    ['until the next look', badSecret],
    [
      'for Secrets Manager',
      (signal) =>
        new Promise((_, reject) => {
          const stopped = () => reject(new LabError('ProviderSecretUnreadable', 'aborted'));
          signal.addEventListener('abort', stopped, { once: true });
        }),
    ],
  ])('asked to stop while it waits %s: it ends at once and gives its lease back', async (_, secret) => {
    world = await World.open();
    let reads = 0;
    world.secret = (signal) => {
      reads += 1;
      return secret(signal);
    };
    const feed = world.feed({ refusedRetryMs: 3_600_000 });
    await until(() => reads === 1);
    expect(owner()).toBe('feed 0');
    await feed.stop();
    expect(owner()).toBeUndefined();
    expect(feed.state).toMatchObject({ active: false, waitsForLogin: false });
    expect(reads).toBe(1);
  });
});

describe('the stream', () => {
  /** Never several records of a symbol in a call: should this machine stand still, the risk to their order is not taken. */
  const unhurried = { hurryFromBacklog: Number.MAX_SAFE_INTEGER };

  it.each(['of any record', 'of one symbol for a while'])(
    'refuses in part: what was refused goes before what is later: %s',
    async (what) => {
      world = await World.open({ ticksPerSecond: 2000 });
      const random = randomOf(1, 'refusals');
      let isAway = true;
      world.kinesis.refuse = ({ key }) =>
        (what === 'of any record' ? random.chance(0.3) : key === 'NVDA' && isAway)
          ? 'ProvisionedThroughputExceededException'
          : undefined;
      const feed = await connected(unhurried);
      await trade(500);
      world.exchange.stopTrading();
      await until(() => feed.figures.sum('Retried') > 5);
      isAway = false;
      await expectComplete(feed);
      expect(world.duplicates()).toBe(0);
    },
  );

  it('refuses everything for a while: what does not fit into memory waits on the disk', async () => {
    world = await World.open();
    let away = false;
    world.kinesis.refuse = () => (away ? 'ProvisionedThroughputExceededException' : undefined);
    const feed = await connected({ bufferBytes: 100_000 });
    const { connections } = world.exchange;
    await trade(100);
    world.exchange.stopTrading();
    away = true;
    world.exchange.emit(2_000);
    await until(() => feed.state.heldBytes > 200_000);
    away = false;
    await expectComplete(feed);
    expect(world.duplicates()).toBe(0);
    expect(world.exchange.connections).toBe(connections);
  });

  it('refuses, and the disk takes nothing: the history has what found no room', async () => {
    world = await World.open();
    const file = path.join(world.directory, 'no directory');
    writeFileSync(file, '');
    let away = false;
    world.kinesis.refuse = () => (away ? 'ProvisionedThroughputExceededException' : undefined);
    const feed = await connected({ bufferBytes: 100_000, spillDirectory: file });
    await trade(100);
    world.exchange.stopTrading();
    away = true;
    world.exchange.emit(2_000);
    await until(() => feed.lines.some(({ more }) => more.reason === 'full'));
    away = false;
    await expectComplete(feed, 1);
    expect(reasons()).toContain('reconnect');
  });

  it('takes records, and its answer is lost: they come twice, and none is missing', async () => {
    world = await World.open();
    let calls = 0;
    world.kinesis.fail = () => {
      calls += 1;
      if (calls % 3 > 0) return undefined;
      return { error: new Error('the answer is lost'), after: calls % 2 === 0 };
    };
    const feed = await connected(unhurried); // so that there are many calls
    await trade(300);
    await expectComplete(feed);
    expect(world.duplicates()).toBeGreaterThan(0);
  });
});

describe('two feeds', () => {
  /** What a later owner of the lease sent comes after all that an earlier one sent. */
  const expectFenced = () => {
    const tokens = world.published().map(({ token }) => token);
    expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
  };
  const active = (feeds: RunningFeed[]) => feeds.filter(({ state }) => state.active).length;

  it('one is active; when it is killed the other one takes over and fills the gap', async () => {
    world = await World.open();
    const first = await connected({ leaseSeconds: 3 }, undefined, { now: 0 });
    const time = { now: 0 };
    const second = world.feed({ leaseSeconds: 3 }, undefined, time);
    await trade(200);
    expect(active([first, second])).toBe(1);
    first.kill();
    await trade(200);
    await until(
      () => second.state.active,
      () => (time.now += 1_000),
    );
    await world.subscribed(second);
    await trade(200);
    await expectComplete(second, 1);
    expectFenced();
    expect(reasons()).toEqual(['failover']);
    expect(new Set(world.published().map(({ token }) => token))).toEqual(new Set([1, 2]));
  });

  it('one is stopped: it leaves nothing unsent, and the other one takes over at once', async () => {
    world = await World.open();
    const first = await connected();
    // Its time stands still: it takes over what was given back, and nothing else.
    const second = world.feed({ leaseSeconds: 3 }, undefined, { now: 0 });
    await trade(200);
    await first.stop();
    await world.subscribed(second);
    await trade(200);
    await expectComplete(second, 1);
    expectFenced();
    expect(reasons()).toEqual(['start']);
  });

  it('the table does not answer: the active one stops before the lease lapses, and nobody sends', async () => {
    world = await World.open();
    const feeds = [await connected({ leaseSeconds: 1 }), world.feed({ leaseSeconds: 1 })];
    await trade(100);
    world.dynamo.isAway = true;
    await until(() => active(feeds) === 0);
    const before = world.kinesis.records.length;
    await trade(100);
    expect(world.kinesis.records.length).toBe(before);
    world.dynamo.isAway = false;
    await until(() => active(feeds) === 1);
    world.exchange.stopTrading();
    await world.complete();
    await Promise.all(feeds.map((feed) => feed.stop()));
    expect(world.outOfOrder()).toEqual([]);
    expectFenced();
  });

  it('none for a while: the next one begins where the last one ended', async () => {
    world = await World.open();
    const first = await connected();
    await trade(100);
    await first.stop();
    await trade(100);
    const second = await connected({ historyPageSize: 20 });
    await trade(100);
    await expectComplete(second, 1);
    expect(reasons()).toEqual(['start']);
  });
});

describe('a stop', () => {
  it('sends what was accepted', async () => {
    world = await World.open();
    world.kinesis.latency = () => 50;
    const feed = await connected();
    world.exchange.emit(60);
    await until(() => world.kinesis.calls.length > 0); // they came in one message
    await feed.stop();
    expect(world.missing()).toEqual([]);
  });

  it('does not wait for a stream that refuses for longer than it may: the next feed has the rest', async () => {
    world = await World.open();
    let away = true;
    world.kinesis.refuse = () => (away ? 'ProvisionedThroughputExceededException' : undefined);
    const first = await connected({ stopSeconds: 0.3 });
    await trade(100);
    world.exchange.stopTrading();
    await first.stop();
    away = false;
    const second = await connected();
    await expectComplete(second);
  });

  it('while a gap is filled leaves the rest of it to the next feed', async () => {
    world = await World.open();
    const first = await connected({ historyPageSize: 5 });
    await trade(100);
    world.exchange.failHistory(Number.POSITIVE_INFINITY);
    world.exchange.disconnect();
    await trade(100);
    await world.subscribed(first, 2);
    await until(() => world.exchange.requests.length > 0);
    await first.stop();
    expect(world.gaps()).toEqual([]);
    world.exchange.failHistory(0);
    const second = await connected();
    await trade(50);
    await expectComplete(second);
  });
});
