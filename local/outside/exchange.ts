/**
 * The exchange outside: a market data provider that speaks Alpaca's protocol, websocket and HTTP history, to any client on
 * 127.0.0.1. Its trades are made up, the same for the same seed, calls and clock; it misbehaves on demand; and it knows
 * everything that happened, which is what a pipeline is counted against.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { authenticationMilliseconds } from '../../domain/stocks/alpaca.ts';
import { answerHistory } from './exchange/history.ts';
import { cancelText, correctionText, type ExchangeTrade, openMarket } from './exchange/market.ts';
import { openStream, type StreamCounts, type StreamLimits, streamUrl } from './exchange/stream.ts';

export type { ExchangeTrade } from './exchange/market.ts';

export interface ExchangeOptions extends Partial<StreamLimits> {
  seed: number;
  /** What is traded. */
  symbols: readonly string[];
  /** Of all symbols together, from `start` on. */
  ticksPerSecond: number;
  /** Who may listen: one connection at a time. */
  key: string;
  secret: string;
  /**
   * Nanoseconds since 1970: the time of a trade, unless its symbol had one then already.
   * @default this machine's clock
   */
  now?: () => bigint;
  /** @default a free one */
  port?: number;
  /** The feed that the account has subscribed to: any other is refused with 409. @default 'sip' */
  feed?: string;
  /** How many of the last trades are remembered at least, for the history and for `trades`. @default all */
  keepTrades?: number;
}

/** How a request for history fails: a status of HTTP, or a connection that ends in the middle of an answer. */
export type HistoryFault = 429 | 500 | 'cut';

export interface Exchange {
  /** `ws://127.0.0.1:PORT/v2/sip` */
  readonly streamUrl: string;
  /** `http://127.0.0.1:PORT` */
  readonly historyUrl: string;
  /** What was put on sockets; what happened while nobody listened is in `trades` alone. */
  readonly sent: Readonly<StreamCounts>;
  /** Websockets that were opened so far. */
  readonly connections: number;
  /** Those that are subscribed to something now: what happens from here on is told to them. */
  readonly listening: number;
  /** Requests for history in their order, and how they were answered. */
  readonly requests: readonly { url: URL; status: number | 'cut' }[];
  /** Everything that happened, in its order: the truth to count against. */
  trades(): readonly ExchangeTrade[];
  /** Trades go on by themselves, until `stopTrading`. */
  start(): void;
  stopTrading(): void;
  /** So many times the usual rate for so long, as at the open. @param factor default 10 @param milliseconds default 1000 */
  burst(factor?: number, milliseconds?: number): void;
  /** So many trades now, of any symbol or of this one. */
  emit(count: number, symbol?: string): readonly ExchangeTrade[];
  /** Takes back the last trade that happened (message x); the history marks it. */
  cancel(): ExchangeTrade;
  /** Corrects the last trade that happened (message c); the history marks it, and does not have what corrects it. */
  correct(): ExchangeTrade;

  // --- what goes wrong, on demand ---
  /** Ends all websockets: as a network does, without a word, or saying goodbye (1001). @returns how many */
  disconnect(how?: 'cut' | 'goodbye'): number;
  /**
   * True: the websockets that are open now stay open, answer pings, and say nothing more; later ones do speak. False: they
   * speak again, and what happened meanwhile is not told any more.
   */
  mute(on: boolean): void;
  /** Tells the last trades that were told once more, in one message. */
  duplicate(count: number): void;
  /** So many trades happen now, and are told in the opposite order: the newest first. */
  outOfOrder(count: number): readonly ExchangeTrade[];
  /** Tells everybody who listens this text as a message. */
  malformed(text: string): void;
  /** So many trades happen now (10 unless said); half of the bytes of their message are sent, and the websockets end. */
  halfFrame(count?: number): readonly ExchangeTrade[];
  /** More than one connection at a time is allowed. */
  allowSecond(on: boolean): void;
  /** Nobody can authenticate: 402. */
  refuseLogin(on: boolean): void;
  /** The next requests for history fail. @param times Infinity: until told 0, which ends all of them. @param how default 500 */
  failHistory(times: number, how?: HistoryFault): void;
  /** Ends all connections and stops listening; may be called again. */
  stop(): Promise<void>;
}

/** Milliseconds between two looks at how many trades are due. */
const turnMilliseconds = 10;

/** The wall clock when this began, and from there the monotonic one, which has nanoseconds and never steps back. */
function machineClock(): () => bigint {
  const began = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
  return () => began + process.hrtime.bigint();
}

/**
 * Starts the exchange; it listens when the promise settles, and trades when told to.
 *
 * @throws an error of Node when the port is taken
 */
