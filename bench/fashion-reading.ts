import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { formatTable, type Progress } from '../local/core/progress.ts';
import { bundledCase } from './bundled-case.ts';
import { writeLargeWorkbook } from './large-workbook.ts';
import { pythonPeers } from './python-peers.ts';
import type { Requirement } from './requirement.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const columns = 12;

/** The first one is what is required of the second: a whole transform, at the pace of a bare read. */
const node = ['whole transform', 'our reader', 'hucre', 'exceljs streaming', 'SheetJS'] as const;
const python = ['python-calamine', 'fastexcel'] as const;
export type Reader = (typeof node)[number] | (typeof python)[number];

export interface ReadingFile {
  rows: number;
  strings: 'inline' | 'shared';
  distinctStrings: number;
  bytes: number;
}

export interface Reading extends ReadingFile {
  reader: Reader;
  /** Speed over that of hucre on the same file; undefined where one of the two was not measured. */
  ratio: number | undefined;
  /** Best of the rounds. */
  cellsPerSecond: number | undefined;
  /** Highest resident memory of the process, least of the rounds. */
  peakMb: number | undefined;
  /** Why there is no figure. */
  failed: string | undefined;
}

export interface ReadingOptions {
  /** Data rows of the workbooks; each is made twice, with inline and with shared strings. */
  sizes: readonly number[];
  /** Where workbooks are written; the caller removes it. */
  directory: string;
  /** Where Python environments are kept. */
  environments: string;
  /** Readers to leave out. */
  without?: readonly Reader[];
  /** @default three up to 200,000 rows, one above */
  rounds?: number;
  progress: Progress;
  signal: AbortSignal;
}

/**
 * Workbook to CSV, and our reader alone, beside readers that only read, on the same files and in the same run. Each
 * measurement is a process of its own; the rounds go through all readers in turn, so that a slow moment of the machine
 * meets them all.
 */
export async function benchReading(o: ReadingOptions): Promise<Reading[]> {
  const { progress, signal } = o;
  const bundle = await bundledCase('fashion-case');
  const measured: Reading[] = [];
  const wanted = [...node, ...python].filter((reader) => !o.without?.includes(reader));
  let noPython: string | undefined;
  let interpreter = '';
  if (wanted.some((reader) => isPython(reader))) {
    await progress.step('Python readers', async (step) => {
      try {
        interpreter = await pythonPeers(o.environments, signal);
      } catch (error) {
        signal.throwIfAborted();
        noPython = (error as Error).message;
        step.detail(`not measured: ${noPython}`);
      }
    });
  }

  for (const rows of o.sizes) {
    for (const strings of ['inline', 'shared'] as const) {
      const path = join(o.directory, `${strings}-${rows}.xlsx`);
      const file = await progress.step(
        `${rows.toLocaleString('en')} rows, ${strings} strings`,
        async (step) => {
          const made = await writeLargeWorkbook(path, { seed: 'bench', rows, strings });
          step.detail(
            `${(made.bytes / 1e6).toFixed(1)} MB${strings === 'shared' ? `, ${made.distinctStrings.toLocaleString('en')} distinct` : ''}`,
          );
          return { rows, strings, distinctStrings: made.distinctStrings, bytes: made.bytes };
        },
      );
      const best = new Map<Reader, Pick<Reading, 'cellsPerSecond' | 'peakMb' | 'failed'>>();
      const rounds = o.rounds ?? (rows <= 200_000 ? 3 : 1);
      for (let round = 1; round <= rounds; round += 1) {
        for (const reader of wanted) {
          const before = best.get(reader);
          if (before?.failed !== undefined) continue;
          await progress.step(
            `  ${reader}${rounds > 1 ? `, round ${round} of ${rounds}` : ''}`,
            async (step) => {
              const now = isPython(reader)
                ? noPython === undefined
                  ? await measure(interpreter, ['bench/fashion-readers.py', reader, path], rows, signal)
                  : { cellsPerSecond: undefined, peakMb: undefined, failed: noPython }
                : await measure(process.execPath, [bundle, reader, path], rows, signal);
              step.detail(
                now.failed ?? `${thousands(now.cellsPerSecond)} kcells/s, ${Math.round(now.peakMb ?? 0)} MB`,
              );
              best.set(reader, {
                cellsPerSecond: most(before?.cellsPerSecond, now.cellsPerSecond),
                peakMb: least(before?.peakMb, now.peakMb),
                failed: now.failed,
              });
            },
          );
        }
      }
      const floor = best.get('hucre')?.cellsPerSecond;
      for (const reader of wanted) {
        const figures = best.get(reader);
        if (!figures) continue;
        const ratio = floor && figures.cellsPerSecond ? figures.cellsPerSecond / floor : undefined;
        measured.push({ ...file, reader, ratio, ...figures });
      }
    }
  }
  return measured;
}

const isPython = (reader: Reader): boolean => (python as readonly string[]).includes(reader);
const isLibrary = (reader: Reader): boolean =>
  (['hucre', 'exceljs streaming', 'SheetJS'] as Reader[]).includes(reader);
