import { errorTable, LabError } from '../../domain/errors.ts';
import { isExtendedHours } from '../../domain/stocks/extended-hours.ts';
import type { FeedSettings } from '../../domain/stocks/feed-settings.ts';
import type { Gap, GapReason } from '../../domain/stocks/tick-record.ts';
import { Arrivals } from './arrivals.ts';
import { type Backoff, backoff } from './backoff.ts';
import type { Clock } from './clock.ts';
import { type Connection, type ConnectionEnd, openConnection } from './connection.ts';
import type { Figures } from './figures.ts';
import { feedOfStream, readHistory } from './history.ts';
import { type Entry, Intake } from './intake.ts';
import { acquireLease, type LeaseTable, type Tenure } from './lease.ts';
import { type CheckpointStore, Published } from './positions.ts';
import type { ProviderSecret } from './provider-secret.ts';
import { Publisher, type StreamPort } from './publisher.ts';

type Tell = (message: string, more: Record<string, unknown>) => void;

export interface Log {
  info: Tell;
  warn: Tell;
  error: Tell;
}

export interface FeedPorts {
  stream: StreamPort;
  table: LeaseTable & CheckpointStore;
  clock: Clock;
  /** From 0 to less than 1. */
  random: () => number;
  log: Log;
  figures: Figures;
  /** Whether the market is open at this moment, nanoseconds since 1970; not asked where the settings say that it always is. */
  marketIsOpen: (at: bigint) => boolean;
}

export interface FeedOptions {
  settings: FeedSettings;
  /**
   * Read anew for each connection: a login that was changed needs no restart. Throws ProviderSecretInvalid,
   * ProviderSecretUnreadable.
   */
  secret: (signal: AbortSignal) => Promise<ProviderSecret>;
  /** Of this process: no other one has it, and none before had. */
  owner: string;
  ports: FeedPorts;
}

/** What a feed can be asked while it runs. */
export interface FeedState {
  active: boolean;
  /** Holds the lease and has no login that the provider takes: a person has to look. */
  waitsForLogin: boolean;
  heldBytes: number;
  /** When the provider last said something, by the monotonic clock. */
  lastReceived: number;
}

const reconnect: Backoff = { base: 500, cap: 30_000 };
/** Milliseconds of a connection after which the next failure counts as the first one. */
const steady = 10_000;
/** Nanoseconds beyond this machine's now to which the history is read: clocks differ. */
const ahead = 60_000_000_000n;
/** Trades of the history between two looks at whether there is room for more. */
const step = 100;
const millisecond = 1_000_000n;
const hour = 3_600_000n * millisecond;

/**
 * Feeds the stream for as long as it holds the lease, and waits for it else. Resolves after the signal has aborted, when
 * everything that was accepted is on the stream, or the time for that is up, and the lease is given back.
 *
 * What a person has to mend outside of this program (a login, a subscription) it waits for, with the lease: a task that ends
 * would be started again and again, and CloudFormation waits for tasks that stay. Throws where the program itself is wrong.
 */
export async function runFeed(
  options: FeedOptions,
  signal: AbortSignal,
  state: FeedState = { active: false, waitsForLogin: false, heldBytes: 0, lastReceived: 0 },
): Promise<void> {
  const { settings, owner, ports } = options;
  const { table, clock, log } = ports;
  const arrivals = new Arrivals();
  while (!signal.aborted) {
    const milliseconds = settings.leaseSeconds * 1000;
    const tenure = await acquireLease({ table, owner, milliseconds, clock, log }, signal);
    if (tenure !== undefined) await new ActiveFeed(options, tenure, arrivals, signal, state).run();
  }
}

/** A gap that is not filled yet. */
interface OpenGap {
  reason: GapReason;
  /** Nanoseconds since 1970; undefined until the first look at how far the feed had come. */
  from: bigint | undefined;
  filled: number;
}

/** The feed during one tenure of the lease. */
class ActiveFeed {
  readonly #options: FeedOptions;
  readonly #tenure: Tenure;
  readonly #arrivals: Arrivals;
  readonly #state: FeedState;
  /** Ends all reading: asked to stop, the lease is lost, or something is wrong that no waiting mends. */
  readonly #over: AbortSignal;
  readonly #ending = new AbortController();
  readonly #intake: Intake;
  readonly #publisher: Publisher<Entry>;
  readonly #published = new Published();
  #gap: OpenGap | undefined;
  /** The last one that was read. */
  #secret: ProviderSecret | undefined;

