import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { benchFashion, benchTable } from '../../bench/fashion.bench.ts';
import { LabError } from '../../domain/errors.ts';
import { createProgress } from '../core/progress.ts';

/** `npm run bench -- fashion [--rows N] [--json FILE]`: peers in the same run, ratios first. */
export async function bench(args: string[]): Promise<number> {
  const { lab, rows, json } = options(args);
  if (lab !== 'fashion')
    throw new LabError('UsageInvalid', `there is no bench of ${lab || '(no lab)'}; there is fashion`);
  const progress = createProgress();
  const results = await benchFashion({ rows, progress });
  progress.line();
  progress.line(benchTable(results));
  if (json) await writeFile(json, `${JSON.stringify(results, null, 2)}\n`);
  return 0;
}

function options(args: string[]): { lab: string; rows: number; json: string | undefined } {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: { rows: { type: 'string', default: '100000' }, json: { type: 'string' } },
      allowPositionals: true,
    });
    const rows = Number(values.rows);
    if (!Number.isInteger(rows) || rows < 1 || rows > 1_000_000)
      throw new Error(`--rows ${values.rows}: 1 to 1000000`);
    return { lab: positionals[0] ?? '', rows, json: values.json };
  } catch (error) {
    throw new LabError('UsageInvalid', (error as Error).message);
  }
}
