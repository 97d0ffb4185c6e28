import { setTimeout as sleep } from 'node:timers/promises';
import type { SoakResult } from '../../soak.ts';
import { countAll, RawTally } from '../counts.ts';
import type { StocksLab } from '../lab.ts';
import { ExpectedRows } from './expected.ts';
import { type PlannedFault, planFaults } from './faults.ts';
import { FeedTasks } from './feeds.ts';

/** For how long ticks stream under faults. */
const roundMs = 8_000;
/** After this a fault is given up that has found nothing to strike. */
const struckWithinMs = 120_000;
/** The longest that the last of them may take to their places, once nothing is wrong any more. */
const settledWithinMs = 300_000;

export interface RoundResult extends SoakResult {
  ticks: number;
  setAside: number;
  /** Trades that are not in the archive, or not in SQL. */
  lost: number;
  /** Rows beyond one for each trade. */
  twice: number;
}

/** Rounds on one running lab, whose states, leases and archive go on from round to round. */
export class Rounds {
  readonly #lab: StocksLab;
  readonly #feeds: FeedTasks;
  readonly #raw = new RawTally();
  readonly #expected: ExpectedRows;

  constructor(lab: StocksLab) {
    this.#lab = lab;
    this.#feeds = new FeedTasks(lab);
    this.#expected = new ExpectedRows(lab);
  }

  close(): void {
    this.#expected.close();
  }

  /**
   * Ticks stream while the faults of this seed strike; then all of them are over, and every trade is looked for in the archive
   * and in SQL, each row held against the rule.
   *
   * @throws when the signal is aborted, or not everything comes to its place in time
   */
  async run(seed: number, signal: AbortSignal): Promise<RoundResult> {
    const { exchange } = this.#lab;
    const before = exchange.trades().length;
    const setAsideBefore = this.#raw.unreadable;
    await this.#feeds.restore(signal);
    exchange.start();
    const faults = await this.#strike(planFaults(seed, roundMs), signal);
    exchange.stopTrading();
    this.#lab.laptop.proxy.faults.clear();
    await this.#feeds.restore(signal);
    // A symbol's gap is filled up to what comes next.
    exchange.emit(5);
    await this.#settle(signal);
    const { traded, loaded, twice, setAside } = await countAll(this.#lab, undefined, this.#raw);
    const differences = await this.#expected.differences();
    if (setAside !== this.#raw.unreadable)
      differences.push(
        `${setAside} records are set aside, ${this.#raw.unreadable} of the archive cannot be read`,
      );
    const lost = traded - Math.min(loaded, this.#raw.trades);
    if (lost > 0) differences.push(`${lost} trades are lost`);
    if (twice > 0) differences.push(`${twice} rows are there twice`);
    return {
      ticks: exchange.trades().length - before,
      setAside: this.#raw.unreadable - setAsideBefore,
      lost,
      twice,
      faults,
      differences,
    };
  }

  async #strike(planned: readonly PlannedFault[], signal: AbortSignal): Promise<Record<string, number>> {
    const began = Date.now();
    const until = (at: number) => sleep(Math.max(0, began + at - Date.now()), undefined, { signal });
    const hits = await Promise.all(
      planned.map(async ({ name, at, lasts, inject }) => {
        await until(at);
        const injected = await inject({ lab: this.#lab, feeds: this.#feeds, signal });
        await sleep(lasts, undefined, { signal });
        // Ticks stream on until each has struck: how soon the call comes that it waits for is up to the machine, and whether
        // it comes at all to a feed that no other fault has ended.
        for (const late = began + struckWithinMs; injected.hits() === 0 && Date.now() < late; ) {
          await this.#feeds.replaceEnded();
          await sleep(50, undefined, { signal });
        }
        await injected.end();
        return [name, injected.hits()] as const;
      }),
    );
    await until(roundMs);
    return Object.fromEntries(hits);
  }

  async #settle(signal: AbortSignal): Promise<void> {
    const { exchange } = this.#lab;
    const traded = exchange.trades().length;
    const places = { sql: 0, archive: 0 };
    for (const until = Date.now() + settledWithinMs; places.sql < traded || places.archive < traded; ) {
      if (Date.now() > until)
        throw new Error(
          `of ${traded} trades ${places.archive} are in the archive and ${places.sql} in SQL ${settledWithinMs / 1000} s after the faults\n${this.#feeds.running.map((feed) => `${feed.name}: ${feed.tail(3)}`).join('\n')}`,
        );
      await sleep(250, undefined, { signal });
      const [row] = await this.#lab.query<{ ticks: number }>(
        'SELECT COUNT(*)::int AS ticks FROM stocks.ticks',
      );
      places.sql = row?.ticks ?? 0;
      await this.#raw.read(this.#lab);
      places.archive = this.#raw.trades;
    }
  }
}
