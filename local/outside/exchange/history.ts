/**
 * The trade history over HTTP, GET /v2/stocks/trades: https://docs.alpaca.markets/reference/stocktrades-1. By symbol, then
 * by time; both ends of the interval are included; the limit is of all symbols together.
 */
import { LabError } from '../../../domain/errors.ts';
import { historyPageLimit, historyPath } from '../../../domain/stocks/alpaca.ts';
import { nanoseconds, rfc3339 } from '../../../domain/stocks/trade.ts';
import { type ExchangeTrade, historyText, type Market } from './market.ts';

export interface HistoryRequest {
  method: string;
  url: URL;
  /** What the client says that it is. */
  key: string | undefined;
  secret: string | undefined;
}

export interface HistoryAnswer {
  status: number;
  /** JSON. */
  body: string;
}

/** Trades of a page where the client does not say how many. */
const defaultLimit = 1000;

/** What the client asked for cannot be answered; the documents promise a message. */
class BadParameter extends Error {}

const refusal = (status: number, message: string): HistoryAnswer => ({
  status,
  body: JSON.stringify({ message }),
});

export interface HistorySide {
  market: Market;
  key: string;
  secret: string;
  /** Nanoseconds since 1970: where an interval ends of which the client says no end. */
  now: () => bigint;
}

export function answerHistory(side: HistorySide, request: HistoryRequest): HistoryAnswer {
  const { method, url, key, secret } = request;
  if (url.pathname !== historyPath) return refusal(404, 'Not Found');
  if (method !== 'GET') return refusal(405, 'Method Not Allowed');
  if (key !== side.key || secret !== side.secret) return refusal(401, 'unauthorized.');
  try {
    return { status: 200, body: page(side, url.searchParams) };
  } catch (error) {
    if (error instanceof BadParameter) return refusal(400, error.message);
    throw error;
  }
}

function page({ market, now }: HistorySide, parameters: URLSearchParams): string {
  const symbols = symbolsOf(parameters.get('symbols'));
  const start = instant('start', parameters.get('start')) ?? startOfDay(now());
  const end = instant('end', parameters.get('end')) ?? now();
  if (start > end) throw new BadParameter('end should not be before start');
  const limit = Number(parameters.get('limit') ?? defaultLimit);
  if (!Number.isInteger(limit) || limit < 1 || limit > historyPageLimit)
    throw new BadParameter(`invalid limit: larger than 0, at most ${historyPageLimit}`);
  oneOf('feed', parameters.get('feed'), ['sip', 'iex']);
  const newestFirst = oneOf('sort', parameters.get('sort'), ['asc', 'desc']) === 'desc';
  const after = positionOf(parameters.get('page_token'));

  const bySymbol: string[] = [];
  let left = limit;
  let last: ExchangeTrade | undefined;
  let isMore = false;
  for (const symbol of symbols) {
    if (after !== undefined && symbol < after.symbol) continue;
    const passed = after?.symbol === symbol ? after.at : undefined;
    const from = passed !== undefined && !newestFirst ? passed + 1n : start;
    const to = passed !== undefined && newestFirst ? passed - 1n : end;
    const found = market.between(symbol, from, to);
    const ordered = newestFirst ? found.toReversed() : found;
    isMore = ordered.length > left;
    const taken = ordered.slice(0, left);
    left -= taken.length;
    last = taken.at(-1) ?? last;
    if (taken.length > 0) bySymbol.push(`${JSON.stringify(symbol)}:[${taken.map(historyText).join(',')}]`);
    if (isMore) break;
  }
  const token = isMore ? JSON.stringify(tokenOf(last as ExchangeTrade)) : 'null';
  return `{"trades":{${bySymbol.join(',')}},"next_page_token":${token}}`;
}

function symbolsOf(text: string | null): string[] {
  const symbols = text?.split(',') ?? [];
  if (symbols.length === 0) throw new BadParameter('symbols is required');
  const wrong = symbols.find((symbol) => !/^[A-Z][A-Z0-9.]*$/.test(symbol));
  if (wrong !== undefined) throw new BadParameter(`invalid symbol: ${wrong}`);
  return [...new Set(symbols)].sort();
}

/** RFC 3339 with any offset, or a date, as the documents have it. */
function instant(name: string, text: string | null): bigint | undefined {
  if (text === null) return undefined;
  const match = /^(\d{4}-\d\d-\d\d)(?:(T\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:Z|([+-])(\d\d):(\d\d)))?$/.exec(text);
  try {
    if (match === null) throw new BadParameter('no time');
    const [, date, time = 'T00:00:00', sign, hours, minutes] = match;
    const offset = BigInt(Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000_000_000n;
    return nanoseconds(`${date}${time}Z`) + (sign === '-' ? offset : -offset);
  } catch (error) {
    if (error instanceof BadParameter || error instanceof LabError)
      throw new BadParameter(`Invalid format for parameter ${name}: ${text} is no RFC 3339 time`);
    throw error;
  }
}

const nanosecondsPerDay = 86_400_000_000_000n;

const startOfDay = (at: bigint): bigint => at - (at % nanosecondsPerDay);

function oneOf(name: string, value: string | null, allowed: readonly string[]): string | null {
  if (value === null || allowed.includes(value)) return value;
  throw new BadParameter(`invalid ${name}: ${value}`);
}

/** A page ends after a symbol's trade, and a symbol has one trade at a time. */
const tokenOf = ({ symbol, at, venue, id }: ExchangeTrade): string =>
  Buffer.from(`${symbol}|${rfc3339(at)}|${venue}|${id}`).toString('base64');

function positionOf(token: string | null): { symbol: string; at: bigint } | undefined {
  if (token === null) return undefined;
  const [symbol = '', time = ''] = Buffer.from(token, 'base64').toString().split('|');
  const at = symbol === '' || time === '' ? undefined : instant('page_token', time);
  if (at === undefined) throw new BadParameter('invalid page_token');
  return { symbol, at };
}