export async function startExchange(options: ExchangeOptions): Promise<Exchange> {
  const { seed, symbols, ticksPerSecond, key, secret, feed = 'sip', port = 0 } = options;
  const { now = machineClock(), keepTrades = Number.POSITIVE_INFINITY } = options;
  const market = openMarket({ seed, symbols, now, keepTrades });
  const stream = openStream({
    key,
    secret,
    feed,
    authenticationMilliseconds: options.authenticationMilliseconds ?? authenticationMilliseconds,
    symbolLimit: options.symbolLimit ?? Number.POSITIVE_INFINITY,
    slowClientBytes: options.slowClientBytes ?? 32 << 20,
  });
  const requests: { url: URL; status: number | 'cut' }[] = [];
  /** In the order in which they strike. */
  const historyFaults: { times: number; how: HistoryFault }[] = [];
  const nextHistoryFault = (): HistoryFault | undefined => {
    const [next] = historyFaults;
    if (next === undefined) return undefined;
    next.times -= 1;
    if (next.times <= 0) historyFaults.shift();
    return next.how;
  };

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const fault = nextHistoryFault();
    const { headers, method = '' } = request;
    const { status, body } =
      typeof fault === 'number'
        ? { status: fault, body: JSON.stringify({ message: faultMessages[fault] }) }
        : answerHistory(
            { market, key, secret, now },
            {
              method,
              url,
              key: header(headers['apca-api-key-id']),
              secret: header(headers['apca-api-secret-key']),
            },
          );
    requests.push({ url, status: fault === 'cut' ? 'cut' : status });
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(status === 429 && rateLimit(now())),
    });
    if (fault === 'cut') {
      const whole = Buffer.from(body);
      response.write(whole.subarray(0, whole.length >> 1), () => response.destroy());
    } else response.end(body);
  };

  const server = createServer(answer);
  const raws = new Set<Duplex>();
  server.on('connection', (raw) => {
    raws.add(raw);
    raw.on('close', () => raws.delete(raw));
    raw.on('error', () => raw.destroy());
  });
  server.on('upgrade', stream.upgrade);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: bound } = server.address() as AddressInfo;

  const happen = (count: number, symbol?: string): ExchangeTrade[] =>
    Array.from({ length: count }, () => market.trade(symbol));
  const lastTrade = (): ExchangeTrade => {
    const last = market.trades().at(-1);
    if (last === undefined) throw new RangeError('nothing happened yet');
    return last;
  };

  let turns: ReturnType<typeof setInterval> | undefined;
  let turnedAt = 0;
  /** Trades due, and the part of one that is not due yet. */
  let due = 0;
  let burst = { factor: 1, until: 0 };
  const turn = (): void => {
    const at = performance.now();
    const inBurst = Math.max(0, Math.min(at, burst.until) - turnedAt);
    due += (ticksPerSecond * (at - turnedAt + inBurst * (burst.factor - 1))) / 1000;
    turnedAt = at;
    const count = Math.floor(due);
    due -= count;
    stream.deliver(happen(count));
  };

  const stopTrading = (): void => {
    clearInterval(turns);
    turns = undefined;
  };
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopTrading();
    const closed = once(server, 'close');
    server.close();
    stream.disconnect('cut');
    for (const raw of raws) raw.destroy();
    await closed;
  };

  return {
    streamUrl: streamUrl(bound, feed),
    historyUrl: `http://127.0.0.1:${bound}`,
    sent: stream.sent,
    get connections() {
      return stream.connections;
    },
    get listening() {
      return stream.listening;
    },
    requests,
    trades: market.trades,
    start: () => {
      if (turns !== undefined || stopped !== undefined) return;
      turnedAt = performance.now();
      turns = setInterval(turn, turnMilliseconds);
    },
    stopTrading,
    burst: (factor = 10, milliseconds = 1000) => {
      burst = { factor, until: performance.now() + milliseconds };
    },
    emit: (count, symbol) => {
      const trades = happen(count, symbol);
      stream.deliver(trades);
      return trades;
    },
    cancel: () => {
      const trade = lastTrade();
      trade.update = 'canceled';
      stream.tellOf(trade.symbol, cancelText(trade));
      return trade;
    },
    correct: () => {
      const trade = lastTrade();
      trade.update = 'incorrect';
      stream.tellOf(trade.symbol, correctionText(trade, market.corrected(trade)));
      return trade;
    },
    disconnect: (how = 'cut') => stream.disconnect(how),
    mute: stream.mute,
    duplicate: (count) => stream.deliver(lastSent(market.trades(), count)),
    outOfOrder: (count) => {
      const trades = happen(count);
      stream.deliver(trades.toReversed());
      return trades;
    },
    malformed: stream.tell,
    halfFrame: (count = 10) => {
      const trades = happen(count);
      stream.tellHalf(trades);
      return trades;
    },
    allowSecond: (on) => {
      stream.faults.allowSecond = on;
    },
    refuseLogin: (on) => {
      stream.faults.refuseLogin = on;
    },
    failHistory: (times, how = 500) => {
      if (times > 0) historyFaults.push({ times, how });
      else historyFaults.length = 0;
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

const faultMessages = { 429: 'too many requests.', 500: 'internal server error' };

const header = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;

/** What the documents say stands beside a 429: the limit of a minute, and the second since 1970 when it is over. */
const rateLimit = (now: bigint) => ({
  'x-ratelimit-limit': '200',
  'x-ratelimit-remaining': '0',
  'x-ratelimit-reset': String(now / 1_000_000_000n + 1n),
});

/** The last trades that were told, in the order in which they happened. */
function lastSent(trades: readonly ExchangeTrade[], count: number): ExchangeTrade[] {
  const found: ExchangeTrade[] = [];
  for (let index = trades.length - 1; index >= 0 && found.length < count; index -= 1) {
    const trade = trades[index] as ExchangeTrade;
    if (trade.sent) found.push(trade);
  }
  return found.reverse();
}
