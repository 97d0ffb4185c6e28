import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ExcelJS from 'exceljs';
import {
  benchReading,
  type Reading,
  readingRequirements,
  readingTables,
} from '../../bench/fashion-reading.ts';
import { writeLargeWorkbook } from '../../bench/large-workbook.ts';
import { createProgress } from '../../local/core/progress.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fashion-bench-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

it('every reader reads every row of the same workbooks, and the tables show its ratio to hucre', async () => {
  const readings = await benchReading({
    sizes: [200],
    directory,
    environments: directory,
    without: ['python-calamine', 'fastexcel'], // would be installed first
    rounds: 2,
    progress: createProgress({ quiet: true }),
    signal: new AbortController().signal,
  });
  expect(readings.map(({ strings, reader }) => `${strings} ${reader}`)).toEqual(
    ['inline', 'shared'].flatMap((strings) =>
      ['whole transform', 'our reader', 'hucre', 'exceljs streaming', 'SheetJS'].map(
        (reader) => `${strings} ${reader}`,
      ),
    ),
  );
  expect(readings.filter(({ failed }) => failed !== undefined)).toEqual([]);
  for (const { reader, ratio } of readings) if (reader === 'hucre') expect(ratio).toBe(1);
  const tables = readingTables(readings);
  for (const { reader } of readings) expect(tables).toContain(reader);
  expect(readingRequirements(readings)).toHaveLength(4);
}, 300_000);

it.each(['inline', 'shared'] as const)(
  'a large workbook with %s strings is one that another reader understands',
  async (strings) => {
    const path = join(directory, `${strings}.xlsx`);
    const made = await writeLargeWorkbook(path, { seed: 'test', rows: 50, strings });
    const workbook = new ExcelJS.Workbook();
    await workbook.xlsx.readFile(path);
    const sheet = workbook.getWorksheet('Inventory');
    expect(sheet?.rowCount).toBe(51);
    expect(sheet?.getCell('A1').value).toBe('SKU');
    const dates = sheet?.getColumn('K').values.filter((value) => value instanceof Date) ?? [];
    expect(dates.length).toBeGreaterThan(0);
    expect(made.distinctStrings > 0).toBe(strings === 'shared');
  },
);

describe('what the lab demands of itself', () => {
  const whole = (changes: Partial<Reading>): Reading => ({
    rows: 100_000,
    strings: 'inline',
    distinctStrings: 0,
    bytes: 1,
    reader: 'whole transform',
    ratio: 0.9,
    cellsPerSecond: 1,
    peakMb: 100,
    failed: undefined,
    ...changes,
  });

  it.each<[string, Reading[], boolean[]]>([
    ['is met at its bounds', [whole({}), whole({ rows: 1_000_000, peakMb: 120 })], [true, true, true, true]],
    ['is not met by a slow transform', [whole({ ratio: 0.89 })], [false]],
    [
      'is not met by memory that grows with the rows',
      [whole({}), whole({ rows: 1_000_000, peakMb: 161 })],
      [true, true, false, false],
    ],
    [
      'is met by a reader that is twice as fast as the best library',
      [
        whole({ reader: 'our reader', cellsPerSecond: 2 }),
        whole({ reader: 'hucre', cellsPerSecond: 1 }),
        whole({ reader: 'fastexcel', cellsPerSecond: 9 }),
      ],
      [true],
    ],
    [
      'is not met by one that is not',
      [whole({ reader: 'our reader', cellsPerSecond: 2 }), whole({ reader: 'SheetJS', cellsPerSecond: 1.1 })],
      [false],
    ],
    ['is not asked of the other readers', [whole({ reader: 'SheetJS', ratio: 0.1 })], []],
    ['is not judged without a figure to compare with', [whole({ ratio: undefined })], []],
  ])('%s', (_what, readings, met) => {
    expect(readingRequirements(readings).map((requirement) => requirement.met)).toEqual(met);
  });
});
