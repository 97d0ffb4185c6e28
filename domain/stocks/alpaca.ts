/**
 * Alpaca's market data API, version 2, as far as trades of stocks go: what a client and the server say to each other. Pure:
 * who opens the connection is in services/tick-feed, who plays the server in local/outside/exchange.
 *
 * Stream: https://docs.alpaca.markets/docs/streaming-market-data and .../docs/real-time-stock-pricing-data
 * History: https://docs.alpaca.markets/reference/stocktrades-1
 */
import { LabError } from '../errors.ts';
import { arrayElements, objectMembers } from './json-text.ts';
import { rfc3339 } from './trade.ts';

/** Where the stream of a feed is, below the server's name: `sip` is all exchanges of the United States, `iex` one. */
export const streamPath = (feed: string): string => `/v2/${feed}`;

/** Milliseconds that a client has to authenticate after it has connected. */
export const authenticationMilliseconds = 10_000;

interface StreamError {
  message: string;
  /** True where the same messages may succeed on a later connection; false where a person has to change something. */
  passes: boolean;
}

/** What the server says on the stream when it refuses something, by code. */
export const streamErrors = {
  400: { message: 'invalid syntax', passes: false },
  401: { message: 'not authenticated', passes: false },
  402: { message: 'auth failed', passes: false },
  403: { message: 'already authenticated', passes: false },
  404: { message: 'auth timeout', passes: true },
  405: { message: 'symbol limit exceeded', passes: false },
  406: { message: 'connection limit exceeded', passes: true },
  407: { message: 'slow client', passes: true },
  409: { message: 'insufficient subscription', passes: false },
  410: { message: 'invalid subscribe action for this feed', passes: false },
  500: { message: 'internal error', passes: true },
} satisfies Record<number, StreamError>;

export type StreamErrorCode = keyof typeof streamErrors;

/** True where it makes sense to connect again after this error; a code that is not in the documents counts so. */
export function streamErrorPasses(code: number): boolean {
  const errors: Record<number, StreamError> = streamErrors;
  return errors[code]?.passes ?? true;
}

// --- what the client says ---

export const authMessage = (key: string, secret: string): string =>
  JSON.stringify({ action: 'auth', key, secret });

/** Adds to what is subscribed already. Corrections and cancellations of the symbols come by themselves. */
export const subscribeMessage = (symbols: readonly string[]): string =>
  JSON.stringify({ action: 'subscribe', trades: symbols });

export const unsubscribeMessage = (symbols: readonly string[]): string =>
  JSON.stringify({ action: 'unsubscribe', trades: symbols });

// --- what the server says: control messages come alone in their array ---

export const connectedMessage = '[{"T":"success","msg":"connected"}]';
export const authenticatedMessage = '[{"T":"success","msg":"authenticated"}]';

export const errorMessage = (code: StreamErrorCode): string =>
  JSON.stringify([{ T: 'error', code, msg: streamErrors[code].message }]);

/** The whole of what is subscribed now, after each change of it. */
export const subscriptionMessage = (trades: readonly string[]): string =>
  JSON.stringify([
    {
      T: 'subscription',
      trades,
      quotes: [],
      bars: [],
      updatedBars: [],
      dailyBars: [],
      statuses: [],
      lulds: [],
      corrections: trades,
      cancelErrors: trades,
    },
  ]);

/** One element of a message of the server; `text` is its JSON as the server wrote it. */
export type StreamElement =
  | { kind: 'success'; text: string; message: string }
  | { kind: 'error'; text: string; code: number; message: string }
  | { kind: 'subscription'; text: string; trades: string[] }
  /** `trade` is the parsed element, not checked (parseTrade does that); `symbol` is its S where that is a text. */
  | { kind: 'trade'; text: string; symbol: string | undefined; trade: unknown }
  /** Corrections (c), cancellations (x), and what else there may be one day. */
  | { kind: 'other'; text: string; symbol: string | undefined; type: string };

const excerpt = (text: string): string => (text.length > 120 ? `${text.slice(0, 120)}...` : text);

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/**
 * Reads one text message of the stream.
 *
 * @throws StreamFrameInvalid when it is not the JSON of an array; the elements are not checked one by one
 */
export function parseFrame(text: string): StreamElement[] {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (error) {
    throw new LabError('StreamFrameInvalid', excerpt(text), { cause: error });
  }
  if (!Array.isArray(values)) throw new LabError('StreamFrameInvalid', excerpt(text));
  return arrayElements(text).map((element, index) => streamElement(element, values[index]));
}

