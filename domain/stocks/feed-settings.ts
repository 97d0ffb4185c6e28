import * as z from 'zod';
import { LabError } from '../errors.ts';
import { faultsOf, jsonOf } from '../shared/settings.ts';
import { historyPageLimit } from './alpaca.ts';
import { isKnownSymbol, symbols } from './symbols.ts';

/** How the feed works: the variable FEED_SETTINGS, JSON, each part of it optional. */
export interface FeedSettings {
  /** What is subscribed to: once each, and among those that the trend knows (domain/stocks/symbols.ts). */
  symbols: readonly string[];
  /**
   * Which trades count. `all`: whatever the provider tells, which is from 04:00 to 20:00 in New York. `regular`: trades of the
   * core session, its auctions included; those that the tape marks as extended hours never get to the stream, so they are
   * neither archived nor compared, and the warehouse rests without them. Corrections and cancellations go on either way.
   * The feed stays connected all day, and its history goes on where it was.
   */
  hours: 'all' | 'regular';
  /** The provider's websocket; the secret may name another one, for a key that is of another subscription. */
  streamUrl: string;
  /** The provider's server of history; the secret may name another one. */
  historyUrl: string;

  /** Records in one call to the stream, at most: Kinesis takes 500. */
  batchRecords: number;
  /** Milliseconds for which a record waits for others to share its call. */
  lingerMs: number;
  /** Calls under way at once; no two of them hold records of one symbol. */
  batchesInFlight: number;
  /**
   * Waiting records of one symbol from which on its order is put at a small risk: a call then holds several of its
   * records, and a partial refusal may let a later one in before an earlier one. Below, and for two seconds after any
   * refusal, a call holds one record of a symbol, which keeps order for certain and moves some 100 ticks/s of each symbol.
   */
  hurryFromBacklog: number;

  /**
   * Milliseconds without a message of the provider, while the market is open, after which the socket is given up. Before the
   * bell and after it trades are few and their absence says nothing: then only a socket whose other end does not answer a
   * ping for so long is given up. One that went mute in those hours is noticed so long after the next bell, and the history
   * tells what it did not, back to its last trade.
   */
  muteAfterMs: number;
  /** Take the market to be open at all hours: a made-up exchange knows no holidays. */
  alwaysOpen: boolean;

  /**
   * Milliseconds between two looks at a secret that is not usable, or two logins that the provider refuses: a person who has
   * filled it in sees ticks within a minute, and a provider hears a wrong login 60 times an hour at most.
   */
  refusedRetryMs: number;

  /**
   * Seconds for which the lease is good; a standby takes over after this time at the latest. It is renewed each third of it;
   * below some 5 s one call of the table that hangs loses it.
   */
  leaseSeconds: number;
  /** Milliseconds between two looks at how far the feed has come, for the one that takes over. */
  checkpointMs: number;
  /** Seconds that a clean stop may take: ten less than the container's stop time-out, for which Fargate knows 120 at most. */
  stopSeconds: number;

  /** Bytes of records in memory; what is more goes to the disk. */
  bufferBytes: number;
  /** Where that is. */
  spillDirectory: string;

  /** Trades in one page of the history, at most: the provider has 10,000. */
  historyPageSize: number;
  /** Milliseconds before a gap for which the history is read again: what the stream had not told in order. */
  overlapMs: number;
  /** Milliseconds that the provider's history may lag behind its stream: a fill waits so long before it asks. */
  historyLagMs: number;
  /** Hours that a fill goes back at most: after a longer stop, the rest of the gap stays open and is said to. */
  historyHours: number;
}

export const defaultFeedSettings: FeedSettings = {
  symbols,
  hours: 'all',
  streamUrl: 'wss://stream.data.alpaca.markets/v2/sip',
  historyUrl: 'https://data.alpaca.markets',
  batchRecords: 500,
  lingerMs: 20,
  batchesInFlight: 4,
  hurryFromBacklog: 20,
  muteAfterMs: 10_000,
  alwaysOpen: false,
  refusedRetryMs: 60_000,
  leaseSeconds: 10,
  checkpointMs: 1_000,
  stopSeconds: 20,
  bufferBytes: 64 * 1024 ** 2,
  spillDirectory: '/tmp/tick-feed',
  historyPageSize: historyPageLimit,
  overlapMs: 2_000,
  historyLagMs: 1_000,
  historyHours: 7 * 24,
};

const whole = z.number().int().positive();
const wholeOrZero = z.number().int().min(0);
const shape = z.strictObject({
  symbols: z.array(z.string().min(1)).min(1),
  hours: z.enum(['all', 'regular']),
  streamUrl: z.url({ protocol: /^wss?$/ }),
  historyUrl: z.url({ protocol: /^https?$/ }),
  batchRecords: whole.max(500),
  lingerMs: wholeOrZero,
  batchesInFlight: whole.max(32),
  hurryFromBacklog: whole,
  // A ping goes to the provider and back in that time, wherever it is: below, no connection would last.
  muteAfterMs: whole.min(1_000),
  alwaysOpen: z.boolean(),
  refusedRetryMs: whole,
  leaseSeconds: z.number().min(1),
  checkpointMs: whole,
  stopSeconds: z.number().positive().max(110),
  bufferBytes: whole,
  spillDirectory: z.string().min(1),
  historyPageSize: whole.max(historyPageLimit),
  overlapMs: wholeOrZero,
  historyLagMs: wholeOrZero,
  historyHours: whole,
} satisfies Record<keyof FeedSettings, unknown>);

/** What each by itself allows and all together do not, the defaults among them. */
function contradictions(settings: FeedSettings): string[] {
  const { lingerMs, muteAfterMs, overlapMs, historyHours } = settings;
  const faults: string[] = [];
  const unknown = settings.symbols.filter((symbol) => !isKnownSymbol(symbol));
  if (unknown.length > 0)
    faults.push(`symbols: the trend knows no ${unknown.join(', ')}, and would set aside their trades`);
  const repeated = settings.symbols.filter((symbol, index, all) => all.indexOf(symbol) < index);
  if (repeated.length > 0) faults.push(`symbols: ${repeated.join(', ')} repeated`);
  if (lingerMs >= muteAfterMs)
    faults.push(`lingerMs: a record would wait ${lingerMs} ms, and a provider is mute after ${muteAfterMs}`);
  if (overlapMs >= historyHours * 3_600_000)
    faults.push(`overlapMs: ${overlapMs} is more than a fill goes back, which is ${historyHours} hours`);
  return faults;
}

/** What is given, and the defaults for the rest. Throws FeedSettingsInvalid with everything that is wrong. */
export function checkedFeedSettings(given: unknown): FeedSettings {
  const parsed = shape.partial().safeParse(given);
  const settings = { ...defaultFeedSettings, ...(parsed.data as Partial<FeedSettings> | undefined) };
  const faults = parsed.success ? contradictions(settings) : faultsOf(parsed.error);
  if (faults.length === 0) return settings;
  throw new LabError('FeedSettingsInvalid', `${JSON.stringify(given)}: ${faults.join(', ')}`);
}

/** From the variable FEED_SETTINGS. Throws FeedSettingsInvalid. */
export function parseFeedSettings(text: string): FeedSettings {
  return checkedFeedSettings(jsonOf(text, 'FeedSettingsInvalid'));
}
