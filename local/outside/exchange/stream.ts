/**
 * The websocket side of the exchange: who is connected, who may listen to what, and what is said to whom. Protocol:
 * https://docs.alpaca.markets/docs/streaming-market-data; RFC 6455 by npm ws.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  authenticatedMessage,
  connectedMessage,
  errorMessage,
  type StreamErrorCode,
  streamPath,
  subscriptionMessage,
} from '../../../domain/stocks/alpaca.ts';
import { type ExchangeTrade, streamText } from './market.ts';

export interface StreamLimits {
  /** Milliseconds that a client has to authenticate. */
  authenticationMilliseconds: number;
  /** Symbols that one connection may subscribe to. */
  symbolLimit: number;
  /** Bytes that may wait for a client before it counts as too slow and is disconnected. */
  slowClientBytes: number;
}

export interface StreamOptions extends StreamLimits {
  key: string;
  secret: string;
  feed: string;
}

/** What the stream does wrong from now on. */
export interface StreamFaults {
  allowSecond: boolean;
  refuseLogin: boolean;
}

export interface StreamCounts {
  /** Trade messages put on sockets, duplicates included, each socket counted. */
  trades: number;
  /** Different trades among them. */
  distinct: number;
}

/** Trades in one message at most: a client reads a message whole. */
const tradesInMessage = 500;

/** Frames of clients that are longer are refused: a list of all symbols there are takes less. */
const longestRequest = 1 << 20;

/**
 * After these the server ends the connection. The documents leave open after which: a client should expect both.
 */
const endingErrors: ReadonlySet<StreamErrorCode> = new Set<StreamErrorCode>([402, 404, 406, 409]);

type Verdict = StreamErrorCode | undefined;

interface Session {
  socket: WebSocket;
  /** The connection below the websocket, to send what is no whole message. */
  raw: Duplex;
  feed: string;
  authenticated: boolean;
  muted: boolean;
  symbols: Set<string>;
}

export type StreamSide = ReturnType<typeof openStream>;

