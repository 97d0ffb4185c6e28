import { parseArgs } from 'node:util';
import type { Progress } from '../core/progress.ts';
import { deployFashionLab } from '../fashion/lab.ts';
import { soakFashion } from '../fashion/orders/soak.ts';
import { type Laptop, startLaptop } from '../laptop.ts';
import type { SoakOptions } from '../soak.ts';
import { deployStocksLab } from '../stocks/lab.ts';
import { hurry } from '../stocks/rounds/hurry.ts';
import { soakStocks } from '../stocks/rounds/soak.ts';
import { argumentsOf } from './arguments.ts';
import { progressUntilAborted, rejectedWhenAborted, sayStopped } from './interruption.ts';

const usage = `npm run soak -- fashion [--orders N] [--seed S]
npm run soak -- stocks [--rounds N] [--seed S]

Starts a laptop and drives the lab by chance, with faults.
fashion: ten drops in random orders with faults between them; after each order every row of the tables is compared with
what its drops alone say. stocks: ticks stream while several faults at a time strike; after each round every trade is looked
for in the archive and in SQL, and each row compared with what the rule says of the stream.
  --orders N   how many orders, each on an emptied lab; 100 without
  --rounds N   how many rounds, all on one lab; 50 without
  --seed S     of the first one, the others have the next ones; 1 without. The same seed is the same order or faults

Exit code 1 when something is not as it must be; else 0. Ctrl-C ends it and leaves nothing running.`;

const most = 10_000;
/** Ticks a second; some ten times that while it bursts. */
const ticksPerSecond = 30;

interface SoakedLab {
  /** The option that says how many. */
  runs: 'orders' | 'rounds';
  usually: number;
  soak(laptop: Laptop, options: SoakOptions): Promise<boolean>;
}

const labs = {
  fashion: {
    runs: 'orders',
    usually: 100,
    soak: async (laptop, options) => {
      const fashion = await deployFashionLab(laptop, options.progress, true);
      laptop.onStop(() => fashion.disconnect());
      return soakFashion(fashion, options);
    },
  },
  stocks: {
    runs: 'rounds',
    usually: 50,
    soak: async (laptop, options) => {
      const { progress } = options;
      const stocks = await deployStocksLab(laptop, { progress, exchange: { ticksPerSecond }, change: hurry });
      laptop.onStop(() => stocks.disconnect());
      return soakStocks(stocks, options);
    },
  },
} satisfies Record<string, SoakedLab>;

const given = argumentsOf('soak');

/**
 * `npm run soak -- <lab> …`: see the usage text above.
 *
 * @param to for tests: where it prints
 * @throws UsageInvalid, and what starting a laptop throws
 */
export async function soak(args: string[], signal: AbortSignal, to?: Progress): Promise<number> {
  const parsed = parse(args);
  const progress = to ?? progressUntilAborted(signal);
  if (!parsed) {
    progress.line(usage);
    return 0;
  }
  const { lab, ...times } = parsed;
  const laptop = await startLaptop(progress);
  let ok = false;
  try {
    const working = labs[lab].soak(laptop, { ...times, signal, progress });
    working.catch(() => undefined); // what is under way when it is stopped fails, and nobody waits for it
    ok = await Promise.race([working, laptop.broken, rejectedWhenAborted(signal)]);
    return ok ? 0 : 1;
  } finally {
    if (!ok && !signal.aborted) laptop.runDirectory.keep();
    await laptop.stop();
    sayStopped(signal);
  }
}

/** Undefined for --help. */
function parse(args: string[]): { lab: keyof typeof labs; count: number; seed: number } | undefined {
  const { values, positionals } = given.split(() =>
    parseArgs({
      args,
      allowPositionals: true,
      options: {
        orders: { type: 'string' },
        rounds: { type: 'string' },
        seed: { type: 'string', default: '1' },
        help: { type: 'boolean', short: 'h' },
      },
    }),
  );
  if (values.help) return undefined;
  const lab = given.lab(positionals, 'fashion', 'stocks');
  const { runs, usually } = labs[lab];
  const other = (['orders', 'rounds'] as const).find((each) => each !== runs && values[each] !== undefined);
  if (other) throw given.invalid(`${lab} has no --${other}, but --${runs}`);
  const count = whole(`--${runs}`, values[runs] ?? String(usually), 1, most);
  const seed = whole('--seed', values.seed, 0, Number.MAX_SAFE_INTEGER - most);
  return { lab, count, seed };
}

function whole(option: string, value: string, least: number, greatest: number): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= least && number <= greatest))
    throw given.needed(option, value, `a whole number from ${least} to ${greatest}`);
  return number;
}
