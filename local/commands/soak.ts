import { parseArgs } from 'node:util';
import type { Progress } from '../core/progress.ts';
import { deployFashionLab } from '../fashion/lab.ts';
import { type SoakOptions, soakFashion } from '../fashion/orders/soak.ts';
import { startLaptop } from '../laptop.ts';
import { argumentsOf } from './arguments.ts';
import { progressUntilAborted, rejectedWhenAborted, sayStopped } from './interruption.ts';

const usage = `npm run soak -- fashion [--orders N] [--seed S]

Starts a laptop and brings ten drops to the lab in random orders with faults between them; after each order every row of
the tables is compared with what its drops alone say.
  --orders N   how many orders, each on an emptied lab; 100 without
  --seed S     of the first order, the others have the next ones; 1 without. The same seed is the same order

Exit code 1 when an order is not as its drops say; else 0. Ctrl-C ends it and leaves nothing running.`;

const mostOrders = 10_000;

const given = argumentsOf('soak');

/**
 * `npm run soak -- fashion …`: see the usage text above.
 *
 * @param to for tests: where it prints
 * @throws UsageInvalid, and what starting a laptop throws
 */
export async function soak(args: string[], signal: AbortSignal, to?: Progress): Promise<number> {
  const parsed = parse(args);
  const progress = to ?? progressUntilAborted(signal);
  if (parsed.help) {
    progress.line(usage);
    return 0;
  }
  const laptop = await startLaptop(progress);
  let ok = false;
  try {
    const work = async () => {
      const fashion = await deployFashionLab(laptop, progress, true);
      laptop.onStop(() => fashion.disconnect());
      return soakFashion(fashion, { ...parsed, signal, progress });
    };
    const working = work();
    working.catch(() => undefined); // what is under way when it is stopped fails, and nobody waits for it
    ok = await Promise.race([working, laptop.broken, rejectedWhenAborted(signal)]);
    return ok ? 0 : 1;
  } finally {
    if (!ok && !signal.aborted) laptop.runDirectory.keep();
    await laptop.stop();
    sayStopped(signal);
  }
}

function parse(args: string[]): Pick<SoakOptions, 'orders' | 'seed'> & { help: boolean } {
  const { values, positionals } = given.split(() =>
    parseArgs({
      args,
      allowPositionals: true,
      options: {
        orders: { type: 'string', default: '100' },
        seed: { type: 'string', default: '1' },
        help: { type: 'boolean', short: 'h' },
      },
    }),
  );
  const help = values.help ?? false;
  if (help) return { help, orders: 0, seed: 0 };
  given.lab(positionals, 'fashion');
  const orders = whole('--orders', values.orders, 1, mostOrders);
  const seed = whole('--seed', values.seed, 0, Number.MAX_SAFE_INTEGER - mostOrders);
  return { help, orders, seed };
}

function whole(option: string, value: string, least: number, most: number): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= least && number <= most))
    throw given.needed(option, value, `a whole number from ${least} to ${most}`);
  return number;
}
