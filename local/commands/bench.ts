import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { benchFashion, benchText, type Section, sections } from '../../bench/fashion.bench.ts';
import { benchHouse, houseTable } from '../../bench/house.bench.ts';
import { benchStocks, type StocksSection, stocksSections, stocksText } from '../../bench/stocks.bench.ts';
import { createProgress, type Progress } from '../core/progress.ts';
import { argumentsOf } from './arguments.ts';

const usage = `npm run bench -- fashion [--rows N,N] [--only ${sections.join(',')}] [--json FILE]
npm run bench -- stocks [--only ${stocksSections.join(',')}] [--json FILE]
npm run bench -- house [--json FILE]

Figures of a lab beside its peers in the same run, ratios first; of the house what a newcomer waits for: a fresh clone to the
first result, all tests.
  --only PART,PART   these parts alone
  --rows N,N         sizes of the workbooks that are read
  --json FILE        writes the figures

Exit code 1 when a figure that the lab demands of itself is not met; else 0.`;

const given = argumentsOf('bench');

/**
 * `npm run bench -- <lab> …`: see the usage text above.
 *
 * @param to for tests: where it prints
 * @throws UsageInvalid, and what the parts throw
 */
export async function bench(args: string[], signal: AbortSignal, to?: Progress): Promise<number> {
  const options = readOptions(args);
  const progress = to ?? createProgress();
  if (!options) {
    progress.line(usage);
    return 0;
  }
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

/** Undefined for --help. @throws UsageInvalid */
function readOptions(args: string[]): Options | undefined {
  const { values, positionals } = given.split(() =>
    parseArgs({
      args,
      options: {
        rows: { type: 'string' },
        only: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
      allowPositionals: true,
    }),
  );
  if (values.help) return undefined;
  const { json, rows, only } = values;
  const what = positionals.join();
  if (what !== 'fashion' && what !== 'stocks' && what !== 'house')
    throw given.invalid(`there is no bench of ${what || '(no lab)'}; there is fashion, stocks, and house`);
  if (rows !== undefined && what !== 'fashion') throw given.invalid('--rows is for fashion');
  if (what === 'house') {
    if (only !== undefined) throw given.invalid('--only is for fashion and stocks');
    return { what, json };
  }
  if (what === 'stocks') return { what, json, only: partsOf(only, stocksSections) };
  const sizes = rows?.split(',').map(Number);
  if (sizes?.some((size) => !Number.isInteger(size) || size < 1 || size > 1_000_000))
    throw given.invalid(`--rows ${rows}: numbers from 1 to 1000000`);
  return { what, json, sizes, only: partsOf(only, sections) };
}

/** @throws UsageInvalid for one that there is not */
function partsOf<Part extends string>(only: string | undefined, parts: readonly Part[]): Part[] | undefined {
  return only?.split(',').map((name) => {
    const part = parts.find((each) => each === name);
    if (part === undefined) throw given.invalid(`--only ${name}: there is ${parts.join(', ')}`);
    return part;
  });
}
