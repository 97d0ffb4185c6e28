import { setMaxListeners } from 'node:events';
import { type Backoff, backoff } from './backoff.ts';
import type { Clock } from './clock.ts';

/** One record of the stream. */
export interface StreamRecord {
  /** Partition key: order is kept among the records of one key. */
  key: string;
  /** Text of the record. */
  data: string;
  /** Of text and key in UTF-8, as the stream counts them. */
  bytes: number;
}

/** The stream, as the publisher uses it. */
export interface StreamPort {
  /**
   * One call. For each record the code of the error for which the stream refused it, undefined when it has it for certain.
   * Throws when the call failed as a whole; what came of its records is not known then.
   */
  put(records: readonly StreamRecord[]): Promise<readonly (string | undefined)[]>;
}

export interface PublisherOptions<R extends StreamRecord> {
  stream: StreamPort;
  clock: Clock;
  /** From 0 to less than 1. */
  random: () => number;
  batchRecords: number;
  lingerMs: number;
  batchesInFlight: number;
  /** Records that wait in here before it says that it has no room; the rest waits where it can go to the disk. */
  room: number;
  /** See the settings of the feed. */
  hurryFromBacklog: number;
  /** Asked right before every call: false when this feed may no longer send. */
  mayPublish: () => boolean;
  /** Records that the stream has, in the order of each key. */
  published: (records: readonly R[]) => void;
  /** Records that it refused, or a call that failed; all of them are sent again. */
  refused: (codes: ReadonlyMap<string, number>) => void;
}

/** Bytes of one call, below Kinesis's 5 MB. */
const batchBytes = 4_900_000;
/** Records of one symbol in a call when there is a hurry. */
const hurriedRecords = 50;
/** Milliseconds after a refusal, and after the start, in which nothing is risked. */
const careful = 2_000;
const retry: Backoff = { base: 50, cap: 2_000 };

interface Lane<R> {
  key: string;
  waiting: R[];
  /** When the oldest of them came, by the monotonic clock. */
  since: number;
  failures: number;
  /** In a call that is under way, or waiting to be tried again. */
  busy: boolean;
}

/**
 * Puts records on the stream: in batches by number, bytes and linger, several calls at once, and none of them with a key
 * that another one holds. What is refused goes back to the head of its key's queue before anything later of that key is
 * sent, so order survives refusals; it is tried again, with jitter, for as long as this feed may publish.
 *
 * Within one call Kinesis promises no order (API reference, PutRecords: a failed record does not stop those after it), so a
 * call holds one record of a key: see `hurryFromBacklog` for the exception.
 */
export class Publisher<R extends StreamRecord> {
  readonly #options: PublisherOptions<R>;
  readonly #lanes = new Map<string, Lane<R>>();
  /** Lanes that have something to send and are not busy; the one that was served last comes last. */
  readonly #ready = new Set<Lane<R>>();
  readonly #stopped = new AbortController();
  #pending = 0;
  #inFlight = 0;
  #carefulUntil: number;
  #timerAt = Number.POSITIVE_INFINITY;
  #flushing = false;
  /** Those who wait for the end of a flush. */
  #waiters: (() => void)[] = [];

