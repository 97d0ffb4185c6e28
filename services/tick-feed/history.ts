import { LabError } from '../../domain/errors.ts';
import {
  type HistoryPage,
  historyHeaders,
  historyStatusPasses,
  historyUrl,
  parseHistoryPage,
} from '../../domain/stocks/alpaca.ts';
import { nanoseconds } from '../../domain/stocks/trade.ts';
import { type Backoff, backoff } from './backoff.ts';
import type { Clock } from './clock.ts';

export interface HistoryOptions {
  /** Such as `https://data.alpaca.markets`. */
  url: string;
  key: string;
  secret: string;
  /** Of whose trades, see {@link feedOfStream}. @default the provider's own */
  feed?: string | undefined;
  pageSize: number;
  clock: Clock;
  random: () => number;
  log: { warn(message: string, more: Record<string, unknown>): void };
}

/**
 * The feed of which the history is asked: the one that the websocket tells. The default is all exchanges, which a subscription
 * to one is refused, and which would fill its gaps with trades that its stream never tells. The history knows no name for
 * other streams, such as a delayed or a test one: there the default stands.
 *
 * @param streamUrl such as `wss://stream.data.alpaca.markets/v2/iex`
 */
export function feedOfStream(streamUrl: string): string | undefined {
  const [feed] = new URL(streamUrl).pathname.split('/').slice(-1);
  return feed === 'sip' || feed === 'iex' ? feed : undefined;
}

/** Symbols in one request: those that begin at about the same time, so that little is fetched twice. */
const symbolsInRequest = 40;
/** Milliseconds for one page. */
const patience = 30_000;
const retry: Backoff = { base: 500, cap: 15_000 };

/**
 * Trades of the provider's history, page by page, each symbol's in the order of time, from its own start on. What may pass
 * is tried again for as long as the signal allows.
 *
 * @param starts by symbol, nanoseconds since 1970
 * @param end nanoseconds since 1970
 * @throws HistoryRefused when asking again would not help
 */
export async function* readHistory(
  options: HistoryOptions,
  starts: ReadonlyMap<string, bigint>,
  end: bigint,
  signal: AbortSignal,
): AsyncGenerator<HistoryPage['trades']> {
  const byStart = [...starts].sort(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0));
  for (let first = 0; first < byStart.length; first += symbolsInRequest) {
    const group = byStart.slice(first, first + symbolsInRequest);
    const symbols = group.map(([symbol]) => symbol);
    const start = (group[0] as [string, bigint])[1];
    if (start > end) continue; // this machine's clock is behind the provider's: there is no such gap
    let pageToken: string | undefined;
    do {
      const { url, pageSize, feed } = options;
      const address = historyUrl(url, { symbols, start, end, limit: pageSize, pageToken, feed });
      const page = await fetchPage(options, address, signal);
      if (page === undefined) return;
      yield page.trades.filter((trade) => isInTime(trade, starts));
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined);
  }
}

/** A request asks from the earliest start of its symbols on: the others' trades before their own are known already. */
function isInTime({ symbol, trade }: HistoryPage['trades'][number], starts: ReadonlyMap<string, bigint>) {
  const start = starts.get(symbol);
  try {
    return start === undefined || nanoseconds((trade as { t: string }).t) >= start;
  } catch {
    return true; // no trade: it goes on as it is, and is set aside by who reads it
  }
}

/** Undefined when the signal aborted. */
async function fetchPage(
  { key, secret, clock, random, log }: HistoryOptions,
  address: string,
  signal: AbortSignal,
): Promise<HistoryPage | undefined> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      const response = await fetch(address, {
        headers: historyHeaders(key, secret),
        signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]),
      });
      const body = await response.text();
      if (response.ok) return parseHistoryPage(body);
      const told = `${response.status} ${body.slice(0, 200)}`;
      if (!historyStatusPasses(response.status)) throw new LabError('HistoryRefused', told);
      log.warn('the history does not answer', { answer: told, failures });
    } catch (error) {
      if (error instanceof LabError && error.code === 'HistoryRefused') throw error;
      if (signal.aborted) break;
      log.warn('the history does not answer', { error, failures });
    }
    await clock.sleep(backoff(retry, failures, random), signal);
  }
  return undefined;
}
