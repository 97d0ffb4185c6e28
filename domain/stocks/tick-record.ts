import { LabError } from '../errors.ts';
import { nanosecondsPerSecond, rfc3339 } from './instant.ts';
import { isKnownSymbol } from './symbols.ts';
import { parseTrade, type Trade } from './trade.ts';

/**
 * A record of the stream, one line of JSON in UTF-8. One trade a record, partition key the symbol, the provider's object
 * as it came:
 *
 *     {"feed":{"token":12,"received":"1763733104208123456","source":"stream"},"trade":{"T":"t",…}}
 *
 * A gap in the stream, partition key {@link gapPartitionKey}:
 *
 *     {"feed":{…},"gap":{"from":"1763733104208123456","to":"1763733109208123456","reason":"reconnect","filled":81}}
 */
export type TickRecord =
  | { kind: 'trade'; feed: Feed; trade: Trade }
  | { kind: 'gap'; feed: Feed; gap: Gap }
  /** A correction (`c`) or a cancel (`x`) of the trade channel: archived and counted, without a trend. */
  | { kind: 'other'; feed: Feed; type: string };

export interface Feed {
  /** Fencing token of the lease under which it was sent. */
  token: number;
  /**
   * Nanoseconds since 1970, by the feed's clock: when it came to the feed. Each record that one process of the feed makes has a
   * later one than the record before it, a nanosecond later where the clock did not move or was set back. So their order is
   * the order of arrival: within a message, where the provider told something out of order, and where history and stream came
   * at the same time.
   *
   * Of one symbol that is the order on the stream too, but for a gap that is filled: trades of the new connection wait for
   * those of the history, though they came sooner. They were received after `to` of the gap, trades before it were not.
   */
  received: bigint;
  /** The websocket, or the REST history by which a gap was filled. */
  source: 'stream' | 'history';
}

/** A time in which trades may have been missed, and what the history had of them. */
export interface Gap {
  /**
   * Nanoseconds since 1970, both: the newest trade before, by its own time, and the beginning of the connection after, by the
   * feed's clock as in `received`.
   */
  from: bigint;
  to: bigint;
  reason: GapReason;
  /** Trades that the history added. */
  filled: number;
}

export const gapReasons = ['reconnect', 'failover', 'mute', 'start'] as const;
export type GapReason = (typeof gapReasons)[number];

export const gapPartitionKey = 'gap';

/**
 * What the feed puts on the stream for one trade.
 *
 * @param tradeText the provider's object as it came, on one line: the archive has a record a line. What is not JSON goes
 * in as a JSON string of itself (`JSON.stringify(text)`): the reader sets it aside whole
 */
export function tickRecordText(feed: Feed, tradeText: string): string {
  return `{"feed":${feedText(feed)},"trade":${tradeText}}`;
}

export function gapRecordText(feed: Feed, gap: Gap): string {
  const { from, to, reason, filled } = gap;
  return `{"feed":${feedText(feed)},"gap":${JSON.stringify({ from: String(from), to: String(to), reason, filled })}}`;
}

const feedText = ({ token, received, source }: Feed) =>
  `{"token":${token},"received":"${received}","source":"${source}"}`;

/**
 * A trade that lies further ahead of the feed's clock, in nanoseconds: more than clocks differ by, and believed it would make
 * every later trade of its symbol a late one.
 */
export const farthestAhead = 3600n * nanosecondsPerSecond;

/**
 * Reads a record of the stream, or a line of the archive.
 *
 * @throws TradeInvalid when it is not JSON, not of the shape above, not a valid trade or one of the future; SymbolUnknown when we did not
 * subscribe to its symbol
 */
export function readTickRecord(data: Uint8Array | string, isKnown = isKnownSymbol): TickRecord {
  const record = parsed(data) as { feed?: unknown; trade?: unknown; gap?: unknown } | null;
  if (typeof record !== 'object' || record === null)
    throw new LabError('TradeInvalid', 'not a record of the feed');
  const feed = readFeed(record.feed);
  if (record.gap !== undefined) return { kind: 'gap', feed, gap: readGap(record.gap) };
  const type = (record.trade as { T?: unknown } | null | undefined)?.T;
  if (type === 'c' || type === 'x') return { kind: 'other', feed, type };
  const trade = parseTrade(record.trade);
  if (!isKnown(trade.symbol)) throw new LabError('SymbolUnknown', trade.symbol);
  if (trade.at - feed.received > farthestAhead)
    throw new LabError(
      'TradeInvalid',
      `traded at ${rfc3339(trade.at)}, received at ${rfc3339(feed.received)}`,
    );
  return { kind: 'trade', feed, trade };
}

function parsed(data: Uint8Array | string): unknown {
  const text =
    typeof data === 'string'
      ? data
      : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LabError('TradeInvalid', `not JSON: ${text.slice(0, 200)}`, { cause: error });
  }
}

function readFeed(feed: unknown): Feed {
  const { token, received, source } = (feed ?? {}) as Record<string, unknown>;
  if (
    !Number.isSafeInteger(token) ||
    (token as number) < 0 ||
    (source !== 'stream' && source !== 'history') ||
    !isInstant(received)
  )
    throw new LabError('TradeInvalid', `feed is ${JSON.stringify(feed)?.slice(0, 200) ?? 'missing'}`);
  return { token: token as number, received: BigInt(received), source };
}

function readGap(gap: unknown): Gap {
  const { from, to, reason, filled } = (gap ?? {}) as Record<string, unknown>;
  if (
    !isInstant(from) ||
    !isInstant(to) ||
    !gapReasons.includes(reason as GapReason) ||
    !Number.isSafeInteger(filled) ||
    (filled as number) < 0
  )
    throw new LabError('TradeInvalid', `gap is ${JSON.stringify(gap)?.slice(0, 200)}`);
  return { from: BigInt(from), to: BigInt(to), reason: reason as GapReason, filled: filled as number };
}

/**
 * Nanoseconds as a decimal string that a BIGINT holds: no sign, no leading zero, below 9e18. By hand: a regular expression
 * takes three times as long, and this is asked of every tick.
 */
function isInstant(text: unknown): text is string {
  if (typeof text !== 'string' || text.length < 1 || text.length > 19) return false;
  const first = text.charCodeAt(0);
  if ((first === zero && text.length > 1) || (first === zero + 9 && text.length === 19)) return false;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - zero;
    if (digit < 0 || digit > 9) return false;
  }
  return true;
}

const zero = 48;
