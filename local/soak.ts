import { formatTable, type Progress } from './core/progress.ts';

/** What is run again and again, each time by another seed, until it is not as it must be. */
export interface SoakOptions {
  /** How many times. */
  count: number;
  /** Of the first time; each further one has the next. */
  seed: number;
  signal: AbortSignal;
  progress: Progress;
}

/** What every run of a soak says, whatever its lab is. */
export interface SoakResult {
  /** By name, how often each fault struck. */
  faults: Readonly<Record<string, number>>;
  /** What is not as it must be; empty where all is. */
  differences: readonly string[];
}

interface SoakOf<Result> {
  lab: string;
  /** What one run is called, in the plural: the option that says how many. */
  runs: string;
  /** What holds when nothing is wrong. */
  holds: string;
  /** No further run after one that is wrong: it would be wrong because of it. @default false */
  untilFirst?: boolean;
  /** Where the logs are. */
  logs: string;
  run(seed: number): Promise<Result>;
  /** What the last table sums up. */
  totals: readonly [string, (result: Result) => number][];
}

/**
 * Runs by one seed after another, tells of each that is not as it must be with the command that runs it again, and ends with
 * two tables: what was counted, and which faults struck.
 *
 * @returns whether all were as they must be
 */
export async function soak<Result extends SoakResult>(
  of: SoakOf<Result>,
  { count, seed: first, signal, progress }: SoakOptions,
): Promise<boolean> {
  const results: Result[] = [];
  const failing: { seed: number; why: string }[] = [];
  const isOver = () => of.untilFirst === true && failing.length > 0;
  await progress.step(`random ${of.runs}`, async (step) => {
    for (let index = 0; index < count && !isOver(); index += 1) {
      signal.throwIfAborted();
      const seed = first + index;
      step.detail(`seed ${seed}`);
      step.bar(index, count);
      let why: string | undefined;
      try {
        const result = await of.run(seed);
        results.push(result);
        [why] = result.differences;
      } catch (error) {
        signal.throwIfAborted();
        why = (error as Error).message;
      }
      if (why !== undefined) {
        failing.push({ seed, why });
        progress.line(`✗ seed ${seed}; again: npm run soak -- ${of.lab} --${of.runs} 1 --seed ${seed}`);
      }
      // A log shows no bar, and an hour without a word looks like a program that hangs.
      if ((index + 1) % 10 === 0 && index + 1 < count) progress.line(`  ${index + 1} of ${count} ${of.runs}`);
    }
    step.detail(
      `${results.filter(({ differences }) => differences.length === 0).length} of ${count} as they must be`,
    );
  });
  progress.line();
  progress.line(totalsTable(of, results));
  progress.line();
  progress.line(faultTable(of.runs, results));
  progress.line();
  const [worst] = failing;
  if (worst) {
    progress.line(
      `✗ ${failing.length} of ${count} ${of.runs} are not as they must be. Seed ${worst.seed}: ${worst.why}`,
    );
    progress.line(`Logs: ${of.logs}`);
  } else progress.line(of.holds);
  return failing.length === 0;
}

function totalsTable<Result>({ runs, totals }: SoakOf<Result>, results: readonly Result[]): string {
  const sums = totals.map(([, of]) => results.reduce((total, result) => total + of(result), 0));
  return formatTable([runs, ...totals.map(([name]) => name)], [[results.length, ...sums]]);
}

/** Most frequent first; `hits` counts calls and connections that were struck. */
function faultTable(runs: string, results: readonly SoakResult[]): string {
  const struck = new Map<string, { runs: number; hits: number }>();
  for (const { faults } of results) {
    for (const [name, count] of Object.entries(faults)) {
      const known = struck.get(name) ?? { runs: 0, hits: 0 };
      if (count > 0) struck.set(name, { runs: known.runs + 1, hits: known.hits + count });
    }
  }
  return formatTable(
    ['fault', runs, 'hits'],
    [...struck]
      .sort(([, a], [, b]) => b.runs - a.runs || b.hits - a.hits)
      .map(([name, { runs: times, hits }]) => [name, times, hits]),
  );
}
