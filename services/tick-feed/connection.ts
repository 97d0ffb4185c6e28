import { WebSocket } from 'ws';
import { LabError } from '../../domain/errors.ts';
import {
  authenticationMilliseconds,
  authMessage,
  parseFrame,
  type StreamElement,
  streamErrorPasses,
  subscribeMessage,
} from '../../domain/stocks/alpaca.ts';
import type { Clock } from './clock.ts';

export interface ConnectionOptions {
  url: string;
  key: string;
  secret: string;
  symbols: readonly string[];
  clock: Clock;
  /** Milliseconds without a message, while the market is open, or without any sign of life, after which it is given up. */
  muteAfterMs: number;
  /** Whether trades are to be expected now. */
  marketIsOpen: () => boolean;
  /** When a message came, nanoseconds since 1970: asked once for each, later each time. */
  arrival: () => bigint;
  /** Trades and what else is on their channel, in the order of one message; from the first one on, subscribed or not. */
  elements: (elements: readonly StreamElement[], received: bigint) => void;
  /** A message that is not one of the protocol. The connection ends after it. */
  malformed: (text: string, received: bigint) => void;
  signal: AbortSignal;
}

export interface ConnectionEnd {
  reason: 'closed' | 'mute' | 'malformed' | 'refused' | 'full' | 'stopped';
  detail: string;
}

export interface Connection {
  /**
   * Nanoseconds since 1970, by `arrival`: when the provider had confirmed every symbol, or told the first trade, if that was
   * sooner. What came later is of this connection, what came before is not.
   */
  readonly since: bigint;
  readonly ended: Promise<ConnectionEnd>;
  /** Aborts at the same moment. */
  readonly endedSignal: AbortSignal;
  /** Gives it up. */
  end(reason: ConnectionEnd['reason'], detail: string): void;
}

/** Symbols in one request: the provider reads requests of at most 16 KB. */
const symbolsInRequest = 500;
/** Bytes of one message of the provider: it sends some kilobytes. */
const longestMessage = 16 * 1024 ** 2;
/** Milliseconds for the other side to answer a goodbye. */
const goodbye = 500;

/**
 * Connects, authenticates and subscribes: resolves when the provider has confirmed every symbol.
 *
 * @throws ProviderLoginRefused, ProviderSubscriptionRefused: a person has to look. ProviderBusy, ProviderUnreachable: later
 */
export function openConnection(options: ConnectionOptions): Promise<Connection> {
  return new Promise((resolve, reject) => new Attempt(options, resolve, reject));
}

class Attempt {
  readonly #options: ConnectionOptions;
  readonly #socket: WebSocket;
  readonly #over = new AbortController();
  readonly #resolve: (connection: Connection) => void;
  readonly #reject: (error: LabError) => void;
  #end: (end: ConnectionEnd) => void = () => {};
  #subscribed = false;
  #since: bigint | undefined;
  /** Asked for last; what is confirmed is the whole of it. */
  #asked = 0;
  #lastMessage: number;
  #lastSign: number;

