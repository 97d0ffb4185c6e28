import type { Trade } from '../../domain/stocks/trade.ts';

/** How far one symbol has come. */
export interface Position {
  /** Nanoseconds since 1970 of the newest trade; of the first subscription while there was none. */
  at: bigint;
  /** The trades of that very moment, by their identity within the symbol. */
  ids: string[];
}

/** By symbol. */
export type Checkpoint = ReadonlyMap<string, Position>;

/** Where it is kept for the feed that comes next. */
export interface CheckpointStore {
  readCheckpoint(): Promise<Checkpoint | undefined>;
  /** False when a later owner of the lease has written one. */
  writeCheckpoint(token: number, checkpoint: Checkpoint): Promise<boolean>;
}

/** What of a trade is needed to know it again. */
export interface TradeMark {
  /** Nanoseconds since 1970. */
  at: bigint;
  /** Identity within its symbol. */
  id: string;
}

export type Source = 'stream' | 'history';

interface Seen {
  newest: bigint;
  /** In the order in which they came, which is about the order of time. */
  ids: Map<string, { at: bigint; source: Source }>;
}

/**
 * What this feed has taken in, so that history and stream add up to each trade once. Of each symbol it remembers the newest
 * time, and the ids of the overlap before it: memory does not grow with the day.
 */
export class Accepted {
  readonly #symbols = new Map<string, Seen>();
  readonly #overlap: bigint;
  #keptFrom: bigint | undefined;

  /** @param overlap nanoseconds before a symbol's newest trade for which ids are remembered */
  constructor(overlap: bigint) {
    this.#overlap = overlap;
  }

  /** Continues where another feed ended. */
  restore(checkpoint: Checkpoint): void {
    for (const [symbol, { at, ids }] of checkpoint) {
      const source = 'stream' as const;
      this.#symbols.set(symbol, { newest: at, ids: new Map(ids.map((id) => [id, { at, source }])) });
    }
  }

  /** Symbols of which nothing is known begin at this moment. */
  begin(symbols: readonly string[], at: bigint): void {
    for (const symbol of symbols) {
      if (!this.#symbols.has(symbol)) this.#symbols.set(symbol, { newest: at, ids: new Map() });
    }
  }

  /** Nanoseconds since 1970; undefined for a symbol that was never subscribed to. */
  newest(symbol: string): bigint | undefined {
    return this.#symbols.get(symbol)?.newest;
  }

  /**
   * Ids of trades from this moment on are kept whatever comes after: while a gap is filled, the stream tells what the
   * history tells too. Undefined ends it.
   */
  keepFrom(at: bigint | undefined): void {
    this.#keptFrom = at;
  }

  /**
   * True where the trade is to go on. One from the history does not when it is known already; one from the stream only
   * when the history had it: should the provider itself tell a trade twice, that is a fact which the archive keeps.
   */
  admit(symbol: string, { at, id }: TradeMark, source: Source): boolean {
    let seen = this.#symbols.get(symbol);
    if (seen === undefined) {
      seen = { newest: at, ids: new Map() };
      this.#symbols.set(symbol, seen);
    }
    const known = seen.ids.get(id);
    if (known !== undefined && (source === 'history' || known.source === 'history')) return false;
    seen.ids.set(id, { at, source });
    if (at > seen.newest) {
      seen.newest = at;
      this.#forget(seen);
    }
    return true;
  }

  #forget({ newest, ids }: Seen): void {
    const kept = this.#keptFrom;
    const from = (kept !== undefined && kept < newest ? kept : newest) - this.#overlap;
    for (const [id, { at }] of ids) {
      if (at >= from) return;
      ids.delete(id);
    }
  }
}

/** What the stream has taken over for certain, as the next feed needs to know it. */
export class Published {
  readonly #positions = new Map<string, Position>();
  #changed = false;

  restore(checkpoint: Checkpoint): void {
    for (const [symbol, { at, ids }] of checkpoint) this.#positions.set(symbol, { at, ids: [...ids] });
  }

  begin(symbols: readonly string[], at: bigint): void {
    for (const symbol of symbols) {
      if (this.#positions.has(symbol)) continue;
      this.#positions.set(symbol, { at, ids: [] });
      this.#changed = true;
    }
  }

  note(symbol: string, { at, id }: TradeMark): void {
    const position = this.#positions.get(symbol);
    if (position === undefined || at > position.at) this.#positions.set(symbol, { at, ids: [id] });
    else if (at === position.at) position.ids.push(id);
    else return;
    this.#changed = true;
  }

  /** Undefined when nothing has changed since the last one. */
  takeCheckpoint(): Checkpoint | undefined {
    if (!this.#changed) return undefined;
    this.#changed = false;
    return new Map([...this.#positions].map(([symbol, { at, ids }]) => [symbol, { at, ids: [...ids] }]));
  }
}

export const markOf = (trade: Trade, id: string): TradeMark => ({ at: trade.at, id });
