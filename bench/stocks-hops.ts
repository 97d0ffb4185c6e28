import { setTimeout as sleep } from 'node:timers/promises';
import { formatTable, type Progress } from '../local/core/progress.ts';
import { openStocksLab, type StocksLab } from '../local/stocks/lab.ts';
import { type Course, Courses } from './stocks-course.ts';
import { doNothing } from './stocks-no-op.ts';

/** How soon everything must be in SQL after the last tick, for a rate to be held. */
const drainMs = 10_000;
/** How long a rate that is not held is waited for. */
const patienceMs = 120_000;
/** Between two looks at what is visible in SQL: what the last hop may be too long by. */
const lookMs = 20;

export interface Percentiles {
  p50: number;
  p99: number;
  max: number;
}

export type Hops = Record<keyof Course, Percentiles>;

export interface RateResult {
  /** Ticks a second that were asked for, and that the exchange made. */
  rate: number;
  made: number;
  ticks: number;
  /** Milliseconds from the last tick until all were visible; undefined where they were not in two minutes. */
  drainedMs: number | undefined;
  held: boolean;
  hops: Hops;
}

export interface StocksHopsResult {
  /** For how long each rate was kept up. */
  seconds: number;
  lab: RateResult[];
  /** The same stack with a trend and a load that do nothing, at some of these rates. */
  noOp: RateResult[];
}

export interface StocksHopsOptions {
  /** Ticks a second, rising. @default 200, 500, 1000, 2000, 4000 */
  rates?: readonly number[];
  /** The one whose hops are shown in any case. @default 1000 */
  shown?: number;
  /** @default 20 */
  seconds?: number;
  progress: Progress;
  signal: AbortSignal;
}

/**
 * From a trade on the exchange to its row in SQL, by hop, on a running laptop at rising rates until one is not held; then
 * beside consumers that do nothing.
 */
export async function benchHops(o: StocksHopsOptions): Promise<StocksHopsResult> {
  const { rates = [200, 500, 1000, 2000, 4000], shown = 1000, seconds = 20, progress, signal } = o;
  const lab: RateResult[] = [];
  await onLaptop({ progress, isNoOp: false }, async (atRate) => {
    for (const rate of rates) {
      signal.throwIfAborted();
      const isOver = lab.some(({ held }) => !held);
      if (!isOver || rate === shown) lab.push(await atRate(rate, seconds));
      if (lab.at(-1)?.drainedMs === undefined) break;
    }
  });
  const noOp: RateResult[] = [];
  await onLaptop({ progress, isNoOp: true }, async (atRate) => {
    for (const { rate } of shownRates({ lab }, shown)) {
      signal.throwIfAborted();
      noOp.push(await atRate(rate, seconds));
    }
  });
  return { seconds, lab, noOp };
}

type AtRate = (rate: number, seconds: number) => Promise<RateResult>;

async function onLaptop(
  { progress, isNoOp }: { progress: Progress; isNoOp: boolean },
  measure: (atRate: AtRate) => Promise<void>,
): Promise<void> {
  // One tick a second: the rates are bursts of it.
  const stocks = await openStocksLab({
    progress,
    exchange: { ticksPerSecond: 1 },
    ...(isNoOp && { change: doNothing }),
  });
  const courses = new Courses(stocks, isNoOp);
  try {
    const feed = await stocks.startFeed();
    for (const until = Date.now() + 30_000; stocks.exchange.listening === 0; await sleep(50))
      if (Date.now() > until) throw new Error(`no feed listens after 30 s\n${feed.tail(8)}`);
    await progress.step('functions that have been called before', async () => {
      await atRate(stocks, courses, 100, 3);
    });
    await measure((rate, seconds) =>
      progress.step(
        `${rate.toLocaleString('en')} ticks/s for ${seconds} s${isNoOp ? ', consumers that do nothing' : ''}`,
        async (step) => {
          const result = await atRate(stocks, courses, rate, seconds);
          step.detail(`p50 ${Math.round(result.hops.whole.p50)} ms, ${heldText(result)}`);
          return result;
        },
      ),
    );
  } finally {
    courses.close();
    await stocks.close();
  }
}