  constructor(
    options: ConnectionOptions,
    resolve: (connection: Connection) => void,
    reject: (error: LabError) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#lastMessage = this.#lastSign = options.clock.monotonic();
    const { url, clock, signal } = options;
    this.#socket = new WebSocket(url, {
      perMessageDeflate: false,
      maxPayload: longestMessage,
      handshakeTimeout: authenticationMilliseconds,
    });
    this.#socket.on('message', (data, isBinary) => this.#message(isBinary ? '' : String(data)));
    this.#socket.on('pong', () => {
      this.#lastSign = clock.monotonic();
    });
    this.#socket.on('error', (error) => this.#finish({ reason: 'closed', detail: error.message }));
    this.#socket.on('close', (code, text) =>
      this.#finish({ reason: 'closed', detail: `${code} ${text}`.trim() }),
    );
    const stop = () => this.#finish({ reason: 'stopped', detail: '' });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true, signal: this.#over.signal });
    void clock.sleep(authenticationMilliseconds, this.#over.signal).then(() => {
      if (!this.#subscribed) this.#finish({ reason: 'closed', detail: 'no subscription in time' });
    });
  }

  #message(text: string): void {
    if (this.#over.signal.aborted) return;
    const { clock, arrival, elements, malformed } = this.#options;
    const received = arrival();
    this.#lastMessage = this.#lastSign = clock.monotonic();
    let found: StreamElement[];
    try {
      found = parseFrame(text);
    } catch (error) {
      // What it should have said is fetched from the history: its trades may be lost in it.
      this.#guarded(() => malformed(text, received));
      this.#finish({ reason: 'malformed', detail: (error as LabError).value });
      return;
    }
    const data = found.filter(({ kind }) => kind === 'trade' || kind === 'other');
    if (data.length > 0) {
      this.#since ??= received;
      this.#guarded(() => elements(data, received));
    }
    for (const element of found) this.#control(element, received);
  }

  /** A buffer that is full ends the connection: from there on, the history has what comes. */
  #guarded(take: () => void): void {
    try {
      take();
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      this.#finish({ reason: 'full', detail: error.value });
    }
  }

  #control(element: StreamElement, received: bigint): void {
    const { key, secret, symbols } = this.#options;
    if (element.kind === 'error') {
      const { code, message } = element;
      this.#finish({ reason: 'refused', detail: `${code} ${message}` }, refusal(code, message));
    } else if (element.kind === 'success') {
      if (element.message === 'connected') this.#socket.send(authMessage(key, secret));
      if (element.message === 'authenticated') this.#subscribe();
    } else if (element.kind === 'subscription') {
      const confirmed = new Set(element.trades);
      if (!symbols.slice(0, this.#asked).every((symbol) => confirmed.has(symbol))) return;
      if (this.#asked < symbols.length) this.#subscribe();
      else this.#ready(received);
    }
  }

  #subscribe(): void {
    const { symbols } = this.#options;
    const more = symbols.slice(this.#asked, this.#asked + symbolsInRequest);
    this.#asked += more.length;
    this.#socket.send(subscribeMessage(more));
  }

  #ready(received: bigint): void {
    if (this.#subscribed) return;
    this.#subscribed = true;
    this.#since ??= received;
    const ended = new Promise<ConnectionEnd>((resolve) => {
      this.#end = resolve;
    });
    void this.#listen();
    this.#resolve({
      since: this.#since,
      ended,
      endedSignal: this.#over.signal,
      end: (reason, detail) => this.#finish({ reason, detail }),
    });
  }

  /** Looks whether the provider still speaks, and asks the other end of the socket whether it is there. */
  async #listen(): Promise<void> {
    const { clock, muteAfterMs, marketIsOpen } = this.#options;
    while (!this.#over.signal.aborted) {
      this.#socket.ping();
      await clock.sleep(muteAfterMs / 4, this.#over.signal);
      const now = clock.monotonic();
      // Silence counts from the opening on.
      if (!marketIsOpen()) this.#lastMessage = now;
      const silent = now - this.#lastMessage;
      const dead = now - this.#lastSign;
      if (silent >= muteAfterMs || dead >= muteAfterMs)
        this.#finish({ reason: 'mute', detail: `${Math.round(Math.max(silent, dead))} ms` });
    }
  }

  /** The first to end it says why. */
  #finish(end: ConnectionEnd, error?: LabError): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    if (end.reason === 'stopped' && this.#subscribed) {
      // The provider frees the place at once for whoever comes next.
      this.#socket.close(1000);
      setTimeout(() => this.#socket.terminate(), goodbye).unref();
    } else this.#socket.terminate();
    if (this.#subscribed) this.#end(end);
    else this.#reject(error ?? new LabError('ProviderUnreachable', `${this.#options.url}: ${end.detail}`));
  }
}

function refusal(code: number, message: string): LabError {
  const value = `${code} ${message}`;
  if (code === 401 || code === 402) return new LabError('ProviderLoginRefused', value);
  if (streamErrorPasses(code)) return new LabError('ProviderBusy', value);
  return new LabError('ProviderSubscriptionRefused', value);
}
