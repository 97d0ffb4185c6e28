import { nanosecondsPerSecond } from './instant.ts';
import { type PackedIds, RecentIds } from './recent-ids.ts';
import type { Tick } from './tick.ts';
import { tickRate } from './tick-rate.ts';
import type { Trade } from './trade.ts';

/** Raise it with any change that could give another row or state: rows carry it, replays compare it. */
export const ruleVersion = '1';

/** How many previous entries a price is compared with. */
const entries = 3;

/**
 * The share of the past in the variance: 0.94, as RiskMetrics has it for daily returns (J.P. Morgan/Reuters, RiskMetrics
 * Technical Document, 4th edition, 1996, 5.3.2), here from tick to tick.
 */
const lambda = 0.94;

/** What is known of one symbol between two batches. Plain values only. */
export interface SymbolState {
  readonly symbol: string;
  /** Sequence number of the last record that was applied. */
  readonly through: string;
  /** Nanoseconds of the newest tick. */
  readonly at: bigint;
  /** Trading day of the newest tick. */
  readonly tradingDay: string;
  /** Up to three prices, the newest first. */
  readonly last: readonly number[];
  /** EWMA of squared simple returns; null before the second tick. */
  readonly variance: number | null;
  /** Sums over the trading day, of price times size and of size. */
  readonly dayTurnover: number;
  readonly dayVolume: number;
  /** Ticks after the first, and seconds that they took, both halved every minute: see tick-rate.ts. */
  readonly decayedTicks: number;
  readonly decayedSeconds: number;
  /** Ids of the last 512 ticks, late ones too. */
  readonly recent: PackedIds;
}

/** What of a tick the rule looks at. */
export type AppliedTick = Pick<
  Tick,
  'venue' | 'tradingDay' | 'id' | 'price' | 'size' | 'seconds' | 'nanoseconds'
>;

export type Direction = 'up' | 'down' | 'flat';

/** What is said of one tick. All but `trend` is null where there is nothing yet to compare with, and for late ticks. */
export interface Statistics {
  trend: Direction | 'warming-up' | 'late';
  /** -3 to 3: the sum of sign(p - q) over the previous three entries q; null until there are three. */
  score: number | null;
  /** p - q1, US dollars; q1 is the previous entry. */
  change: number | null;
  /** 100 (p - q1) / q1. */
  changePercent: number | null;
  /** p / q1 - 1. */
  simpleReturn: number | null;
  /** Square root of the EWMA of squared simple returns, this one included; a tick's, not annualised. */
  volatility: number | null;
  /** Sum of price times size over sum of size of the trading day so far; null while no whole share was traded. */
  vwap: number | null;
  /** Of the ticks' own times, halved every minute; null while no time has passed. */
  ticksPerSecond: number | null;
}

export type Outcome =
  | { readonly outcome: 'tick' | 'late'; readonly statistics: Statistics }
  /** An id of the window: no row. */
  | { readonly outcome: 'duplicate'; readonly statistics?: undefined };

const duplicate: Outcome = { outcome: 'duplicate' };
const late: Outcome = {
  outcome: 'late',
  statistics: {
    trend: 'late',
    score: null,
    change: null,
    changePercent: null,
    simpleReturn: null,
    volatility: null,
    vwap: null,
    ticksPerSecond: null,
  },
};

/**
 * The trend of one symbol, for many trades after one another. A function of the state it began with and of the trades:
 * splitting them into batches anywhere gives the same rows and the same state.
 *
 * - A duplicate, which has an id of the window, changes nothing but `through`.
 * - A late tick, older than the newest one, changes the window and `through`: the past is not rewritten.
 */
export class SymbolTrend {
  readonly #symbol: string;
  readonly #recent: RecentIds;
  #through: string;
  /** Of the newest tick; -1 before the first. */
  #seconds: number;
  #nanoseconds: number;
  #tradingDay: string;
  /** The previous entries, the newest first; as many as {@link SymbolTrend.#known} are meant. */
  #q1 = 0;
  #q2 = 0;
  #q3 = 0;
  #known = 0;
  #variance: number | null;
  #dayTurnover: number;
  #dayVolume: number;
  #decayedTicks: number;
  #decayedSeconds: number;

  /** @param state undefined for a symbol that was never seen */
  constructor(symbol: string, state?: SymbolState) {
    this.#symbol = symbol;
    this.#recent = new RecentIds(state?.recent);
    this.#through = state?.through ?? '';
    this.#seconds = state ? Number(state.at / nanosecondsPerSecond) : -1;
    this.#nanoseconds = state ? Number(state.at % nanosecondsPerSecond) : 0;
    this.#tradingDay = state?.tradingDay ?? '';
    for (const price of [...(state?.last ?? [])].reverse()) this.#remember(price);
    this.#variance = state?.variance ?? null;
    this.#dayTurnover = state?.dayTurnover ?? 0;
    this.#dayVolume = state?.dayVolume ?? 0;
    this.#decayedTicks = state?.decayedTicks ?? 0;
    this.#decayedSeconds = state?.decayedSeconds ?? 0;
  }