function streamElement(text: string, value: unknown): StreamElement {
  const { T, S, msg, code, trades } = (value ?? {}) as Record<string, unknown>;
  const symbol = textOf(S);
  if (T === 't') return { kind: 'trade', text, symbol, trade: value };
  if (T === 'success') return { kind: 'success', text, message: textOf(msg) ?? '' };
  if (T === 'error') return { kind: 'error', text, code: Number(code), message: textOf(msg) ?? '' };
  if (T === 'subscription')
    return { kind: 'subscription', text, trades: Array.isArray(trades) ? trades.map(String) : [] };
  return { kind: 'other', text, symbol, type: textOf(T) ?? '' };
}

// --- history over HTTP ---

export const historyPath = '/v2/stocks/trades';

/** The most trades that one page of the history holds, of all its symbols together. */
export const historyPageLimit = 10_000;

export interface HistoryQuery {
  symbols: readonly string[];
  /** Nanoseconds since 1970; trades of this very time are in the answer. */
  start: bigint;
  /** Nanoseconds since 1970; trades of this very time are in the answer, too. */
  end: bigint;
  /** From 1 to `historyPageLimit`. @default historyPageLimit */
  limit?: number;
  /** What the page before said. */
  pageToken?: string | undefined;
  /** @default the provider's own, sip */
  feed?: string;
}

/**
 * The address of one page of the history.
 *
 * @param base such as `https://data.alpaca.markets`
 */
export function historyUrl(base: string, query: HistoryQuery): string {
  const url = new URL(historyPath, base);
  const { symbols, start, end, limit = historyPageLimit, pageToken, feed } = query;
  url.searchParams.set('symbols', symbols.join(','));
  url.searchParams.set('start', rfc3339(start));
  url.searchParams.set('end', rfc3339(end));
  url.searchParams.set('limit', String(limit));
  url.searchParams.set('sort', 'asc');
  if (feed !== undefined) url.searchParams.set('feed', feed);
  if (pageToken !== undefined) url.searchParams.set('page_token', pageToken);
  return url.href;
}

/** What every request for history carries. */
export const historyHeaders = (key: string, secret: string): Record<string, string> => ({
  'APCA-API-KEY-ID': key,
  'APCA-API-SECRET-KEY': secret,
});

/** True where the same request may succeed later: the rate limit, and what is wrong on the server's side. */
export const historyStatusPasses = (status: number): boolean =>
  status === 408 || status === 429 || status >= 500;

export interface HistoryPage {
  /**
   * By symbol in the order of the alphabet, then by time. `text` is the trade as the server wrote it, with S put first, which
   * the history lacks; `trade` is the same parsed, not checked.
   */
  trades: { symbol: string; text: string; trade: unknown }[];
  /** Undefined on the last page. A page may hold fewer trades than its limit, even none, and not be the last. */
  nextPageToken: string | undefined;
}

/** A trade of the history as the stream would have told it, but for T, which it does not need. */
function withSymbol(symbol: string, text: string): string {
  const members = text.slice(text.indexOf('{') + 1);
  return `{"S":${JSON.stringify(symbol)}${/^\s*\}/.test(members) ? '' : ','}${members}`;
}

/**
 * Reads the body of one page.
 *
 * @throws HistoryPageInvalid when it is not a page: cut off, or a proxy's words
 */
export function parseHistoryPage(text: string): HistoryPage {
  let page: { trades?: unknown; next_page_token?: unknown } | null;
  try {
    page = JSON.parse(text);
  } catch (error) {
    throw new LabError('HistoryPageInvalid', excerpt(text), { cause: error });
  }
  const { trades: bySymbol, next_page_token: token } = page ?? {};
  const isPage = typeof bySymbol === 'object' && (token === null || typeof token === 'string');
  // Null: some of Alpaca's answers without any trade have it in place of an empty object.
  if (!isPage || Array.isArray(bySymbol)) throw new LabError('HistoryPageInvalid', excerpt(text));
  const trades: HistoryPage['trades'] = [];
  const written = new Map(objectMembers(text)).get('trades') as string;
  for (const [symbol, list] of bySymbol === null ? [] : objectMembers(written)) {
    const values: unknown = (bySymbol as Record<string, unknown>)[symbol];
    if (values === null) continue;
    if (!Array.isArray(values)) throw new LabError('HistoryPageInvalid', excerpt(text));
    for (const [index, element] of arrayElements(list).entries()) {
      const trade: unknown = values[index];
      if (typeof trade !== 'object' || trade === null || Array.isArray(trade))
        throw new LabError('HistoryPageInvalid', excerpt(element));
      trades.push({ symbol, text: withSymbol(symbol, element), trade: { S: symbol, ...trade } });
    }
  }
  return { trades, nextPageToken: token || undefined };
}