  constructor(
    options: FeedOptions,
    tenure: Tenure,
    arrivals: Arrivals,
    stopping: AbortSignal,
    state: FeedState,
  ) {
    this.#options = options;
    this.#tenure = tenure;
    this.#arrivals = arrivals;
    this.#state = state;
    this.#over = AbortSignal.any([stopping, tenure.lost, this.#ending.signal]);
    const { settings, ports } = options;
    this.#intake = new Intake({
      ...settings,
      token: tenure.token,
      arrivals,
      leaveOut: settings.hours === 'regular' ? isExtendedHours : () => false,
      leftOut: () => ports.figures.add('LeftOut'),
      arrived: () => this.#forward(),
    });
    this.#publisher = new Publisher<Entry>({
      ...settings,
      ...ports,
      // Enough for many symbols to have something to send; a part of the memory, which is for what waits behind it.
      room: Math.min(10_000, Math.max(settings.batchRecords, Math.floor(settings.bufferBytes / 2_000))),
      mayPublish: () => tenure.held(),
      published: (entries) => this.#onPublished(entries),
      refused: (codes) => this.#onRefused(codes),
    });
  }

  async run(): Promise<void> {
    const { log } = this.#options.ports;
    const noting = new AbortController();
    let notes: Promise<void> | undefined;
    this.#state.active = true;
    try {
      await this.#begin();
      notes = this.#keepCheckpoint(noting.signal);
      await this.#stayConnected();
    } catch (error) {
      log.error('the feed cannot go on', { error });
      throw error;
    } finally {
      this.#ending.abort();
      this.#intake.discardHeld();
      await this.#flush();
      noting.abort();
      await notes;
      this.#publisher.stop();
      this.#intake.clear();
      this.#state.active = false;
      this.#state.waitsForLogin = false;
      this.#state.heldBytes = 0;
      await this.#tenure.release();
    }
  }

  /** Where the feed before this one ended. Tried until it is known: without it, a gap would stay open unnoticed. */
  async #begin(): Promise<void> {
    const { table, clock, log, random } = this.#options.ports;
    for (let failures = 1; !this.#over.aborted; failures += 1) {
      try {
        const checkpoint = await table.readCheckpoint();
        if (checkpoint === undefined) return;
        this.#intake.restore(checkpoint);
        this.#published.restore(checkpoint);
        this.#gap = { reason: this.#tenure.takenOver ? 'failover' : 'start', from: undefined, filled: 0 };
        return;
      } catch (error) {
        log.warn('checkpoint not read', { error });
        await clock.sleep(backoff(reconnect, failures, random), this.#over);
      }
    }
  }

  async #stayConnected(): Promise<void> {
    const { settings, ports } = this.#options;
    const { clock, log, random, figures } = ports;
    let failures = 0;
    while (!this.#over.aborted) {
      await this.#roomAfterFull();
      if (this.#over.aborted) break;
      this.#intake.hold();
      const startedAt = clock.monotonic();
      let refused = false;
      try {
        const secret = await this.#login();
        const connection = await this.#connect(secret);
        figures.add('Connected');
        this.#state.waitsForLogin = false;
        const end = await this.#readFrom(connection, secret).finally(() => figures.add('Disconnected'));
        if (end.reason === 'stopped') break;
        log.warn('connection ended', { ...end });
        this.#gap ??= { reason: end.reason === 'mute' ? 'mute' : 'reconnect', from: undefined, filled: 0 };
      } catch (error) {
        if (this.#over.aborted) break;
        if (!(error instanceof LabError) || errorTable[error.code].kind === 'setup') throw error;
        refused = errorTable[error.code].kind === 'refused';
        if (refused || error.code === 'ProviderSecretUnreadable') this.#state.waitsForLogin = true;
        if (refused) log.error('waits for a login that the provider takes', { error });
        else log.warn('not connected', { error });
      }
      this.#intake.discardHeld();
      failures = clock.monotonic() - startedAt >= steady ? 1 : failures + 1;
      const wait = refused ? settings.refusedRetryMs : backoff(reconnect, failures, random);
      await clock.sleep(wait, this.#over);
    }
  }

  /** The login as it is now; the last one while Secrets Manager does not answer. */
  async #login(): Promise<ProviderSecret> {
    try {
      this.#secret = await this.#options.secret(this.#over);
    } catch (error) {
      const isUnreadable = error instanceof LabError && error.code === 'ProviderSecretUnreadable';
      if (!isUnreadable || this.#secret === undefined || this.#over.aborted) throw error;
      this.#options.ports.log.warn('the login is that of the last connection', { error });
    }
    return this.#secret;
  }

  #connect({ key, secret, streamUrl }: ProviderSecret): Promise<Connection> {
    const { settings, ports } = this.#options;
    const { symbols, muteAfterMs, alwaysOpen } = settings;
    const { clock, figures, marketIsOpen } = ports;
    return openConnection({
      url: streamUrl ?? settings.streamUrl,
      key,
      secret,
      symbols,
      clock,
      muteAfterMs,
      marketIsOpen: () => alwaysOpen || marketIsOpen(clock.wall()),
      arrival: () => this.#arrivals.stamp(clock.wall()),
      elements: (elements, received) => {
        figures.add('Received', elements.length);
        this.#state.lastReceived = clock.monotonic();
        this.#intake.live(elements, received);
      },
      malformed: (text, received) => {
        figures.add('Malformed');
        this.#intake.malformed(text, received);
      },
      signal: this.#over,
    });
  }

  /** Fills the gap before this connection, lets its trades follow, and stays until it ends. */
  async #readFrom(connection: Connection, secret: ProviderSecret): Promise<ConnectionEnd> {
    const { settings, ports } = this.#options;
    const subscribedAt = connection.since;
    ports.log.info('subscribed', { symbols: settings.symbols.length, token: this.#tenure.token });
    this.#state.lastReceived = ports.clock.monotonic();
    const isKnown = (symbol: string) => this.#intake.newest(symbol) !== undefined;
    const known = settings.symbols.filter(isKnown);
    this.#intake.keepFrom(subscribedAt);
    const until = AbortSignal.any([this.#over, connection.endedSignal]);
    try {
      if (this.#gap !== undefined) await this.#fill(this.#gap, known, subscribedAt, secret, until);
      // Symbols that are new begin now: there is nothing of them to fill before.
      this.#intake.begin(settings.symbols, subscribedAt);
      this.#published.begin(settings.symbols, subscribedAt);
      if (!until.aborted) await this.#intake.releaseHeld(() => this.#room(until), until);
    } catch (error) {
      const isFull = error instanceof LabError && error.code === 'SpillFailed';
      connection.end(isFull ? 'full' : 'refused', (error as Error).message);
      if (!isFull) throw error;
    }
    return connection.ended;
  }

  async #fill(
    gap: OpenGap,
    symbols: readonly string[],
    to: bigint,
    secret: ProviderSecret,
    signal: AbortSignal,
  ): Promise<void> {
    const { settings, ports } = this.#options;
    const { clock, log, figures } = ports;
    const newest = symbols.map((symbol) => this.#intake.newest(symbol) ?? to);
    let last = 0n;
    for (const at of newest) if (at > last) last = at;
    gap.from ??= last < to ? last : to;
    const earliest = to - BigInt(settings.historyHours) * hour;
    if (gap.from < earliest) {
      log.error('gap is longer than what is filled', {
        from: String(gap.from),
        filledFrom: String(earliest),
      });
    }
    const overlap = BigInt(settings.overlapMs) * millisecond;
    const starts = symbols.map((symbol, index): [string, bigint] => {
      const from = (newest[index] as bigint) - overlap;
      return [symbol, from > earliest ? from : earliest];
    });

    await clock.sleep(settings.historyLagMs, signal);
    const source = {
      ...ports,
      url: secret.historyUrl ?? settings.historyUrl,
      key: secret.key,
      secret: secret.secret,
      feed: feedOfStream(secret.streamUrl ?? settings.streamUrl),
      pageSize: settings.historyPageSize,
    };
    const end = (last > to ? last : to) + ahead;
    const from = new Map(starts);
    const pages = readHistory(source, from, end, signal);
    for await (const trades of pages) {
      const received = clock.wall();
      for (let first = 0; first < trades.length && !signal.aborted; first += step) {
        const admitted = this.#intake.history(trades.slice(first, first + step), received);
        gap.filled += admitted;
        figures.add('Filled', admitted);
        await this.#room(signal);
      }
      if (signal.aborted) break;
    }
    if (signal.aborted) return; // the next connection goes on with the same gap
    figures.add('Gaps');
    const { reason, filled } = gap;
    const told: Gap = { from: gap.from, to, reason, filled };
    this.#intake.gap(told, clock.wall());
    log.info('gap filled', { reason, filled, from: String(told.from), to: String(to) });
    this.#gap = undefined;
  }

  // --- from the intake to the stream ---

  #forward(): void {
    while (this.#publisher.hasRoom) {
      const entry = this.#intake.take();
      if (entry === undefined) break;
      this.#publisher.add(entry);
    }
    this.#state.heldBytes = this.#intake.bytes;
  }

  #onPublished(entries: readonly Entry[]): void {
    const { figures, clock } = this.#options.ports;
    figures.add('Published', entries.length);
    let oldest: bigint | undefined;
    for (const { key, mark, source, received } of entries) {
      if (mark) this.#published.note(key, mark);
      if (source === 'stream' && (oldest === undefined || received < oldest)) oldest = received;
    }
    // Where the clock was set back, it is behind what it said when they came.
    if (oldest !== undefined) figures.lag(Math.max(0, Number(clock.wall() - oldest) / 1e6));
    this.#forward();
  }

  #onRefused(codes: ReadonlyMap<string, number>): void {
    const { figures, log } = this.#options.ports;
    for (const count of codes.values()) figures.add('Retried', count);
    log.warn('the stream refuses records', { codes: Object.fromEntries(codes) });
  }

  /** For history: it need not go to the disk, the provider has it. */
  async #room(signal: AbortSignal): Promise<void> {
    const { settings, ports } = this.#options;
    while (!signal.aborted && this.#intake.queueBytes > settings.bufferBytes / 4)
      await ports.clock.sleep(10, signal);
  }

  /** After the disk was full: what waits must become less before more is asked for. */
  async #roomAfterFull(): Promise<void> {
    const { settings, ports } = this.#options;
    while (!this.#over.aborted && this.#intake.bytes > settings.bufferBytes / 2)
      await ports.clock.sleep(100, this.#over);
  }

  /** What was accepted goes on the stream, if there is time; what does not is fetched anew by the next feed. */
  async #flush(): Promise<void> {
    const { settings, ports } = this.#options;
    const enough = new AbortController();
    const late = AbortSignal.any([enough.signal, this.#tenure.lost]);
    const upTo = ports.clock.sleep(settings.stopSeconds * 1000, late).then(() => this.#publisher.stop());
    while (!late.aborted && this.#tenure.held() && this.#intake.length + this.#publisher.pending > 0) {
      const before = this.#publisher.pending;
      this.#forward();
      await this.#publisher.flush();
      if (this.#publisher.stopped) break;
      if (this.#publisher.pending === before && this.#intake.length === 0) break;
    }
    enough.abort();
    await upTo;
    const left = this.#intake.length + this.#publisher.pending;
    if (left > 0) ports.log.warn('left to the next feed', { records: left });
  }

  /** Tells the next feed how far this one has come: at intervals, and once more at the end. */
  async #keepCheckpoint(signal: AbortSignal): Promise<void> {
    const { settings, ports } = this.#options;
    const { table, clock, log } = ports;
    for (let last = false; !last; ) {
      await clock.sleep(settings.checkpointMs, signal);
      last = signal.aborted;
      const checkpoint = this.#published.takeCheckpoint();
      if (checkpoint === undefined) continue;
      try {
        const written = await table.writeCheckpoint(this.#tenure.token, checkpoint);
        if (!written) log.warn('checkpoint is of a later feed', { token: this.#tenure.token });
      } catch (error) {
        // An older one is good too: more is fetched twice then. The next interval tries again.
        this.#published.keepForNext();
        log.warn('checkpoint not written', { error });
      }
    }
  }
}