  constructor(options: PublisherOptions<R>) {
    this.#options = options;
    this.#carefulUntil = options.clock.monotonic() + careful;
    setMaxListeners(0, this.#stopped.signal); // a wait for each symbol is no leak
  }

  /** Records that the stream does not have yet. */
  get pending(): number {
    return this.#pending;
  }

  get hasRoom(): boolean {
    return this.#pending < this.#options.room && !this.stopped;
  }

  get stopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  add(record: R): void {
    if (this.stopped) return;
    let lane = this.#lanes.get(record.key);
    if (lane === undefined) {
      lane = { key: record.key, waiting: [], since: 0, failures: 0, busy: false };
      this.#lanes.set(record.key, lane);
    }
    if (lane.waiting.length === 0) lane.since = this.#options.clock.monotonic();
    lane.waiting.push(record);
    this.#pending += 1;
    if (lane.busy) return;
    this.#ready.add(lane);
    if (this.#ready.size >= this.#options.batchRecords) this.#send();
    else this.#wakeAt(lane.since + this.#options.lingerMs);
  }

  /** Sends without linger, and resolves when the stream has everything, or when this publisher has stopped. */
  async flush(): Promise<void> {
    this.#flushing = true;
    this.#send();
    while (this.#pending > 0 && !this.stopped) await this.#change();
    this.#flushing = false;
  }

  /** Nothing is sent from now on. Of a call that is under way the result is still taken notice of. */
  stop(): void {
    this.#stopped.abort();
    this.#ready.clear();
    this.#changed();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #changed(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  #wakeAt(at: number): void {
    if (at >= this.#timerAt) return;
    this.#timerAt = at;
    const { clock } = this.#options;
    void clock.sleep(at - clock.monotonic(), this.#stopped.signal).then(() => {
      if (this.#timerAt !== at) return; // an earlier one was set since
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#send();
    });
  }

  /** Starts as many calls as may be: those that are due, and full ones. */
  #send(): void {
    const { batchesInFlight, batchRecords, lingerMs, clock, mayPublish } = this.#options;
    while (this.#ready.size > 0 && this.#inFlight < batchesInFlight && !this.stopped) {
      let oldest = Number.POSITIVE_INFINITY;
      for (const { since } of this.#ready) oldest = Math.min(oldest, since);
      const due = oldest + lingerMs;
      if (!this.#flushing && this.#ready.size < batchRecords && due > clock.monotonic()) {
        this.#wakeAt(due);
        return;
      }
      if (mayPublish()) void this.#call(this.#takeBatch());
      else this.stop();
    }
  }

  #takeBatch(): Map<Lane<R>, R[]> {
    const { batchRecords, hurryFromBacklog, clock } = this.#options;
    const mayHurry = clock.monotonic() >= this.#carefulUntil;
    const batch = new Map<Lane<R>, R[]>();
    let records = 0;
    let bytes = 0;
    for (const lane of this.#ready) {
      const most = mayHurry && lane.waiting.length >= hurryFromBacklog ? hurriedRecords : 1;
      let count = 0;
      for (const record of lane.waiting) {
        if (count >= most || records >= batchRecords) break;
        if (records > 0 && bytes + record.bytes > batchBytes) break;
        count += 1;
        records += 1;
        bytes += record.bytes;
      }
      if (count === 0) break;
      this.#ready.delete(lane);
      lane.busy = true;
      batch.set(lane, lane.waiting.splice(0, count)); // `since` stays: what is left has waited already
    }
    return batch;
  }

  async #call(batch: Map<Lane<R>, R[]>): Promise<void> {
    const { stream, published, refused } = this.#options;
    const records = [...batch.values()].flat();
    this.#inFlight += 1;
    let codes: readonly (string | undefined)[];
    try {
      codes = await stream.put(records);
    } catch (error) {
      const { name } = error as Error;
      codes = records.map(() => name);
    }
    this.#inFlight -= 1;

    const counts = new Map<string, number>();
    const accepted: R[] = [];
    let at = 0;
    for (const [lane, sent] of batch) {
      const failed: R[] = [];
      for (const record of sent) {
        const code = codes[at++];
        if (code === undefined) accepted.push(record);
        else {
          failed.push(record);
          counts.set(code, (counts.get(code) ?? 0) + 1);
        }
      }
      this.#settle(lane, failed);
    }
    this.#pending -= accepted.length;
    if (counts.size > 0) {
      this.#carefulUntil = this.#options.clock.monotonic() + careful;
      refused(counts);
    }
    if (accepted.length > 0) published(accepted);
    this.#changed();
    this.#send();
  }

  #settle(lane: Lane<R>, failed: R[]): void {
    const free = () => {
      lane.busy = false;
      if (lane.waiting.length > 0 && !this.stopped) this.#ready.add(lane);
    };
    if (failed.length === 0) {
      lane.failures = 0;
      free();
      return;
    }
    lane.waiting.unshift(...failed);
    lane.failures += 1;
    const { clock, random } = this.#options;
    const delay = backoff(retry, lane.failures, random);
    void clock.sleep(delay, this.#stopped.signal).then(() => {
      free();
      this.#send();
    });
  }
}