  /**
   * @param trade of this symbol
   * @param sequence of its record; the caller leaves out records up to the state's `through`
   */
  apply(trade: Trade, sequence: string): Outcome {
    const { venue, tradingDay, tradeId, price, size, at } = trade;
    const seconds = Number(at / nanosecondsPerSecond);
    const nanoseconds = Number(at % nanosecondsPerSecond);
    const tick = { venue, tradingDay, id: Number(tradeId), price, size, seconds, nanoseconds };
    return this.applyTick(tick, sequence);
  }

  /** The same for a trade that never was a {@link Trade}. */
  applyTick(tick: AppliedTick, sequence: string): Outcome {
    const { venue, tradingDay, price, size, seconds, nanoseconds } = tick;
    this.#through = sequence;
    if (!this.#recent.add(venue, tradingDay, tick.id)) return duplicate;
    if (seconds < this.#seconds || (seconds === this.#seconds && nanoseconds < this.#nanoseconds))
      return late;

    if (tradingDay !== this.#tradingDay) {
      this.#tradingDay = tradingDay;
      this.#dayTurnover = 0;
      this.#dayVolume = 0;
    }
    this.#dayTurnover += price * size;
    this.#dayVolume += size;

    const isFirst = this.#known === 0;
    const simpleReturn = isFirst ? null : price / this.#q1 - 1;
    if (simpleReturn !== null) {
      const square = simpleReturn * simpleReturn;
      this.#variance = this.#variance === null ? square : lambda * this.#variance + (1 - lambda) * square;
      const elapsed = difference(seconds - this.#seconds, nanoseconds - this.#nanoseconds);
      const rate = tickRate(this.#decayedTicks, this.#decayedSeconds, elapsed);
      this.#decayedTicks = rate.ticks;
      this.#decayedSeconds = rate.seconds;
    }
    const score =
      this.#known < entries
        ? null
        : Math.sign(price - this.#q1) + Math.sign(price - this.#q2) + Math.sign(price - this.#q3);
    const change = isFirst ? null : price - this.#q1;
    this.#seconds = seconds;
    this.#nanoseconds = nanoseconds;
    this.#remember(price);
    return {
      outcome: 'tick',
      statistics: {
        trend: score === null ? 'warming-up' : direction(score),
        score,
        change,
        changePercent: simpleReturn === null ? null : 100 * simpleReturn,
        simpleReturn,
        volatility: this.#variance === null ? null : Math.sqrt(this.#variance),
        vwap: this.#dayVolume > 0 ? this.#dayTurnover / this.#dayVolume : null,
        ticksPerSecond: this.#decayedSeconds > 0 ? this.#decayedTicks / this.#decayedSeconds : null,
      },
    };
  }

  /** Sequence number of the last record that was applied; empty before the first. */
  get through(): string {
    return this.#through;
  }

  /** A copy that later trades leave as it is. Not before the first trade of a symbol that was never seen. */
  state(): SymbolState {
    return {
      symbol: this.#symbol,
      through: this.#through,
      at: BigInt(this.#seconds) * nanosecondsPerSecond + BigInt(this.#nanoseconds),
      tradingDay: this.#tradingDay,
      last: [this.#q1, this.#q2, this.#q3].slice(0, this.#known),
      variance: this.#variance,
      dayTurnover: this.#dayTurnover,
      dayVolume: this.#dayVolume,
      decayedTicks: this.#decayedTicks,
      decayedSeconds: this.#decayedSeconds,
      recent: this.#recent.pack(),
    };
  }

  #remember(price: number): void {
    this.#q3 = this.#q2;
    this.#q2 = this.#q1;
    this.#q1 = price;
    if (this.#known < entries) this.#known++;
  }
}

/** One trade on its own. For many of one symbol, {@link SymbolTrend} does not copy the window each time. */
export function applyTrade(
  state: SymbolState | undefined,
  trade: Trade,
  sequence: string,
): Outcome & { state: SymbolState } {
  const trend = new SymbolTrend(trade.symbol, state);
  return { ...trend.apply(trade, sequence), state: trend.state() };
}

/** In nanoseconds, rounded once; a sum below 2 ** 53 is exact. */
function difference(seconds: number, nanoseconds: number): number {
  if (seconds < 9e6) return seconds * 1e9 + nanoseconds;
  return Number(BigInt(seconds) * nanosecondsPerSecond + BigInt(nanoseconds));
}

const direction = (score: number): Direction => (score > 0 ? 'up' : score < 0 ? 'down' : 'flat');
