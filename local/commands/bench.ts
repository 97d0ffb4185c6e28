import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { benchFashion, benchText, type Section, sections } from '../../bench/fashion.bench.ts';
import { benchHouse, houseTable } from '../../bench/house.bench.ts';
import { LabError } from '../../domain/errors.ts';
import { createProgress } from '../core/progress.ts';

/**
 * `npm run bench -- fashion [--rows N,N] [--only reading,load,hops,synth] [--json FILE]`: peers in the same run, ratios
 * first. Exit code 1 when a figure that the lab demands of itself is not met. `npm run bench -- house [--json FILE]`: what a
 * newcomer waits for.
 */
export async function bench(args: string[], signal: AbortSignal): Promise<number> {
  const { what, sizes, only, json } = options(args);
  const progress = createProgress();
  if (what === 'house') {
    const figures = await benchHouse({ progress, signal });
    progress.line();
    progress.line(houseTable(figures));
    if (json) await writeJson(json, figures);
    return 0;
  }
  const result = await benchFashion({ sizes, rows: sizes?.[0], only, progress, signal });
  progress.line();
  progress.line(benchText(result));
  if (json) await writeJson(json, result);
  return result.requirements.every(({ met }) => met) ? 0 : 1;
}

const writeJson = (path: string, value: unknown) => writeFile(path, `${JSON.stringify(value, null, 2)}\n`);

interface Options {
  what: 'fashion' | 'house';
  sizes: number[] | undefined;
  only: Section[] | undefined;
  json: string | undefined;
}

function options(args: string[]): Options {
  let parsed: { values: { rows?: string; only?: string; json?: string }; positionals: string[] };
  try {
    parsed = parseArgs({
      args,
      options: { rows: { type: 'string' }, only: { type: 'string' }, json: { type: 'string' } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new LabError('UsageInvalid', (error as Error).message);
  }
  const { values, positionals } = parsed;
  const what = positionals.join();
  if (what !== 'fashion' && what !== 'house')
    throw new LabError(
      'UsageInvalid',
      `there is no bench of ${what || '(no lab)'}; there is fashion, and house`,
    );
  if (what === 'house' && (values.rows ?? values.only) !== undefined)
    throw new LabError('UsageInvalid', '--rows and --only are for fashion');
  const sizes = values.rows?.split(',').map(Number);
  if (sizes?.some((rows) => !Number.isInteger(rows) || rows < 1 || rows > 1_000_000))
    throw new LabError('UsageInvalid', `--rows ${values.rows}: numbers from 1 to 1000000`);
  const only = values.only?.split(',');
  const unknown = only?.find((name) => !(sections as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw new LabError('UsageInvalid', `--only ${unknown}: there is ${sections.join(', ')}`);
  return { what, sizes, only: only as Section[] | undefined, json: values.json };
}
