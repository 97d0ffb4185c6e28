import type { Check, Checked } from './check/check.ts';
import type { DeclaredTemplate } from './check/declared.ts';
import type { Progress } from './core/progress.ts';
import { fashionChecks } from './fashion/check.ts';
import { runFashion } from './fashion/run.ts';
import type { DeployedLab, Laptop } from './laptop.ts';
import { stocksChecks } from './stocks/check.ts';
import { runStocks } from './stocks/run.ts';

/** A lab that was deployed and driven, and is still there. */
export interface RunningLab {
  name: string;
  /** False when a count was not as it must be. */
  ok: boolean;
  deployed: DeployedLab;
  /** Lines to paste, for as long as it stays up. */
  connect: string[];
}

/** Every lab there is, by its slug. */
export const labs: Readonly<Record<string, (laptop: Laptop, progress: Progress) => Promise<RunningLab>>> = {
  fashion: runFashion,
  stocks: runStocks,
};

export const labNames = Object.keys(labs);

/** What `npm run check` looks at of each lab, beside what every lab has. */
export const labChecks: Readonly<Record<string, (checked: Checked, declared: DeclaredTemplate) => Check[]>> =
  {
    fashion: fashionChecks,
    stocks: stocksChecks,
  };
