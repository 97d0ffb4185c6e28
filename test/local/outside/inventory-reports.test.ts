import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { jest } from '@jest/globals';
import ExcelJS from 'exceljs';
import { unzipSync } from 'fflate';
import papaparse from 'papaparse';
import { slotOf } from '../../../domain/fashion/drop.ts';
import { inventoryLayout } from '../../../domain/fashion/inventory-layout.ts';
import { transformWorkbook } from '../../../domain/fashion/transform.ts';
import { bytesSource } from '../../../domain/workbook/zip.ts';
import {
  makeDays,
  makeReport,
  publishReport,
  type Report,
} from '../../../local/outside/inventory-reports.ts';
import { setZipTimes } from '../../../local/outside/zip-times.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const sha256 = ({ bytes }: Pick<Report, 'bytes'>) => createHash('sha256').update(bytes).digest('hex');
const monday = { seed: 7, date: '2026-11-19', slot: '0600', rows: 600 };

async function sheetOf({ bytes }: Report): Promise<ExcelJS.Worksheet> {
  const workbook = new ExcelJS.Workbook();
  await workbook.xlsx.load(bytes.buffer as ArrayBuffer);
  expect(workbook.worksheets).toHaveLength(1);
  return workbook.getWorksheet('Inventory') as ExcelJS.Worksheet;
}

/** Data rows as cells by header. */
async function rowsOf(report: Report): Promise<Record<string, ExcelJS.CellValue>[]> {
  const [headers, ...rows] = (await sheetOf(report)).getSheetValues().slice(1) as ExcelJS.CellValue[][];
  return rows.map((row) =>
    Object.fromEntries(headers?.slice(1).map((header, at) => [String(header), row[at + 1] ?? null]) ?? []),
  );
}

const placeOf = (row: Record<string, ExcelJS.CellValue>): string => `${row.SKU} ${row.Location}`;

/** All but the clock: only Date is faked. */
const doNotFake: ('nextTick' | 'queueMicrotask' | 'setImmediate' | 'setInterval' | 'setTimeout')[] = [
  'nextTick',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
];

describe('the bytes', () => {
  afterEach(() => void jest.useRealTimers());

  it('are the same for the same seed, and others for another seed, day or slot', async () => {
    const first = await makeReport(monday);
    expect(first.name).toBe('inventory_2026-11-19_0600.xlsx');
    jest.useFakeTimers({ now: new Date('2031-05-06T07:08:09Z'), doNotFake });
    expect(sha256(await makeReport(monday))).toBe(sha256(first));
    const others = [{ seed: 8 }, { date: '2026-11-20' }, { slot: '1800' }];
    const hashes = await Promise.all(
      others.map(async (other) => sha256(await makeReport({ ...monday, ...other }))),
    );
    expect(new Set([sha256(first), ...hashes]).size).toBe(4);
  });

  it('are the same in another time zone', async () => {
    // The process's own zone: jest's copy of the environment does not reach the clock.
    const program = `
      import { createHash } from 'node:crypto';
      import { makeReport } from './local/outside/inventory-reports.ts';
      const { bytes } = await makeReport(${JSON.stringify(monday)});
      console.log(new Date(0).getHours(), createHash('sha256').update(bytes).digest('hex'));
    `;
    const run = promisify(execFile);
    const { stdout } = await run(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', program],
      {
        cwd: root,
        env: { ...process.env, TZ: 'Asia/Tokyo', NODE_OPTIONS: '' },
      },
    );
    expect(stdout.trim()).toBe(`9 ${sha256(await makeReport(monday))}`);
  });

  it('are those of a sound zip', async () => {
    const { bytes } = await makeReport(monday);
    expect(Object.keys(unzipSync(bytes))).toContain('xl/worksheets/sheet1.xml');
    expect(() =>
      setZipTimes(bytes.subarray(0, -1), { year: 2026, month: 1, day: 1, hour: 0, minute: 0 }),
    ).toThrow(/no zip record/);
  });
});

