import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { benchFashion, benchText, type Section, sections } from '../../bench/fashion.bench.ts';
import { benchHouse, houseTable } from '../../bench/house.bench.ts';
import { benchStocks, type StocksSection, stocksSections, stocksText } from '../../bench/stocks.bench.ts';
import { LabError } from '../../domain/errors.ts';
import { createProgress, type Progress } from '../core/progress.ts';
import { split } from './arguments.ts';

/**
 * `npm run bench -- fashion [--rows N,N] [--only reading,load,hops,synth] [--json FILE]` and
 * `npm run bench -- stocks [--only handler,hops,memory] [--json FILE]`: peers in the same run, ratios first. Exit code 1 when a
 * figure that the lab demands of itself is not met. `npm run bench -- house [--json FILE]`: what a newcomer waits for.
 */
export async function bench(args: string[], signal: AbortSignal): Promise<number> {
  const options = readOptions(args);
  const progress = createProgress();
  const { text, figures, met } = await measure(options, { progress, signal });
  progress.line();
  progress.line(text);
  if (options.json) await writeJson(options.json, figures);
  return met ? 0 : 1;
}

async function measure(
  options: Options,
  run: { progress: Progress; signal: AbortSignal },
): Promise<{ text: string; figures: unknown; met: boolean }> {
  if (options.what === 'house') {
    const figures = await benchHouse(run);
    return { text: houseTable(figures), figures, met: true };
  }
  if (options.what === 'stocks') {
    const figures = await benchStocks({ only: options.only, ...run });
    return { text: stocksText(figures), figures, met: allMet(figures) };
  }
  const { sizes, only } = options;
  const figures = await benchFashion({ sizes, rows: sizes?.[0], only, ...run });
  return { text: benchText(figures), figures, met: allMet(figures) };
}

const allMet = ({ requirements }: { requirements: readonly { met: boolean }[] }) =>
  requirements.every(({ met }) => met);

const writeJson = (path: string, value: unknown) => writeFile(path, `${JSON.stringify(value, null, 2)}\n`);

type Options = { json: string | undefined } & (
  | { what: 'house' }
  | { what: 'stocks'; only: StocksSection[] | undefined }
  | { what: 'fashion'; only: Section[] | undefined; sizes: number[] | undefined }
);

/** @throws UsageInvalid */
function readOptions(args: string[]): Options {
  const { values, positionals } = split(() =>
    parseArgs({
      args,
      options: { rows: { type: 'string' }, only: { type: 'string' }, json: { type: 'string' } },
      allowPositionals: true,
    }),
  );
  const { json, rows, only } = values;
  const what = positionals.join();
  if (what !== 'fashion' && what !== 'stocks' && what !== 'house')
    throw new LabError(
      'UsageInvalid',
      `there is no bench of ${what || '(no lab)'}; there is fashion, stocks, and house`,
    );
  if (rows !== undefined && what !== 'fashion') throw new LabError('UsageInvalid', '--rows is for fashion');
  if (what === 'house') {
    if (only !== undefined) throw new LabError('UsageInvalid', '--only is for fashion and stocks');
    return { what, json };
  }
  if (what === 'stocks') return { what, json, only: partsOf(only, stocksSections) };
  const sizes = rows?.split(',').map(Number);
  if (sizes?.some((size) => !Number.isInteger(size) || size < 1 || size > 1_000_000))
    throw new LabError('UsageInvalid', `--rows ${rows}: numbers from 1 to 1000000`);
  return { what, json, sizes, only: partsOf(only, sections) };
}

/** @throws UsageInvalid for one that there is not */
function partsOf<Part extends string>(only: string | undefined, parts: readonly Part[]): Part[] | undefined {
  return only?.split(',').map((name) => {
    const part = parts.find((each) => each === name);
    if (part === undefined)
      throw new LabError('UsageInvalid', `--only ${name}: there is ${parts.join(', ')}`);
    return part;
  });
}
