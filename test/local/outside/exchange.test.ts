import { once } from 'node:events';
import { jest } from '@jest/globals';
import { WebSocket } from 'ws';
import {
  authMessage,
  historyHeaders,
  historyUrl,
  parseFrame,
  parseHistoryPage,
  type StreamElement,
  subscribeMessage,
  unsubscribeMessage,
} from '../../../domain/stocks/alpaca.ts';
import { nanoseconds, parseTrade, tradeIdentity } from '../../../domain/stocks/trade.ts';
import { deferred } from '../../../local/core/deferred.ts';
import {
  type Exchange,
  type ExchangeOptions,
  type ExchangeTrade,
  startExchange,
} from '../../../local/outside/exchange.ts';
import { fakeOnly } from '../../fake-timers.ts';

const symbols = ['AAPL', 'IBM', 'MSFT'];
const account = { key: 'KEY', secret: 'SECRET' };
const noon = nanoseconds('2026-11-20T17:00:00Z');

let open: { exchange: Exchange; clients: Client[] };

const exchangeOf = async (options: Partial<ExchangeOptions> = {}): Promise<Exchange> => {
  const exchange = await startExchange({
    seed: 7,
    symbols,
    ticksPerSecond: 1000,
    ...account,
    now: () => noon,
    ...options,
  });
  open = { exchange, clients: [] };
  return exchange;
};

afterEach(async () => {
  for (const { socket } of open.clients) socket.terminate();
  await open.exchange.stop();
});

/** A client that knows nothing of ours: npm ws, and the messages as they came. */
interface Client {
  socket: WebSocket;
  /** All messages so far that were not taken by `next`. */
  messages: string[];
  next(): Promise<string>;
  closed: Promise<number>;
}

function connect(url: string, headers: Record<string, string> = {}): Client {
  const socket = new WebSocket(url, { headers });
  const messages: string[] = [];
  const waiting: ((message: string) => void)[] = [];
  const closed = deferred<number>();
  socket.on('message', (data) => {
    const taker = waiting.shift();
    if (taker) taker(String(data));
    else messages.push(String(data));
  });
  socket.on('error', () => undefined);
  socket.on('close', (code) => closed.resolve(code));
  const next = (): Promise<string> => {
    const message = messages.shift();
    return message === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(message);
  };
  const client = { socket, messages, next, closed: closed.promise };
  open.clients.push(client);
  return client;
}

async function listen(exchange: Exchange, to: readonly string[] = symbols): Promise<Client> {
  const client = connect(exchange.streamUrl);
  await client.next();
  client.socket.send(authMessage(account.key, account.secret));
  expect(await client.next()).toBe('[{"T":"success","msg":"authenticated"}]');
  client.socket.send(subscribeMessage(to));
  expect(parseFrame(await client.next())).toMatchObject([{ kind: 'subscription', trades: to }]);
  return client;
}

const tradesOf = (message: string) =>
  parseFrame(message).flatMap((element) => (element.kind === 'trade' ? [parseTrade(element.trade)] : []));

/** A ping's answer comes after all that was said before it. */
async function flushed(client: Client): Promise<string[]> {
  client.socket.ping();
  await once(client.socket, 'pong');
  return client.messages.splice(0);
}

const known = (trade: ExchangeTrade): string => `${trade.symbol}|${trade.venue}|2026-11-20|${trade.id}`;