export function openStream(options: StreamOptions) {
  const { key, secret, feed, authenticationMilliseconds, symbolLimit, slowClientBytes } = options;
  // No compression: both ends are on one machine, where it costs more than it saves. A client must do without it anyway.
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: longestRequest,
  });
  const sessions = new Set<Session>();
  const faults: StreamFaults = { allowSecond: false, refuseLogin: false };
  const sent: StreamCounts = { trades: 0, distinct: 0 };
  let connections = 0;

  const listeners = (): Session[] => [...sessions].filter(({ authenticated }) => authenticated);

  const say = (session: Session, text: string): boolean => {
    if (session.muted || session.socket.readyState !== session.socket.OPEN) return false;
    if (session.socket.bufferedAmount > slowClientBytes) {
      session.socket.send(errorMessage(407));
      session.socket.terminate();
      return false;
    }
    session.socket.send(text);
    return true;
  };
  const refuse = (session: Session, code: StreamErrorCode): void => {
    say(session, errorMessage(code));
    if (endingErrors.has(code)) session.socket.close();
  };

  /** What speaks against it, or undefined: then it is done. */
  const authenticate = (session: Session, saidKey: unknown, saidSecret: unknown): Verdict => {
    if (session.authenticated) return 403;
    if (session.feed !== feed) return 409;
    if (faults.refuseLogin || saidKey !== key || saidSecret !== secret) return 402;
    if (!faults.allowSecond && listeners().length > 0) return 406;
    session.authenticated = true;
    say(session, authenticatedMessage);
    return undefined;
  };

  const subscribe = (session: Session, isMore: boolean, channels: Record<string, unknown>): Verdict => {
    if (!session.authenticated) return 401;
    const { trades = [], ...others } = channels;
    if (!isSymbolList(trades) || !Object.values(others).every(isSymbolList)) return 400;
    // Quotes and bars are not played here: to list them as subscribed would be a promise that is not kept.
    if (Object.values(others).some((symbols) => (symbols as string[]).length > 0)) return 410;
    const symbols = new Set(session.symbols);
    for (const symbol of trades) {
      if (isMore) symbols.add(symbol);
      else symbols.delete(symbol);
    }
    if (symbols.size > symbolLimit) return 405;
    session.symbols = symbols;
    say(session, subscriptionMessage([...symbols]));
    return undefined;
  };

  const judge = (session: Session, request: Record<string, unknown> | undefined): Verdict => {
    const { action, ...rest } = request ?? {};
    if (action === 'auth') return authenticate(session, rest.key, rest.secret);
    if (action === 'subscribe') return subscribe(session, true, rest);
    if (action === 'unsubscribe') return subscribe(session, false, rest);
    return 400;
  };

  const hear = (session: Session, request: Record<string, unknown> | undefined): void => {
    const error = judge(session, request);
    if (error !== undefined) refuse(session, error);
  };

  const open = (socket: WebSocket, raw: Duplex, request: IncomingMessage, asked: string): void => {
    const session: Session = {
      socket,
      raw,
      feed: asked,
      authenticated: false,
      muted: false,
      symbols: new Set(),
    };
    const tooLate = setTimeout(() => {
      if (!session.authenticated) refuse(session, 404);
    }, authenticationMilliseconds);
    connections += 1;
    sessions.add(session);
    socket.on('close', () => {
      clearTimeout(tooLate);
      sessions.delete(session);
    });
    // A client that vanishes is no news; without a listener it would be an uncaught exception.
    socket.on('error', () => socket.terminate());
    socket.on('message', (data, isBinary) => hear(session, isBinary ? undefined : parsed(String(data))));
    say(session, connectedMessage);
    // The other way to authenticate: with the headers of the history.
    const { 'apca-api-key-id': byKey, 'apca-api-secret-key': bySecret } = request.headers;
    if (byKey !== undefined) hear(session, { action: 'auth', key: byKey, secret: bySecret });
  };

  /** The messages of trades for one session, each of an array; what it is not subscribed to left out. */
  const messagesFor = (session: Session, trades: readonly ExchangeTrade[]): ExchangeTrade[][] => {
    const { symbols } = session;
    const heard = symbols.has('*') ? trades : trades.filter(({ symbol }) => symbols.has(symbol));
    const messages: ExchangeTrade[][] = [];
    for (let from = 0; from < heard.length; from += tradesInMessage)
      messages.push(heard.slice(from, from + tradesInMessage));
    return messages;
  };

  return {
    faults,
    sent,
    get connections() {
      return connections;
    },
    /** Those that are subscribed to something now. */
    get listening() {
      return listeners().filter(({ symbols }) => symbols.size > 0).length;
    },
    /** Takes over a connection that asks for a websocket; refuses what is no feed. */
    upgrade: (request: IncomingMessage, raw: Duplex, head: Buffer): void => {
      const path = new URL(request.url ?? '/', 'http://localhost').pathname;
      const asked = /^\/v2\/([a-z_]+)$/.exec(path)?.[1];
      if (asked === undefined) {
        raw.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      server.handleUpgrade(request, raw, head, (socket) => open(socket, raw, request, asked));
    },
    /** Tells everybody who listens. */
    deliver: (trades: readonly ExchangeTrade[]): void => {
      for (const session of listeners()) {
        for (const message of messagesFor(session, trades)) {
          if (!say(session, `[${message.map(streamText).join(',')}]`)) break;
          sent.trades += message.length;
          for (const trade of message) {
            if (!trade.sent) sent.distinct += 1;
            trade.sent = true;
          }
        }
      }
    },
    /** Says this to everybody who listens, whatever it is. */
    tell: (text: string): void => {
      for (const session of listeners()) say(session, text);
    },
    /** Tells those who are subscribed to the symbol, in a message of its own. */
    tellOf: (symbol: string, element: string): void => {
      for (const session of listeners())
        if (session.symbols.has(symbol) || session.symbols.has('*')) say(session, `[${element}]`);
    },
    /** Sends half of the bytes of a message of these trades, and ends the connections. */
    tellHalf: (trades: readonly ExchangeTrade[]): void => {
      for (const session of listeners()) {
        if (session.muted) continue;
        const texts = messagesFor(session, trades).flat().map(streamText);
        const frame = textFrame(`[${texts.join(',')}]`);
        session.raw.end(frame.subarray(0, Math.ceil(frame.length / 2)));
      }
    },
    /** The connections that are open now say nothing any more (true), or speak again. They answer pings all the time. */
    mute: (on: boolean): void => {
      for (const session of sessions) session.muted = on;
    },
    /** Ends all connections, as a network does or as a server that says goodbye (1001); says how many. */
    disconnect: (how: 'cut' | 'goodbye'): number => {
      const { size } = sessions;
      for (const { socket } of sessions) {
        if (how === 'cut') socket.terminate();
        else socket.close(1001);
      }
      return size;
    },
  };
}

const isSymbolList = (value: unknown): value is string[] =>
  Array.isArray(value) &&
  value.every((symbol) => typeof symbol === 'string' && /^(?:\*|[A-Z][A-Z0-9.]*)$/.test(symbol));

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** A whole text message in one frame of a server, which does not mask: RFC 6455 5.2. */
function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const head = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10);
  head[0] = 0x81;
  head[1] = head.length === 2 ? payload.length : head.length === 4 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(payload.length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([head, payload]);
}

/** Where a client connects. */
export const streamUrl = (port: number, feed: string): string => `ws://127.0.0.1:${port}${streamPath(feed)}`;
