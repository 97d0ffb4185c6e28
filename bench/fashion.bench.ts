import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Progress } from '../local/core/progress.ts';
import { benchHops, type HopsResult, hopsTable } from './fashion-hops.ts';
import { benchLoad, type LoadResult, loadTable } from './fashion-load.ts';
import { benchReading, type Reading, readingRequirements, readingTables } from './fashion-reading.ts';
import { type Requirement, requirementsTable } from './requirement.ts';

export const sections = ['reading', 'load', 'hops', 'synth'] as const;
export type Section = (typeof sections)[number];

export interface FashionBench {
  reading?: Reading[];
  load?: LoadResult;
  hops?: HopsResult;
  /** Milliseconds of one `cdk synth`, bundles, cdk-nag and validation included. */
  synthMs?: number;
  requirements: Requirement[];
}

export interface FashionBenchOptions {
  /** Rows of the workbooks that are read. @default 100,000 and 1,000,000 */
  sizes?: readonly number[];
  /** Rows of the drops that are loaded and followed through the hops. @default 100,000 */
  rows?: number;
  /** @default all */
  only?: readonly Section[];
  progress: Progress;
  signal: AbortSignal;
}

const root = fileURLToPath(new URL('..', import.meta.url));

/** The figures of the fashion lab: peers in the same run, ratios first, because these travel from machine to machine. */
export async function benchFashion(o: FashionBenchOptions): Promise<FashionBench> {
  const { progress, signal, sizes = [100_000, 1_000_000], rows = 100_000, only = sections } = o;
  const result: FashionBench = { requirements: [] };
  if (only.includes('reading')) {
    const directory = await mkdtemp(join(tmpdir(), 'fashion-bench-'));
    try {
      const environments = join(root, '.local', 'bench');
      result.reading = await benchReading({ sizes, directory, environments, progress, signal });
      result.requirements.push(...readingRequirements(result.reading));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
  if (only.includes('load')) {
    result.load = await benchLoad({ rows, progress });
    const { ratio } = result.load;
    result.requirements.push({
      what: `load over COPY FROM STDIN, ${rows.toLocaleString('en')} rows`,
      required: '>= 0.5',
      measured: ratio.toFixed(2),
      met: ratio >= 0.5,
    });
  }
  signal.throwIfAborted();
  if (only.includes('hops')) {
    result.hops = await benchHops({ rows, progress });
  }
  signal.throwIfAborted();
  if (only.includes('synth')) {
    const output = await mkdtemp(join(tmpdir(), 'fashion-bench-'));
    try {
      await progress.step('cdk synth', async () => {
        const begun = performance.now();
        await promisify(execFile)('npx', ['cdk', 'synth', '--quiet', '--output', output], {
          cwd: root,
          signal,
        });
        result.synthMs = performance.now() - begun;
      });
    } finally {
      await rm(output, { recursive: true, force: true });
    }
  }
  return result;
}

export function benchText({ reading, load, hops, synthMs, requirements }: FashionBench): string {
  const parts: string[] = [];
  if (reading) parts.push(readingTables(reading));
  if (load) parts.push(loadTable(load));
  if (hops) parts.push(hopsTable(hops));
  if (synthMs !== undefined) parts.push(`cdk synth ${(synthMs / 1000).toFixed(1)} s`);
  parts.push(...requirementsTable(requirements));
  return parts.join('\n\n');
}