const history = async (
  exchange: Exchange,
  parameters: Record<string, string>,
  headers = historyHeaders('KEY', 'SECRET'),
) => {
  const url = new URL('/v2/stocks/trades', exchange.historyUrl);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  const response = await fetch(url, { headers });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

const everything = {
  symbols: symbols.join(','),
  start: '2026-11-20T00:00:00Z',
  end: '2026-11-21T00:00:00Z',
};

const error = (code: number, message: string): string => `[{"T":"error","code":${code},"msg":"${message}"}]`;

describe('the conversation', () => {
  it('goes as the documents print it', async () => {
    const exchange = await exchangeOf();
    const client = connect(exchange.streamUrl);
    expect(await client.next()).toBe('[{"T":"success","msg":"connected"}]');
    client.socket.send('{"action": "auth", "key": "KEY", "secret": "SECRET"}');
    expect(await client.next()).toBe('[{"T":"success","msg":"authenticated"}]');
    expect(exchange.listening).toBe(0); // what happened now it would not hear
    client.socket.send('{"action":"subscribe","trades":["AAPL"],"quotes":[]}');
    expect(await client.next()).toBe(
      '[{"T":"subscription","trades":["AAPL"],"quotes":[],"bars":[],"updatedBars":[],"dailyBars":[],"statuses":[],"lulds":[],"corrections":["AAPL"],"cancelErrors":["AAPL"]}]',
    );
    expect(exchange.listening).toBe(1);
    exchange.emit(1, 'AAPL');
    expect(await client.next()).toMatch(
      /^\[\{"T":"t","S":"AAPL","i":\d+,"x":"[A-Z]","p":\d+(\.\d\d?)?,"s":\d+,"c":\["@"(,"[A-Z]")*\],"z":"C","t":"2026-11-20T17:00:00Z"\}\]$/,
    );
  });

  it('authenticates by headers as well', async () => {
    const exchange = await exchangeOf();
    const client = connect(exchange.streamUrl, historyHeaders('KEY', 'SECRET'));
    await client.next();
    expect(await client.next()).toBe('[{"T":"success","msg":"authenticated"}]');
  });

  it('adds and takes away symbols, and has one for all', async () => {
    const exchange = await exchangeOf();
    const client = await listen(exchange, ['AAPL']);
    client.socket.send(subscribeMessage(['IBM']));
    expect(parseFrame(await client.next())).toMatchObject([{ trades: ['AAPL', 'IBM'] }]);
    client.socket.send(unsubscribeMessage(['AAPL']));
    expect(parseFrame(await client.next())).toMatchObject([{ trades: ['IBM'] }]);
    for (const symbol of symbols) exchange.emit(1, symbol);
    expect((await flushed(client)).flatMap(tradesOf)).toMatchObject([{ symbol: 'IBM' }]);
    client.socket.send(subscribeMessage(['*']));
    await client.next();
    for (const symbol of symbols) exchange.emit(1, symbol);
    expect((await flushed(client)).flatMap(tradesOf).map(({ symbol }) => symbol)).toEqual(symbols);
  });

  it.each<[string, string, string]>([
    ['not JSON', '{"action":', error(400, 'invalid syntax')],
    ['no object', '[]', error(400, 'invalid syntax')],
    ['no action', '{}', error(400, 'invalid syntax')],
    ['too early', subscribeMessage(['AAPL']), error(401, 'not authenticated')],
  ])('refuses what is %s, and goes on', async (_, request, answer) => {
    const client = connect((await exchangeOf()).streamUrl);
    await client.next();
    client.socket.send(request);
    expect(await client.next()).toBe(answer);
    client.socket.send(authMessage(account.key, account.secret));
    expect(await client.next()).toBe('[{"T":"success","msg":"authenticated"}]');
  });

  it.each<[string, string, string]>([
    ['a second login', authMessage('KEY', 'SECRET'), error(403, 'already authenticated')],
    ['a symbol that is none', '{"action":"subscribe","trades":["aapl"]}', error(400, 'invalid syntax')],
    ['symbols that are no list', '{"action":"subscribe","trades":"AAPL"}', error(400, 'invalid syntax')],
    ['too many symbols', subscribeMessage(['A', 'B', 'C', 'D']), error(405, 'symbol limit exceeded')],
    [
      'quotes, which are not played',
      '{"action":"subscribe","quotes":["AAPL"]}',
      error(410, 'invalid subscribe action for this feed'),
    ],
  ])('refuses %s, and the subscription stays as it was', async (_, request, answer) => {
    const exchange = await exchangeOf({ symbolLimit: 3 });
    const client = await listen(exchange, ['IBM']);
    client.socket.send(request);
    expect(await client.next()).toBe(answer);
    exchange.emit(1, 'AAPL');
    exchange.emit(1, 'IBM');
    expect((await flushed(client)).flatMap(tradesOf)).toMatchObject([{ symbol: 'IBM' }]);
  });

  it.each<[string, string, string, string]>([
    ['a wrong secret', '/v2/sip', authMessage('KEY', 'secret'), error(402, 'auth failed')],
    [
      'a feed of another subscription',
      '/v2/iex',
      authMessage('KEY', 'SECRET'),
      error(409, 'insufficient subscription'),
    ],
  ])('ends after %s', async (_, path, request, answer) => {
    const exchange = await exchangeOf();
    const client = connect(new URL(path, exchange.streamUrl).href);
    await client.next();
    client.socket.send(request);
    expect(await client.next()).toBe(answer);
    await client.closed;
  });

  it('ends when nobody authenticates in time', async () => {
    const exchange = await exchangeOf({ authenticationMilliseconds: 20 });
    const client = connect(exchange.streamUrl);
    await client.next();
    expect(await client.next()).toBe(error(404, 'auth timeout'));
    await client.closed;
  });

  it('is had at the address of a feed alone', async () => {
    const exchange = await exchangeOf();
    const client = connect(new URL('/v1/last', exchange.streamUrl).href);
    expect(await client.closed).toBe(1006);
    expect(exchange.connections).toBe(0);
  });

  it('is refused to a second connection, until the first has ended or both are allowed', async () => {
    const exchange = await exchangeOf();
    const first = await listen(exchange);
    const second = connect(exchange.streamUrl);
    await second.next();
    second.socket.send(authMessage(account.key, account.secret));
    expect(await second.next()).toBe(error(406, 'connection limit exceeded'));
    await second.closed;

    exchange.allowSecond(true);
    const third = await listen(exchange);
    exchange.emit(3);
    expect((await flushed(first)).flatMap(tradesOf)).toHaveLength(3);
    expect((await flushed(third)).flatMap(tradesOf)).toHaveLength(3);
    expect(exchange.sent).toEqual({ trades: 6, distinct: 3 });

    exchange.allowSecond(false);
    first.socket.close();
    third.socket.close();
    await Promise.all([first.closed, third.closed]);
    await listen(exchange);
    expect([exchange.connections, exchange.listening]).toEqual([4, 1]);
  });
});

describe('the trades', () => {
  const run = async (seed: number) => {
    const exchange = await exchangeOf({ seed });
    const trades = [exchange.emit(300), exchange.emit(50, 'IBM'), exchange.outOfOrder(20)].flat();
    await exchange.stop();
    return trades;
  };

  it('are the same for the same seed, calls and clock, and others for another seed', async () => {
    const first = await run(1);
    expect(await run(1)).toEqual(first);
    expect(await run(2)).not.toEqual(first);
  });

  it('have times that rise within a symbol, ids that rise within a venue, and whole cents above a dollar', async () => {
    const exchange = await exchangeOf();
    exchange.emit(3000);
    const times = new Map<string, bigint>();
    const ids = new Map<string, number>();
    const wrong = exchange.trades().filter(({ symbol, venue, id, at, price, size }) => {
      const isRight =
        at > (times.get(symbol) ?? noon - 1n) &&
        id > (ids.get(venue) ?? 0) &&
        Math.round(price * 100) / 100 === price &&
        price >= 1 &&
        size > 0;
      times.set(symbol, at);
      ids.set(venue, id);
      return !isRight;
    });
    expect(wrong).toEqual([]);
    expect(new Set(exchange.trades().map(known)).size).toBe(3000);
  });

  it('begin their ids anew with the day in New York, not at midnight UTC', async () => {
    let at = nanoseconds('2026-11-20T23:59:59.999999999Z');
    const exchange = await exchangeOf({ now: () => at, symbols: ['IBM'] });
    const idsOnQ = () => {
      const found = exchange.emit(40).filter(({ venue }) => venue === 'Q');
      return found.map(({ id }) => id);
    };
    const before = idsOnQ();
    const overMidnight = idsOnQ();
    at = nanoseconds('2026-11-21T05:00:00Z');
    const nextDay = idsOnQ();
    expect(overMidnight[0]).toBeGreaterThan(before.at(-1) as number);
    expect(nextDay[0]).toBe(1);
  });

  describe('as time passes', () => {
    afterEach(() => void jest.useRealTimers());

    it('go on by themselves at their rate, ten times as many in a burst, until they are stopped', async () => {
      const exchange = await exchangeOf({ ticksPerSecond: 2000 });
      const client = await listen(exchange);
      // The exchange's own clock and no other: sockets go on as always.
      fakeOnly('performance', 'setInterval', 'clearInterval');
      const countIn = (milliseconds: number) => {
        const before = exchange.trades().length;
        jest.advanceTimersByTime(milliseconds);
        return exchange.trades().length - before;
      };
      exchange.start();
      exchange.start();
      expect(countIn(300)).toBe(600);
      exchange.burst(10, 100);
      expect(countIn(100)).toBe(2000);
      expect(countIn(300)).toBe(600);
      exchange.stopTrading();
      expect(countIn(50)).toBe(0);
      const heard = (await flushed(client)).flatMap(tradesOf);
      expect(heard.map(tradeIdentity)).toEqual(exchange.trades().map(known));
      expect(exchange.sent).toEqual({ trades: heard.length, distinct: heard.length });
    });
  });

  it('that are older than those to be kept are forgotten', async () => {
    const exchange = await exchangeOf({ keepTrades: 100 });
    const [first] = exchange.emit(1);
    const last = exchange.emit(300).slice(-100).map(known);
    expect(exchange.trades().length).toBeLessThan(200);
    expect(exchange.trades().map(known).slice(-100)).toEqual(last);
    const { text } = await history(exchange, { ...everything, limit: '10000' });
    expect(parseHistoryPage(text).trades).toHaveLength(exchange.trades().length);
    expect(exchange.trades()).not.toContain(first);
  });

  it('can be taken back and corrected, which those who are subscribed hear and the history shows', async () => {
    const exchange = await exchangeOf();
    const client = await listen(exchange, ['AAPL']);
    exchange.emit(1, 'AAPL');
    const canceled = exchange.cancel();
    exchange.emit(1, 'AAPL');
    const incorrect = exchange.correct();
    exchange.emit(1, 'IBM');
    exchange.cancel();
    const said = (await flushed(client)).flatMap<StreamElement>(parseFrame);
    expect(said).toMatchObject([
      { kind: 'trade' },
      { kind: 'other', type: 'x', symbol: 'AAPL' },
      { kind: 'trade' },
      { kind: 'other', type: 'c', symbol: 'AAPL' },
    ]);
    const { x, oi, ci, p, ...rest } = {
      ...JSON.parse(said[1]?.text ?? ''),
      ...JSON.parse(said[3]?.text ?? ''),
    };
    expect([p, oi]).toEqual([canceled.price, incorrect.id]);
    expect(x).toBe(incorrect.venue);
    expect(ci).toBeGreaterThan(oi);
    expect(rest).toMatchObject({ op: incorrect.price, cs: incorrect.size, a: 'C' });
    const { text } = await history(exchange, { ...everything, symbols: 'AAPL' });
    expect(parseHistoryPage(text).trades).toMatchObject([
      { trade: { u: 'canceled', i: canceled.id } },
      { trade: { u: 'incorrect', i: incorrect.id } },
    ]);
  });
});

describe('the history', () => {
  it('has everything that happened, page by page, by symbol and then by time', async () => {
    const exchange = await exchangeOf();
    exchange.emit(1000);
    const found: string[] = [];
    let pageToken: string | undefined;
    let pages = 0;
    do {
      const query = { symbols, start: noon, end: noon + 1_000_000n, limit: 77, pageToken };
      const response = await fetch(historyUrl(exchange.historyUrl, query), {
        headers: historyHeaders('KEY', 'SECRET'),
      });
      const page = parseHistoryPage(await response.text());
      expect(page.trades.length).toBeLessThanOrEqual(77);
      found.push(...page.trades.map(({ trade }) => tradeIdentity(parseTrade(trade))));
      pageToken = page.nextPageToken;
      pages += 1;
    } while (pageToken !== undefined);
    expect(pages).toBe(13);
    const bySymbol = symbols.flatMap((symbol) =>
      exchange.trades().filter((trade) => trade.symbol === symbol),
    );
    expect(found).toEqual(bySymbol.map(known));
    expect(exchange.requests).toHaveLength(13);
  });

  it('can be read from the newest', async () => {
    const exchange = await exchangeOf();
    exchange.emit(10, 'IBM');
    const ids: number[] = [];
    let token: string | null = null;
    do {
      const page = await history(exchange, {
        ...everything,
        sort: 'desc',
        limit: '4',
        ...(token && { page_token: token }),
      });
      const { trades, next_page_token } = JSON.parse(page.text);
      ids.push(...trades.IBM.map(({ i }: { i: number }) => i));
      token = next_page_token;
    } while (token !== null);
    expect(ids).toEqual(
      exchange
        .trades()
        .map(({ id }) => id)
        .reverse(),
    );
  });

  it('includes both ends of the interval, to the nanosecond', async () => {
    const exchange = await exchangeOf();
    exchange.emit(10, 'IBM');
    const { text } = await history(exchange, {
      symbols: 'IBM',
      start: '2026-11-20T17:00:00.000000002Z',
      end: '2026-11-20T12:00:00.000000005-05:00',
    });
    expect(JSON.parse(text).trades.IBM.map(({ t }: { t: string }) => t)).toEqual(
      [2, 3, 4, 5].map((digit) => `2026-11-20T17:00:00.00000000${digit}Z`),
    );
  });

  it('has no symbol that did not trade, and tells as many as 1000 unless asked for more', async () => {
    const exchange = await exchangeOf();
    exchange.emit(1001, 'IBM');
    const { text } = await history(exchange, { ...everything, symbols: 'AAPL,IBM,NONE' });
    const { trades, next_page_token } = JSON.parse(text);
    expect(Object.keys(trades)).toEqual(['IBM']);
    expect(trades.IBM).toHaveLength(1000);
    expect(next_page_token).toEqual(expect.any(String));
    expect((await history(exchange, { symbols: 'NONE' })).text).toBe('{"trades":{},"next_page_token":null}');
  });

  it.each<[string, Record<string, string>]>([
    ['symbols', {}],
    ['symbol', { symbols: 'AAPL,,IBM' }],
    ['start', { symbols: 'AAPL', start: 'yesterday' }],
    ['end', { symbols: 'AAPL', end: '2026-02-30T00:00:00Z' }],
    ['end', { symbols: 'AAPL', start: '2026-11-21', end: '2026-11-20' }],
    ['limit', { symbols: 'AAPL', limit: '10001' }],
    ['feed', { symbols: 'AAPL', feed: 'nyse' }],
    ['sort', { symbols: 'AAPL', sort: 'up' }],
    ['page_token', { symbols: 'AAPL', page_token: 'AAAA' }],
  ])('refuses a wrong parameter by name: %s', async (name, parameters) => {
    const { status, text } = await history(await exchangeOf(), parameters);
    expect(status).toBe(400);
    expect(JSON.parse(text).message).toContain(name);
  });

  it('is for those who say both key and secret', async () => {
    const exchange = await exchangeOf();
    for (const headers of [{}, historyHeaders('KEY', 'other'), historyHeaders('other', 'SECRET')])
      expect((await history(exchange, everything, headers as Record<string, string>)).status).toBe(401);
    const [wrongPath, wrongMethod] = await Promise.all([
      fetch(new URL('/v2/stocks/quotes', exchange.historyUrl)),
      fetch(historyUrl(exchange.historyUrl, { symbols, start: 0n, end: 1n }), { method: 'POST' }),
    ]);
    expect([wrongPath.status, wrongMethod.status]).toEqual([404, 405]);
  });

  it('fails so often as it is told, in the way it is told', async () => {
    const exchange = await exchangeOf();
    exchange.emit(10);
    exchange.failHistory(2);
    exchange.failHistory(1, 429);
    exchange.failHistory(1, 'cut');
    const answers = [];
    for (let attempt = 0; attempt < 5; attempt += 1)
      answers.push(await history(exchange, everything).catch((reason: unknown) => ({ status: 0, reason })));
    expect(answers.map(({ status }) => status)).toEqual([500, 500, 429, 0, 200]);
    expect((answers[2] as { headers: Headers }).headers.get('x-ratelimit-remaining')).toBe('0');
    expect(exchange.requests.map(({ status }) => status)).toEqual([500, 500, 429, 'cut', 200]);
  });

  it('fails until it is told to go on, whatever else it was told', async () => {
    const exchange = await exchangeOf();
    exchange.failHistory(1, 429);
    exchange.failHistory(Number.POSITIVE_INFINITY);
    const statuses = [];
    for (let attempt = 0; attempt < 4; attempt += 1)
      statuses.push((await history(exchange, everything)).status);
    exchange.failHistory(0);
    statuses.push((await history(exchange, everything)).status);
    expect(statuses).toEqual([429, 500, 500, 500, 200]);
  });
});

describe('what goes wrong on demand', () => {
  it.each<['cut' | 'goodbye', number]>([
    ['cut', 1006],
    ['goodbye', 1001],
  ])('a websocket ends: %s', async (how, code) => {
    const exchange = await exchangeOf();
    const client = await listen(exchange);
    expect(exchange.disconnect(how)).toBe(1);
    expect(await client.closed).toBe(code);
    exchange.emit(5);
    expect(exchange.sent.distinct).toBe(0);
    expect(exchange.trades()).toHaveLength(5);
  });

  it('a websocket stays open, answers pings and says nothing; a later one does speak', async () => {
    const exchange = await exchangeOf();
    const client = await listen(exchange);
    exchange.mute(true);
    exchange.emit(5);
    exchange.malformed('[');
    exchange.halfFrame();
    expect(await flushed(client)).toEqual([]);
    client.socket.terminate();
    await client.closed;
    while (exchange.listening > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const later = await listen(exchange);
    const missed = exchange.sent.distinct;
    exchange.emit(5);
    expect((await flushed(later)).flatMap(tradesOf)).toHaveLength(5);
    expect([missed, exchange.sent.distinct]).toEqual([0, 5]);
  });

  it('a mute websocket speaks again, and does not tell what happened meanwhile', async () => {
    const exchange = await exchangeOf();
    const client = await listen(exchange);
    exchange.mute(true);
    exchange.emit(5);
    exchange.mute(false);
    const [last] = exchange.emit(1);
    expect((await flushed(client)).flatMap(tradesOf).map(tradeIdentity)).toEqual([
      known(last as ExchangeTrade),
    ]);
  });

  it('trades are told twice', async () => {
    const exchange = await exchangeOf();
    const client = await listen(exchange);
    exchange.emit(5);
    exchange.duplicate(3);
    const heard = (await flushed(client)).flatMap(tradesOf).map(tradeIdentity);
    expect(heard.slice(5)).toEqual(heard.slice(2, 5));
    expect(exchange.sent).toEqual({ trades: 8, distinct: 5 });
    expect(exchange.trades()).toHaveLength(5);
  });

  it('trades are told in the opposite order', async () => {
    const exchange = await exchangeOf();
    const client = await listen(exchange);
    const trades = exchange.outOfOrder(6);
    const heard = (await flushed(client)).flatMap(tradesOf).map(tradeIdentity);
    expect(heard).toEqual(trades.map(known).reverse());
    expect(exchange.trades()).toEqual(trades);
  });

  it('a message is whatever it is told to be', async () => {
    const exchange = await exchangeOf();
    const client = await listen(exchange);
    exchange.malformed('[{"T":"t","S":');
    expect(await flushed(client)).toEqual(['[{"T":"t","S":']);
  });

  it.each([1, 10, 1000])('half a message of %d trades arrives, and the websocket ends', async (count) => {
    const exchange = await exchangeOf();
    const client = await listen(exchange);
    const lost = exchange.halfFrame(count);
    expect(await client.closed).toBe(1006);
    expect(client.messages).toEqual([]);
    expect(exchange.sent).toEqual({ trades: 0, distinct: 0 });
    expect(exchange.trades()).toEqual(lost);
    while (exchange.listening > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await listen(exchange);
  });

  it('nobody can log in', async () => {
    const exchange = await exchangeOf();
    exchange.refuseLogin(true);
    const client = connect(exchange.streamUrl);
    await client.next();
    client.socket.send(authMessage(account.key, account.secret));
    expect(await client.next()).toBe(error(402, 'auth failed'));
    exchange.refuseLogin(false);
    await listen(exchange);
  });

  it('a client that does not read is disconnected, and what it missed is in the history', async () => {
    const exchange = await exchangeOf({ slowClientBytes: 1 << 20 });
    const client = await listen(exchange);
    client.socket.pause();
    while (exchange.listening > 0) {
      exchange.emit(5000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(exchange.sent.distinct).toBeLessThan(exchange.trades().length);
    client.socket.resume();
    await client.closed;
    const heard = client.messages.join().match(/"T":"t"/g)?.length;
    expect(heard).toBeLessThanOrEqual(exchange.sent.distinct);
    expect(heard).toBeGreaterThan(0);
  });

  it('it stops while clients are connected, twice if told twice', async () => {
    const exchange = await exchangeOf();
    const client = await listen(exchange);
    exchange.start();
    await Promise.all([exchange.stop(), exchange.stop()]);
    await client.closed;
    await expect(fetch(exchange.historyUrl)).rejects.toThrow();
  });
});