const thousands = (value: number | undefined) => Math.round((value ?? 0) / 1000);
const most = (a: number | undefined, b: number | undefined) => (a === undefined ? b : Math.max(a, b ?? a));
const least = (a: number | undefined, b: number | undefined) => (a === undefined ? b : Math.min(a, b ?? a));

/** A reader that runs out of memory, or takes more than ten minutes, has failed; the bench goes on. */
async function measure(
  command: string,
  args: string[],
  rows: number,
  signal: AbortSignal,
): Promise<Pick<Reading, 'cellsPerSecond' | 'peakMb' | 'failed'>> {
  const none = { cellsPerSecond: undefined, peakMb: undefined };
  try {
    const { stdout } = await run(command, args, {
      cwd: root,
      signal,
      timeout: 600_000,
      killSignal: 'SIGKILL',
    });
    const result = JSON.parse(stdout) as { rows: number; ms: number; peakMb: number };
    if (result.rows !== rows) return { ...none, failed: `read ${result.rows} of ${rows} rows` };
    return {
      cellsPerSecond: (rows * columns * 1000) / result.ms,
      peakMb: result.peakMb,
      failed: undefined,
    };
  } catch (error) {
    signal.throwIfAborted();
    const { stderr = '', killed } = error as { stderr?: string; killed?: boolean };
    if (killed) return { ...none, failed: 'took over ten minutes' };
    if (/heap out of memory|MemoryError/.test(stderr)) return { ...none, failed: 'out of memory' };
    // Of a stack trace the line that names the error; Node and Python put it at different ends.
    const lines = stderr.trim().split('\n');
    const named = lines.find((line) => /^\s*(?:\w*Error\b|fatal)/i.test(line)) ?? lines.at(-1);
    return { ...none, failed: named?.trim().replace(/^Error: /, '') || (error as Error).message };
  }
}

/** One table a file, the ratio first. */
export function readingTables(readings: readonly Reading[]): string {
  const files = new Map<string, Reading[]>();
  for (const reading of readings) {
    const { rows, strings, distinctStrings, bytes } = reading;
    const distinct = strings === 'shared' ? ` (${distinctStrings.toLocaleString('en')} distinct)` : '';
    const name = `${rows.toLocaleString('en')} rows, ${strings} strings${distinct}, ${(bytes / 1e6).toFixed(1)} MB`;
    files.set(name, [...(files.get(name) ?? []), reading]);
  }
  return [...files]
    .map(
      ([name, each]) =>
        `${name}\n${formatTable(
          ['reader', 'x hucre', 'kcells/s', 'peak MB'],
          each.map(({ reader, ratio, cellsPerSecond, peakMb, failed }) => [
            reader,
            ratio?.toFixed(2) ?? '-',
            failed ?? thousands(cellsPerSecond),
            peakMb === undefined ? '-' : Math.round(peakMb),
          ]),
        )}`,
    )
    .join('\n\n');
}

/** What the lab demands of itself, where the run has measured it. */
export function readingRequirements(readings: readonly Reading[]): Requirement[] {
  const requirements: Requirement[] = [];
  const whole = readings.filter(({ reader }) => reader === 'whole transform');
  for (const { rows, strings, ratio } of whole) {
    if (ratio === undefined) continue;
    requirements.push({
      what: `whole transform over hucre's bare read, ${rows.toLocaleString('en')} rows, ${strings}`,
      required: '>= 0.9',
      measured: ratio.toFixed(2),
      met: ratio >= 0.9,
    });
  }
  // A scanner of our own has to earn its lines (docs/decisions/0007-own-sheet-scanner.md).
  for (const { rows, strings, cellsPerSecond } of readings.filter(({ reader }) => reader === 'our reader')) {
    const others = readings.filter(
      (other) => other.rows === rows && other.strings === strings && isLibrary(other.reader),
    );
    const best = Math.max(...others.map((other) => other.cellsPerSecond ?? 0));
    if (cellsPerSecond === undefined || best <= 0) continue;
    requirements.push({
      what: `our reader over the best npm library, ${rows.toLocaleString('en')} rows, ${strings}`,
      required: '>= 2',
      measured: (cellsPerSecond / best).toFixed(2),
      met: cellsPerSecond / best >= 2,
    });
  }
  const inline = whole.filter(({ strings }) => strings === 'inline');
  const [small, large] = [
    inline.find(({ rows }) => rows === 100_000),
    inline.find(({ rows }) => rows === 1_000_000),
  ];
  if (small?.peakMb && large?.peakMb) {
    const growth = large.peakMb / small.peakMb;
    requirements.push(
      {
        what: 'peak memory at 1,000,000 inline rows over that at 100,000',
        required: '<= 1.2',
        measured: growth.toFixed(2),
        met: growth <= 1.2,
      },
      {
        what: 'peak memory at 1,000,000 inline rows',
        required: '< 160 MB',
        measured: `${Math.round(large.peakMb)} MB`,
        met: large.peakMb < 160,
      },
    );
  }
  return requirements;
}
