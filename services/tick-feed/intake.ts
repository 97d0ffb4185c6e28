import type { StreamElement } from '../../domain/stocks/alpaca.ts';
import { type Gap, gapPartitionKey, gapRecordText, tickRecordText } from '../../domain/stocks/tick-record.ts';
import { parseTrade } from '../../domain/stocks/trade.ts';
import type { Arrivals } from './arrivals.ts';
import { SpillBuffer } from './buffer.ts';
import type { Checkpoint } from './positions.ts';
import { Accepted, type Source, type TradeMark } from './positions.ts';
import type { StreamRecord } from './publisher.ts';

/** A record on its way to the stream. */
export interface Entry extends StreamRecord {
  source: Source;
  /** Nanoseconds since 1970, by this machine; of no other entry. */
  received: bigint;
  /** Of a valid trade; what is none goes on as it is, and is set aside by who reads it. */
  mark?: TradeMark | undefined;
}

export interface IntakeOptions {
  /** Fencing token of the lease. */
  token: number;
  arrivals: Arrivals;
  overlapMs: number;
  bufferBytes: number;
  spillDirectory: string;
  /** Whether a trade, the provider's object, is none that counts here. @default none */
  leaveOut?: (trade: unknown) => boolean;
  /** Told of each trade that was left out. */
  leftOut?: () => void;
  /** Something may be taken out. */
  arrived: () => void;
}

/** Partition key of messages that are none of the protocol. */
export const malformedPartitionKey = 'malformed';

/** Characters of what the provider said that go into one record: Kinesis takes 1 MiB, and JSON may need six for one. */
const longestText = 150_000;
/** Bytes that an entry takes beside its text. */
const entryBytes = 250;
/** In place of the text of a trade that is left out: it waits in its place, and ends there. */
const leftOut = '';
/** Entries that are moved in one go. */
const turn = 1_000;

const millisecond = 1_000_000n;