describe('the rows', () => {
  let report: Report;
  let rows: Record<string, ExcelJS.CellValue>[];

  beforeAll(async () => {
    report = await makeReport({ ...monday, rows: 5_000 });
    rows = await rowsOf(report);
  });

  it('are as many as were asked for, under the headers that the layout knows', async () => {
    expect(rows).toHaveLength(5_000);
    expect(report.rows).toBe(5_000);
    expect(Object.keys(rows[0] ?? {})).toEqual(inventoryLayout.columns.map(({ header }) => header));
  });

  it('are one per SKU and location', () => {
    const whole = rows.filter(({ SKU }) => SKU !== null);
    expect(new Set(whole.map(placeOf)).size).toBe(whole.length);
  });

  it('are wrong one in a thousand, where the report says', async () => {
    const sheet = await sheetOf(report);
    expect(report.bad).toBe(5);
    expect(report.badRows).toHaveLength(5);
    expect(new Set(report.badRows.map(({ cell }) => cell.slice(1))).size).toBe(5);
    for (const { cell, what } of report.badRows) {
      const { value } = sheet.getCell(cell);
      if (what === 'negative stock') expect(value).toBeLessThan(0);
      if (what === 'text in a number cell') expect(value).toBe('à vérifier');
      if (what === 'missing SKU') expect(value).toBeNull();
      if (what === 'error cell') expect(value).toEqual({ error: '#N/A' });
    }
  });

  it('but for those are all as the layout wants them', () => {
    const bad = new Set(report.badRows.map(({ cell }) => Number(cell.slice(1)) - 2));
    const isCount = (value: unknown) => Number.isInteger(value) && Number(value) >= 0;
    const isSound = (row: Record<string, ExcelJS.CellValue>): boolean =>
      ['SKU', 'Style', 'Category', 'Location'].every((text) => typeof row[text] === 'string') &&
      isCount(row['On hand']) &&
      isCount(row.Reserved) &&
      Number(row.Reserved) <= Number(row['On hand']) &&
      Number(row['Unit price']) > 0 &&
      Math.round(Number(row['Unit price']) * 100) / 100 === row['Unit price'] &&
      (row['Available from'] === null || row['Available from'] instanceof Date) &&
      typeof row.Discontinued === 'boolean';
    expect(rows.filter((row, index) => !bad.has(index) && !isSound(row))).toEqual([]);
    expect(rows.filter((row, index) => bad.has(index) && isSound(row))).toEqual([]);
  });

  it('go through the transform but for the wrong ones, each found in its cell', async () => {
    const written: Record<'accepted' | 'rejected', string> = { accepted: '', rejected: '' };
    const counts = await transformWorkbook({
      workbook: bytesSource(report.bytes),
      layout: inventoryLayout,
      accepted: (bytes) => {
        written.accepted += Buffer.from(bytes).toString();
      },
      rejected: (bytes) => {
        written.rejected += Buffer.from(bytes).toString();
      },
    });
    expect(counts).toEqual({
      rowsIn: report.rows,
      rowsOut: report.rows - report.bad,
      rowsRejected: report.bad,
    });
    const { data } = papaparse.parse<{ cell: string }>(written.rejected, {
      header: true,
      skipEmptyLines: true,
    });
    const inOrder = (cells: { cell: string }[]) => cells.map(({ cell }) => cell).sort();
    expect(inOrder(data)).toEqual(inOrder([...report.badRows]));
  });

  it('hold what makes CSV hard: unicode, quotes, commas, newlines, blanks', () => {
    const texts = rows.map(({ Description }) => String(Description ?? ''));
    for (const hard of ['Véronique', 'Größe', '"', ',', '\n'])
      expect(texts.some((text) => text.includes(hard))).toBe(true);
    for (const optional of ['Description', 'Colour', 'Size', 'Available from']) {
      const blanks = rows.filter((row) => row[optional] === null).length;
      expect(blanks).toBeGreaterThan(0);
      expect(blanks).toBeLessThan(rows.length);
    }
    const cents = new Set(rows.map((row) => Math.round(Number(row['Unit price']) * 100) % 100));
    expect(cents).toEqual(new Set([0, 50, 95, Number.NaN]));
  });
});

describe('from one report to the next', () => {
  let reports: Report[];
  let sheets: Map<string, Record<string, ExcelJS.CellValue>>[];

  beforeAll(async () => {
    reports = await makeDays({ seed: 7, from: '2026-11-19', days: 2, rows: 600 });
    sheets = [];
    for (const report of reports)
      sheets.push(new Map((await rowsOf(report)).map((row) => [placeOf(row), row])));
  });

  it('there is one at 0600 and one at 1800 of each day', () => {
    expect(reports.map(({ name }) => name)).toEqual([
      'inventory_2026-11-19_0600.xlsx',
      'inventory_2026-11-19_1800.xlsx',
      'inventory_2026-11-20_0600.xlsx',
      'inventory_2026-11-20_1800.xlsx',
    ]);
  });

  it('the first is that of the house alone', async () => {
    expect(sha256(reports[0] as Report)).toBe(sha256(await makeReport(monday)));
  });

  it('most articles stay, stock moves, a few are new, some are discontinued', () => {
    for (let at = 1; at < sheets.length; at += 1) {
      const [before, now] = [sheets[at - 1], sheets[at]] as [(typeof sheets)[0], (typeof sheets)[0]];
      const kept = [...now.keys()].filter((place) => before.has(place));
      expect(kept.length).toBeGreaterThan(0.98 * before.size);
      const moved = kept.filter((place) => now.get(place)?.['On hand'] !== before.get(place)?.['On hand']);
      expect(moved.length).toBeGreaterThan(0.1 * kept.length);
      expect(moved.length).toBeLessThan(0.5 * kept.length);
      expect(now.size - kept.length).toBeGreaterThan(0);
    }
    const discontinued = [...(sheets.at(-1)?.values() ?? [])].filter((row) => row.Discontinued === true);
    expect(discontinued.length).toBeGreaterThan(0);
    expect(discontinued.length).toBeLessThan(60);
  });
});

describe("on the server's disk", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'inventory-reports-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it.each(['Europe/Paris', 'America/New_York', 'Asia/Tokyo'])(
    'a report is dated just after its slot in %s',
    async (timeZone) => {
      const report = await makeReport({ ...monday, slot: '1800', rows: 10 });
      const { path, modifiedAt } = await publishReport(directory, report, timeZone);
      expect(await readdir(directory)).toEqual([report.name]);
      expect(Buffer.from(report.bytes).equals(await readFile(path))).toBe(true);
      expect((await stat(path)).mtimeMs).toBe(modifiedAt);
      // Told by its time alone, it is of the same slot.
      const nameless = { fileName: 'report.xlsx', modifiedAt };
      expect(slotOf(nameless, { timeZone, slots: ['0600', '1800'] })).toEqual({
        date: report.date,
        slot: '1800',
      });
    },
  );

  it('one that cannot be put in its place leaves nothing behind', async () => {
    const report = await makeReport({ ...monday, rows: 1 });
    await mkdir(join(directory, report.name, 'in the way'), { recursive: true });
    await expect(publishReport(directory, report, 'Europe/Paris')).rejects.toThrow();
    expect(await readdir(directory)).toEqual([report.name]);
  });
});
