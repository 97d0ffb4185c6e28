import { type ArchivedRow, differingColumns, field } from './archived-row.ts';
import type { LiveRows } from './live-rows.ts';

/** One tick of which the live row and the replayed row are not the same. */
export interface Difference {
  /** `AAPL|D|2026-11-20|96921` */
  tick: string;
  /** Nanoseconds since 1970: when it was traded, and received. */
  at: string;
  received: string;
  /** Null where there is no such row. */
  liveRule: string | null;
  replayedRule: string | null;
  /** Of the columns that differ; none where there is only one row. `rule_version` is not among them. */
  columns: { column: string; live: string | null; replayed: string | null }[];
  /** Why it need not be a mistake; null where nothing is known that explains it. */
  because: Reason | null;
}

export type Reason =
  /** Another version of the rule wrote the live row. */
  | 'other-rule'
  /** The replay did not know enough of what was before. */
  | 'warm-up'
  /** Received moments before the replay began: the other row may still come. */
  | 'on-its-way'
  /** The live trend could not read the record and set it aside; today's can. */
  | 'set-aside';

export interface ComparisonCounts {
  /** Ticks of which there are both rows. */
  compared: number;
  equal: number;
  /** Those of another version of the rule that are equal all the same are among `equal`. */
  equalByOtherRule: number;
  differ: number;
  onlyLive: number;
  onlyReplayed: number;
}

/** How a difference is explained that the rows alone do not explain. `columns` is empty where there is only one row. */
export type Explain = (row: ArchivedRow, columns: readonly string[]) => Reason | null;

/** The most differences that are kept; all are counted. */
export const mostDifferences = 10_000;

/**
 * Pairs live and replayed rows, in whatever order they come, by tick and by when it was received (a tick may come twice). Only
 * what has no other half yet is kept.
 */
export class Comparison {
  readonly counts: ComparisonCounts = {
    compared: 0,
    equal: 0,
    equalByOtherRule: 0,
    differ: 0,
    onlyLive: 0,
    onlyReplayed: 0,
  };
  /** The first of them in the order in which they were found. */
  readonly differences: Difference[] = [];
  /** Live rows whose records the raw archive may not have yet. */
  awaited = 0;
  /** How many differences have which reason; `null`: none. */
  readonly reasons = new Map<Reason | null, number>();
  readonly #live = new Map<string, ArchivedRow>();
  readonly #replayed = new Map<string, ArchivedRow>();
  /** Rows of live objects that repeat each other, by key. */
  readonly #repeating = new Map<string, string>();
  readonly #explain: Explain;

  constructor(explain: Explain) {
    this.#explain = explain;
  }

  /** Rows that wait for their other half. */
  get waiting(): { live: number; replayed: number } {
    return { live: this.#live.size, replayed: this.#replayed.size };
  }

  live({ rows, mayRepeat }: LiveRows, isAsked: (row: ArchivedRow) => boolean): void {
    for (const row of rows) {
      if (!isAsked(row)) continue;
      if (mayRepeat) {
        // SQL takes one of equal rows. Copies that differ are two rows, of which the replay has one.
        if (this.#repeating.get(row.key) === row.line) continue;
        this.#repeating.set(row.key, row.line);
      }
      const replayed = this.#replayed.get(row.key);
      if (replayed) {
        this.#replayed.delete(row.key);
        this.#compare(row, replayed);
      } else this.#live.set(row.key, row);
    }
  }

  replayed(row: ArchivedRow): void {
    const live = this.#live.get(row.key);
    if (live) {
      this.#live.delete(row.key);
      this.#compare(live, row);
    } else this.#replayed.set(row.key, row);
  }

  /** What has no other half has none. @param readable keys of records that were set aside and that can be read now */
  async end(setAside: () => Promise<ReadonlySet<string>>): Promise<void> {
    const known: ReadonlySet<string> = this.#replayed.size > 0 ? await setAside() : new Set();
    for (const row of this.#live.values()) {
      this.counts.onlyLive += 1;
      const reason = this.#explain(row, []);
      if (reason === 'on-its-way') this.awaited += 1;
      this.#differ(row, undefined, [], reason);
    }
    for (const row of this.#replayed.values()) {
      this.counts.onlyReplayed += 1;
      this.#differ(undefined, row, [], known.has(row.key) ? 'set-aside' : this.#explain(row, []));
    }
    this.#live.clear();
    this.#replayed.clear();
  }

  #compare(live: ArchivedRow, replayed: ArchivedRow): void {
    this.counts.compared += 1;
    const differing = differingColumns(live, replayed);
    const columns = differing.filter((column) => column !== 'rule_version');
    const isOtherRule = columns.length < differing.length;
    if (columns.length > 0) {
      this.counts.differ += 1;
      this.#differ(live, replayed, columns, isOtherRule ? 'other-rule' : this.#explain(replayed, columns));
      return;
    }
    this.counts.equal += 1;
    if (isOtherRule) this.counts.equalByOtherRule += 1;
  }

  #differ(
    live: ArchivedRow | undefined,
    replayed: ArchivedRow | undefined,
    columns: readonly string[],
    because: Reason | null,
  ): void {
    this.reasons.set(because, (this.reasons.get(because) ?? 0) + 1);
    if (this.differences.length >= mostDifferences) return;
    const row = (replayed ?? live) as ArchivedRow;
    const text = (column: string) => field(row, column) ?? '';
    const of = (side: ArchivedRow | undefined, column: string) => (side && field(side, column)) ?? null;
    this.differences.push({
      tick: ['symbol', 'venue', 'trading_day', 'trade_id'].map(text).join('|'),
      at: text('at_ns'),
      received: text('received_ns'),
      liveRule: of(live, 'rule_version'),
      replayedRule: of(replayed, 'rule_version'),
      columns: columns.map((column) => ({ column, live: of(live, column), replayed: of(replayed, column) })),
      because,
    });
  }
}
