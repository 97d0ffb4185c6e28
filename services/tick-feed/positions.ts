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
  /** No trade came yet: newest is this machine's time, when it was subscribed to. */
  awaited: boolean;
  /** In the order in which they came, which is about the order of time. */
  ids: Map<string, { at: bigint; source: Source }>;
}

/**
 * When a symbol began of which no trade came yet: at its subscription by this machine's clock, or, should that one be ahead
 * of the provider's, at the earliest trade of any symbol since.
 */
class Beginning {
  #earliest: bigint | undefined;

  note(at: bigint): void {
    if (this.#earliest === undefined || at < this.#earliest) this.#earliest = at;
  }

  of(at: bigint): bigint {
    return this.#earliest !== undefined && this.#earliest < at ? this.#earliest : at;
  }
}

/**
 * What this feed has taken in, so that history and stream add up to each trade once. Of each symbol it remembers the newest
 * time, and the ids of the overlap before it: memory does not grow with the day.
 */
export class Accepted {
  readonly #symbols = new Map<string, Seen>();
  readonly #overlap: bigint;
  readonly #begun = new Beginning();
  #keptFrom: bigint | undefined;

  /** @param overlap nanoseconds before a symbol's newest trade for which ids are remembered */
  constructor(overlap: bigint) {
    this.#overlap = overlap;
  }

  /** Continues where another feed ended. */
  restore(checkpoint: Checkpoint): void {
    for (const [symbol, { at, ids }] of checkpoint) {
      const source = 'stream' as const;
      const remembered = new Map(ids.map((id) => [id, { at, source }]));
      this.#symbols.set(symbol, { newest: at, awaited: ids.length === 0, ids: remembered });
    }
  }

  /** Symbols of which nothing is known begin at this moment. */
  begin(symbols: readonly string[], at: bigint): void {
    for (const symbol of symbols) {
      if (!this.#symbols.has(symbol))
        this.#symbols.set(symbol, { newest: at, awaited: true, ids: new Map() });
    }
  }

  /** Nanoseconds since 1970; undefined for a symbol that was never subscribed to. */
  newest(symbol: string): bigint | undefined {
    const seen = this.#symbols.get(symbol);
    return seen?.awaited ? this.#begun.of(seen.newest) : seen?.newest;
  }

  /**
   * Ids of trades from this moment on are kept whatever comes after: while a gap is filled, the stream tells what the
   * history tells too. Undefined ends it.
   */
  keepFrom(at: bigint | undefined): void {
    this.#keptFrom = at;
  }

  /**
   * True where the trade is to go on. One from the history is not when it is known already; one from the stream only when
   * the history had it: should the provider itself tell a trade twice, that is a fact which the archive keeps.
   */
  isNew(symbol: string, { id }: TradeMark, source: Source): boolean {
    const known = this.#symbols.get(symbol)?.ids.get(id);
    return known === undefined || (source === 'stream' && known.source === 'stream');
  }

  note(symbol: string, { at, id }: TradeMark, source: Source): void {
    let seen = this.#symbols.get(symbol);
    if (seen === undefined) {
      seen = { newest: at, awaited: true, ids: new Map() };
      this.#symbols.set(symbol, seen);
    }
    seen.ids.set(id, { at, source });
    this.#begun.note(at);
    if (at <= seen.newest && !seen.awaited) return;
    seen.awaited = false;
    seen.newest = at;
    this.#forget(seen);
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
  readonly #begun = new Beginning();
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
    this.#begun.note(at);
    if (position === undefined || position.ids.length === 0 || at > position.at)
      this.#positions.set(symbol, { at, ids: [id] });
    else if (at === position.at) position.ids.push(id);
    else return;
    this.#changed = true;
  }

  /** Undefined when nothing has changed since the last one. */
  takeCheckpoint(): Checkpoint | undefined {
    if (!this.#changed) return undefined;
    this.#changed = false;
    return new Map(
      [...this.#positions].map(([symbol, { at, ids }]) => [
        symbol,
        { at: ids.length === 0 ? this.#begun.of(at) : at, ids: [...ids] },
      ]),
    );
  }

  /** The last checkpoint was not written. */
  keepForNext(): void {
    this.#changed = true;
  }
}
