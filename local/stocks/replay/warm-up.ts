import { tradingDayOf } from '../../../domain/stocks/trading-day.ts';
import { type ArchivedRow, field } from './archived-row.ts';

const second = 1_000_000_000n;
const hour = 3600n * second;

/**
 * After so many ticks, what was before is forgotten: the window holds 512 ids, and 0.94 to the power of 512 of an older
 * variance is left, 2e-14. Of an older tick rate, 2 to the power of -40 is left after this time. Rows have nine digits.
 */
const forgottenTicks = 512;
const forgottenTime = 40n * 60n * second;

/** The columns that depend on the whole trading day. */
const ofTheDay = new Set(['vwap']);

/** When the trading day of an instant began, in New York. @param ns since 1970 */
export function beginOfTradingDay(ns: bigint): bigint {
  const day = tradingDayOf(ns);
  // New York's offset is whole hours, also when its clocks change.
  let begin = (ns / hour) * hour;
  while (begin > 0n && tradingDayOf(begin - 1n) === day) begin -= hour;
  return begin;
}

/**
 * Which replayed rows are certain. A replay that begins where the archive begins knows all that the live trend knew; any other
 * has to read some ticks of each symbol first.
 */
export class WarmUp {
  readonly from: bigint;
  readonly isWhole: boolean;
  /** The trading day that had begun before. */
  readonly #begun: string;
  readonly #symbols = new Map<string, { ticks: number; firstAt: bigint; warmFrom?: bigint }>();
  /** Rows received while their symbol was not warm. */
  uncertain = 0;
  /** Rows of a trading day whose beginning was not read. */
  ofPartDay = 0;

  /** @param o from: when the first record that is read was received; isWhole: there is none before */
  constructor(o: { from: bigint; isWhole: boolean }) {
    this.from = o.from;
    this.isWhole = o.isWhole;
    this.#begun = o.from > 0n ? tradingDayOf(o.from - 1n) : '';
  }

  /** Every row of the replay, in order. @param isCompared it is of the time that was asked for */
  applied(row: ArchivedRow, isCompared: boolean): void {
    if (this.isWhole) return;
    if (isCompared && !this.#isDayWhole(row)) this.ofPartDay += 1;
    let known = this.#symbols.get(row.symbol);
    if (known?.warmFrom !== undefined) return;
    const at = BigInt(field(row, 'at_ns') ?? '0');
    if (!known) {
      known = { ticks: 0, firstAt: at };
      this.#symbols.set(row.symbol, known);
    }
    if (known.ticks >= forgottenTicks && at - known.firstAt >= forgottenTime) {
      known.warmFrom = row.received;
      return;
    }
    if (field(row, 'trend') !== 'late') known.ticks += 1;
    if (isCompared) this.uncertain += 1;
  }

  /** Whether a row may differ for want of what was before. @param columns that differ, none where there is only one row */
  explains(row: ArchivedRow, columns: readonly string[]): boolean {
    if (this.isWhole) return false;
    const { warmFrom } = this.#symbols.get(row.symbol) ?? {};
    if (warmFrom === undefined || row.received < warmFrom) return true;
    return !this.#isDayWhole(row) && columns.length > 0 && columns.every((column) => ofTheDay.has(column));
  }

  #isDayWhole(row: ArchivedRow): boolean {
    return row.tradingDay > this.#begun;
  }
}
