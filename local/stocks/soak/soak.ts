import { formatTable, type Progress } from '../../core/progress.ts';
import type { StocksLab } from '../lab.ts';
import { type RoundResult, Rounds } from './round.ts';

export interface SoakOptions {
  rounds: number;
  /** Of the first round; each further one has the next. */
  seed: number;
  signal: AbortSignal;
  progress: Progress;
}

/**
 * Runs rounds one after the other on one lab, until one is not as it must be: what follows would be wrong because of it.
 *
 * @returns whether all were
 */
export async function soakStocks(lab: StocksLab, options: SoakOptions): Promise<boolean> {
  const { rounds: count, seed: first, signal, progress } = options;
  const results: RoundResult[] = [];
  const rounds = new Rounds(lab);
  let failing: { seed: number; why: string } | undefined;
  try {
    await progress.step('random faults', async (step) => {
      for (let index = 0; index < count && !failing; index += 1) {
        signal.throwIfAborted();
        const seed = first + index;
        step.detail(`seed ${seed}`);
        step.bar(index, count);
        try {
          const result = await rounds.run(seed, signal);
          results.push(result);
          const [why] = result.differences;
          if (why !== undefined) failing = { seed, why: `${result.differences.length} differences: ${why}` };
        } catch (error) {
          signal.throwIfAborted();
          failing = { seed, why: (error as Error).message };
        }
        // A log shows no bar, and an hour without a word looks like a program that hangs.
        if ((index + 1) % 10 === 0 && index + 1 < count) progress.line(`  ${index + 1} of ${count} rounds`);
      }
      step.detail(
        `${results.filter(({ differences }) => differences.length === 0).length} of ${count} rounds whole`,
      );
    });
  } finally {
    rounds.close();
  }
  progress.line();
  progress.line(table(results));
  progress.line();
  progress.line(faultTable(results));
  progress.line();
  if (failing) {
    progress.line(`✗ Seed ${failing.seed}: ${failing.why}`);
    progress.line(
      `Again: npm run soak -- stocks --rounds 1 --seed ${failing.seed}. Logs: ${lab.laptop.runDirectory.logs}`,
    );
  } else
    progress.line(
      'After every round each trade was in the archive and in SQL, once, with the trend that the rule gives it.',
    );
  return failing === undefined;
}

const sum = (results: readonly RoundResult[], of: (result: RoundResult) => number) =>
  results.reduce((total, result) => total + of(result), 0);

function table(results: readonly RoundResult[]): string {
  const totals: [string, number][] = [
    ['rounds', results.length],
    ['ticks', sum(results, ({ ticks }) => ticks)],
    ['set aside', sum(results, ({ setAside }) => setAside)],
    ['lost', sum(results, ({ lost }) => lost)],
    ['twice', sum(results, ({ twice }) => twice)],
    ['rows not by the rule', sum(results, ({ differences }) => differences.length)],
  ];
  return formatTable(
    totals.map(([name]) => name),
    [totals.map(([, count]) => count)],
  );
}

/** Most frequent first; `hits` counts calls and connections that were struck. */
function faultTable(results: readonly RoundResult[]): string {
  const hits = new Map<string, { rounds: number; hits: number }>();
  for (const { faults } of results) {
    for (const [name, count] of Object.entries(faults)) {
      const known = hits.get(name) ?? { rounds: 0, hits: 0 };
      if (count > 0) hits.set(name, { rounds: known.rounds + 1, hits: known.hits + count });
    }
  }
  return formatTable(
    ['fault', 'rounds', 'hits'],
    [...hits]
      .sort(([, a], [, b]) => b.rounds - a.rounds || b.hits - a.hits)
      .map(([name, { rounds, hits: count }]) => [name, rounds, count]),
  );
}