/**
 * What the provider tells, in the order in which it goes to the stream: one queue, and beside it, while a gap is filled,
 * the trades of the new connection, which have to wait for those of the gap. An entry counts as accepted when it is in the
 * queue, no sooner: what is only held when the next fault comes is fetched from the history, as if it had not come.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #accepted: Accepted;
  readonly #queue: SpillBuffer<Entry>;
  readonly #held: SpillBuffer<Entry>;
  #holding = false;
  /** Trades that history and stream had both. */
  #repeated = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#accepted = new Accepted(BigInt(options.overlapMs) * millisecond);
    const buffer = () =>
      new SpillBuffer<Entry>({
        memoryBytes: options.bufferBytes / 2,
        directory: options.spillDirectory,
        bytesOf: ({ data }) => data.length + entryBytes,
        write: lineOf,
        read: entryOf,
      });
    this.#queue = buffer();
    this.#held = buffer();
  }

  /** Bytes that wait, in memory and on the disk. */
  get bytes(): number {
    return this.#queue.bytes + this.#held.bytes;
  }

  get queueBytes(): number {
    return this.#queue.bytes;
  }

  /** Entries in the queue; those that are held are not among them. */
  get length(): number {
    return this.#queue.length;
  }

  get repeated(): number {
    return this.#repeated;
  }

  restore(checkpoint: Checkpoint): void {
    this.#accepted.restore(checkpoint);
  }

  begin(symbols: readonly string[], at: bigint): void {
    this.#accepted.begin(symbols, at);
  }

  newest(symbol: string): bigint | undefined {
    return this.#accepted.newest(symbol);
  }

  take(): Entry | undefined {
    return this.#queue.shift();
  }

  /**
   * One message of the stream.
   *
   * @param received nanoseconds since 1970, of the message; its elements are stamped one after the other from there on
   * @throws SpillFailed: from the first element that found no room on, none is accepted
   */
  live(elements: readonly StreamElement[], received: bigint): void {
    for (const element of elements) {
      const symbol = 'symbol' in element ? element.symbol : undefined;
      const trade = element.kind === 'trade' ? element.trade : undefined;
      this.#put(this.#entry(symbol, element.text, trade, received, 'stream'));
    }
  }

  /** A message that is none of the protocol: it goes on whole, for whoever reads the stream to set aside. */
  malformed(text: string, received: bigint): void {
    this.#accept(this.#entry(malformedPartitionKey, JSON.stringify(text), undefined, received, 'stream'));
  }

  /**
   * Trades of the history, into the queue: before what is held.
   *
   * @returns how many were new, and not left out
   */
  history(trades: readonly { symbol: string; text: string; trade: unknown }[], received: bigint): number {
    let admitted = 0;
    for (const { symbol, text, trade } of trades) {
      if (this.#accept(this.#entry(symbol, text, trade, received, 'history'))) admitted += 1;
    }
    return admitted;
  }

  gap(gap: Gap, received: bigint): void {
    const { token, arrivals } = this.#options;
    const feed = { token, received: arrivals.stamp(received), source: 'history' } as const;
    this.#queue.push(record(gapPartitionKey, gapRecordText(feed, gap), feed));
    this.#options.arrived();
  }

  /** Trades of the stream are held from now on. */
  hold(): void {
    this.#holding = true;
  }

  /** What is known of trades from this moment on is kept until the end of the hold, see {@link Accepted.keepFrom}. */
  keepFrom(at: bigint): void {
    this.#accepted.keepFrom(at);
  }

  /** Trades that are held are as if they had never come. */
  discardHeld(): void {
    this.#held.clear();
  }

  /**
   * Lets what is held follow, and ends the hold; what comes meanwhile is held too. False when the signal aborted before.
   *
   * @param room waits until the queue may take more
   */
  async releaseHeld(room: () => Promise<void>, signal: AbortSignal): Promise<boolean> {
    while (this.#held.length > 0) {
      await room();
      if (signal.aborted) return false;
      for (let moved = 0; moved < turn; moved += 1) {
        const entry = this.#held.shift();
        if (entry === undefined) break;
        this.#accept(entry);
      }
    }
    // No await since the last look: nothing can have come in between.
    this.#holding = false;
    this.#accepted.keepFrom(undefined);
    return true;
  }

  clear(): void {
    this.#held.clear();
    this.#queue.clear();
  }

  #put(entry: Entry): void {
    // What is no trade has no place in the order of trades; and the history would not tell it again.
    if (this.#holding && entry.mark) this.#held.push(entry);
    else this.#accept(entry);
  }

  #accept(entry: Entry): boolean {
    const { key, mark, source } = entry;
    if (mark && !this.#accepted.isNew(key, mark, source)) {
      this.#repeated += 1;
      return false;
    }
    const isWanted = entry.data !== leftOut;
    if (isWanted) this.#queue.push(entry);
    // What is left out is known as well: the history need not tell it after the next gap.
    if (mark) this.#accepted.note(key, mark, source);
    if (isWanted) this.#options.arrived();
    else this.#options.leftOut?.();
    return isWanted;
  }

  #entry(symbol: string | undefined, text: string, trade: unknown, received: bigint, source: Source): Entry {
    const { token, arrivals, leaveOut } = this.#options;
    const feed = { token, received: arrivals.stamp(received), source };
    const data = trade !== undefined && leaveOut?.(trade) ? leftOut : tickRecordText(feed, oneLine(text));
    return record(symbol || malformedPartitionKey, data, feed, markOf(symbol, trade));
  }
}

function record(
  key: string,
  data: string,
  { received, source }: { received: bigint; source: Source },
  mark?: TradeMark | undefined,
): Entry {
  return { key, data, bytes: Buffer.byteLength(data) + Buffer.byteLength(key), received, source, mark };
}

/** Undefined for what is no valid trade: it cannot be known again, and is told as often as it comes. */
function markOf(symbol: string | undefined, value: unknown): TradeMark | undefined {
  if (value === undefined) return undefined;
  try {
    const { symbol: named, venue, tradingDay, tradeId, at } = parseTrade(value);
    return named === symbol ? { at, id: `${venue}|${tradingDay}|${tradeId}` } : undefined;
  } catch {
    return undefined; // the reader of the stream finds the same, and sets it aside with the reason
  }
}

/** A line of the archive is a record. Outside of its texts JSON may have line breaks, inside it cannot. */
function oneLine(text: string): string {
  if (text.length > longestText) return JSON.stringify(text.slice(0, longestText));
  return text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]+/g, ' ') : text;
}

const lineOf = ({ key, data, bytes, received, source, mark }: Entry): string =>
  JSON.stringify([key, data, bytes, String(received), source, ...(mark ? [String(mark.at), mark.id] : [])]);

function entryOf(line: string): Entry {
  const [key, data, bytes, received, source, at, id] = JSON.parse(line);
  const mark = at === undefined ? undefined : { at: BigInt(at), id };
  return { key, data, bytes, received: BigInt(received), source, mark };
}
