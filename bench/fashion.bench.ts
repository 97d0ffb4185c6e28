import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { formatTable, type Progress } from '../local/core/progress.ts';
import { makeReport } from '../local/outside/inventory-reports.ts';

export interface BenchRow {
  case: string;
  rows: number;
  cellsPerSecond: number;
  /** Of the first case, the whole transform. */
  ratio: number;
  peakMb: number;
}

const columns = 12;
/** The first one is what the others are compared with. */
const names = ['whole transform', 'hucre, reading alone', 'exceljs streaming, reading alone'];

/**
 * Workbook to CSV beside readers that only read, on the same file and in the same run. Ratios travel from machine to
 * machine; absolute figures do not.
 */
export async function benchFashion(o: { rows: number; progress: Progress }): Promise<BenchRow[]> {
  const directory = await mkdtemp(join(tmpdir(), 'fashion-bench-'));
  try {
    const file = join(directory, 'report.xlsx');
    await o.progress.step(`a report of ${o.rows.toLocaleString('en')} rows`, async () => {
      const { bytes } = await makeReport({ seed: 'bench', date: '2026-11-19', slot: '0600', rows: o.rows });
      await writeFile(file, bytes);
    });
    const results: BenchRow[] = [];
    for (const name of names) {
      await o.progress.step(name, async () => {
        const { stdout } = await promisify(execFile)(process.execPath, [
          '--import',
          'tsx',
          'bench/fashion-case.ts',
          name,
          file,
        ]);
        const { rows, ms, peakMb } = JSON.parse(stdout) as { rows: number; ms: number; peakMb: number };
        const cellsPerSecond = (rows * columns * 1000) / ms;
        results.push({
          case: name,
          rows,
          cellsPerSecond,
          ratio: cellsPerSecond / (results[0]?.cellsPerSecond ?? cellsPerSecond),
          peakMb,
        });
      });
    }
    return results;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export function benchTable(rows: BenchRow[]): string {
  return formatTable(
    ['case', 'ratio', 'kcells/s', 'peak MB', 'rows'],
    rows.map((row) => [
      row.case,
      row.ratio.toFixed(2),
      Math.round(row.cellsPerSecond / 1000),
      Math.round(row.peakMb),
      row.rows,
    ]),
  );
}