async function atRate(
  { exchange }: StocksLab,
  courses: Courses,
  rate: number,
  seconds: number,
): Promise<RateResult> {
  const before = exchange.trades().length;
  const known = courses.ticks.length;
  const begun = performance.now();
  exchange.burst(rate, seconds * 1000);
  exchange.start();
  let collected = begun;
  const lookFor = async (until: number) => {
    while (performance.now() < until) {
      await courses.look();
      if (performance.now() - collected > 500) {
        collected = performance.now();
        courses.collect();
      }
      await sleep(lookMs);
    }
  };
  await lookFor(begun + seconds * 1000);
  exchange.stopTrading();
  const ended = performance.now();
  const trades = exchange.trades().slice(before);
  let drainedMs: number | undefined;
  while (drainedMs === undefined && performance.now() < ended + patienceMs) {
    const looked = performance.now();
    await lookFor(looked + 500);
    await courses.settle();
    if (courses.ticks.length - known >= trades.length && courses.pending() === 0)
      drainedMs = performance.now() - ended;
  }
  const [first, last] = [trades[0], trades.at(-1)];
  if (!first || !last) throw new Error('nothing was traded');
  const found = courses.courses(first.at, last.at + 1n);
  if (drainedMs !== undefined) {
    // By the last row itself: the look that found it came later.
    const lastVisible = Math.max(...found.map(({ whole }) => whole));
    drainedMs = Math.min(drainedMs, lastVisible);
  }
  return {
    rate,
    made: (trades.length * 1000) / (ended - begun),
    ticks: trades.length,
    drainedMs,
    held: drainedMs !== undefined && drainedMs <= drainMs,
    hops: hopsOf(found),
  };
}

/** Nearest rank. @param values at least one */
export function percentiles(values: readonly number[]): Percentiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

export function hopsOf(courses: readonly Course[]): Hops {
  const of = (hop: keyof Course) => percentiles(courses.map((course) => course[hop]));
  return {
    received: of('received'),
    streamed: of('streamed'),
    written: of('written'),
    visible: of('visible'),
    whole: of('whole'),
  };
}

const heldText = ({ drainedMs }: RateResult) =>
  drainedMs === undefined
    ? 'not all in SQL in two minutes'
    : `all in SQL after ${(drainedMs / 1000).toFixed(1)} s`;

/** What is shown by hop: the rate that is asked for, and the highest that is held. */
function shownRates({ lab }: Pick<StocksHopsResult, 'lab'>, shown: number): RateResult[] {
  const highest = lab.filter(({ held }) => held).at(-1);
  return lab.filter((each) => each.rate === shown || each === highest);
}

const names: readonly [keyof Course, string][] = [
  ['received', 'trade -> received by the feed'],
  ['streamed', '-> on the stream'],
  ['written', '-> rows object written'],
  ['visible', '-> visible in SQL'],
  ['whole', 'trade to SQL'],
];

export function stocksHopsText(result: StocksHopsResult): string {
  const { lab, noOp, seconds } = result;
  const tables = lab.flatMap((each) => {
    const floor = noOp.find(({ rate }) => rate === each.rate);
    return floor ? [hopsTable(each, floor)] : [];
  });
  const rates = formatTable(
    [`ticks/s for ${seconds} s`, 'made', 'p50 ms', 'p99 ms', 'max ms', 'drained after', ''],
    lab.map((each) => [
      each.rate,
      Math.round(each.made),
      ...Object.values(each.hops.whole).map(Math.round),
      each.drainedMs === undefined ? `> ${patienceMs / 1000} s` : `${(each.drainedMs / 1000).toFixed(1)} s`,
      each.held ? 'held' : 'not held',
    ]),
  );
  return [...tables, rates, method].join('\n\n');
}

function hopsTable({ rate, hops }: RateResult, floor: RateResult): string {
  return formatTable(
    [
      `${rate.toLocaleString('en')} ticks/s, by hop`,
      'x no-op',
      'p50 ms',
      'p99 ms',
      'max ms',
      'no-op p50',
      'p99',
      'max',
    ],
    names.map(([hop, name]) => {
      const [ours, theirs] = [hops[hop], floor.hops[hop]];
      return [
        name,
        theirs.p50 >= 0.5 ? (ours.p50 / theirs.p50).toFixed(1) : '-',
        ...[ours.p50, ours.p99, ours.max, theirs.p50, theirs.p99, theirs.max].map(wholeMs),
      ];
    }),
  );
}

/** Two processes know the time to a fraction of a millisecond: what is a little below none is none. */
const wholeMs = (ms: number) => Math.max(0, Math.round(ms));

const method = [
  'Emulator-bound: one machine is exchange, feed, stream, functions and warehouse, and says little of AWS. Times are of its one',
  'clock: the trade by the exchange, the receipt by the feed, the arrival by the stream (to the millisecond), the object by when',
  `its PutObject was answered, SQL by when another connection saw the transaction of the load (every ${lookMs} ms). AWS would gather`,
  "objects for the template's 5 s before it loads them; the emulator does not wait. no-op: the same stack, its trend and its load",
  `replaced by functions that hand on and do nothing else. A rate is held when all of it is in SQL ${drainMs / 1000} s after its last tick; of one that is not in two`,
  'minutes, the ticks count that are.',
].join('\n');
