import { formatTable, type Progress } from '../../core/progress.ts';
import type { FashionLab } from '../lab.ts';
import { type OrderResult, runOrder } from './run.ts';

export interface SoakOptions {
  orders: number;
  /** Of the first order; each further one has the next. */
  seed: number;
  signal: AbortSignal;
  progress: Progress;
}

/**
 * Runs orders one after the other, tells of each that is not as its drops alone say, and ends with a table.
 *
 * @returns whether all tables of all orders were as they must be
 */
export async function soakFashion(fashion: FashionLab, options: SoakOptions): Promise<boolean> {
  const { orders, seed: first, signal, progress } = options;
  const results: OrderResult[] = [];
  const failing: { seed: number; why: string }[] = [];
  await progress.step('random orders', async (step) => {
    for (let index = 0; index < orders; index += 1) {
      signal.throwIfAborted();
      const seed = first + index;
      step.detail(`seed ${seed}`);
      step.bar(index, orders);
      let why: string | undefined;
      try {
        const result = await runOrder(fashion, seed, { signal });
        results.push(result);
        [why] = result.differences;
      } catch (error) {
        signal.throwIfAborted();
        why = (error as Error).message;
      }
      if (why !== undefined) {
        failing.push({ seed, why });
        progress.line(`✗ seed ${seed}; again: npm run soak -- fashion --orders 1 --seed ${seed}`);
      }
      // A log shows no bar, and an hour without a word looks like a program that hangs.
      if ((index + 1) % 10 === 0 && index + 1 < orders) progress.line(`  ${index + 1} of ${orders} orders`);
    }
    step.detail(`${orders - failing.length} of ${orders} as their drops say`);
  });
  progress.line();
  progress.line(table(results));
  progress.line();
  progress.line(faultTable(results));
  progress.line();
  const [worst] = failing;
  if (worst) {
    progress.line(
      `✗ ${failing.length} of ${orders} orders are not as their drops say. Seed ${worst.seed}: ${worst.why}`,
    );
    progress.line(`Logs: ${fashion.laptop.runDirectory.logs}`);
  } else progress.line('Every order ended in the tables that its drops alone say.');
  return failing.length === 0;
}

const sum = (results: readonly OrderResult[], of: (result: OrderResult) => number) =>
  results.reduce((total, result) => total + of(result), 0);

function table(results: readonly OrderResult[]): string {
  const totals: [string, number][] = [
    ['orders', results.length],
    ['drops', sum(results, ({ drops }) => drops)],
    ['executions', sum(results, ({ executions }) => executions)],
    ['started again', sum(results, ({ startedAgain }) => startedAgain)],
    ['rows in', sum(results, ({ rowsIn }) => rowsIn)],
    ['loaded', sum(results, ({ loaded }) => loaded)],
    ['set aside', sum(results, ({ setAside }) => setAside)],
    ['lost', sum(results, ({ lost }) => lost)],
    ['twice', sum(results, ({ twice }) => twice)],
  ];
  return formatTable(
    totals.map(([name]) => name),
    [totals.map(([, count]) => count)],
  );
}

/** Most frequent first; `hits` counts calls and connections that were struck. */
function faultTable(results: readonly OrderResult[]): string {
  const hits = new Map<string, { orders: number; hits: number }>();
  for (const { faults } of results) {
    for (const [name, count] of Object.entries(faults)) {
      const known = hits.get(name) ?? { orders: 0, hits: 0 };
      if (count > 0) hits.set(name, { orders: known.orders + 1, hits: known.hits + count });
    }
  }
  return formatTable(
    ['fault', 'orders', 'hits'],
    [...hits]
      .sort(([, a], [, b]) => b.orders - a.orders || b.hits - a.hits)
      .map(([name, { orders, hits: count }]) => [name, orders, count]),
  );
}
