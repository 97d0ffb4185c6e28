import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ExcelJS from 'exceljs';
import { inventoryLayout } from '../../../domain/fashion/inventory-layout.ts';
import { headerKey, type ReportLayout, reportLayout } from '../../../domain/fashion/layout.ts';
import { transformWorkbook } from '../../../domain/fashion/transform.ts';
import { bytesSource } from '../../../domain/workbook/zip.ts';
import { parsedCsv } from './workbooks.ts';

/**
 * Workbooks of six producers, one a feature, and beside each what must come of it: see test/fixtures/fashion/README.md.
 * The expected CSVs were not written by this transform.
 */
const folder = join(import.meta.dirname, '../../fixtures/fashion');
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
  (path) => !path.startsWith('make'),
);
const workbooks = files
  .filter((path) => path.endsWith('.xlsx'))
  .map((path) => path.slice(0, -'.xlsx'.length))
  .sort();

const bytesOf = (name: string, kind: string) => readFileSync(join(folder, `${name}.${kind}`));
const has = (name: string, kind: string) => existsSync(join(folder, `${name}.${kind}`));
const textOf = (name: string, kind: string) => (has(name, kind) ? bytesOf(name, kind).toString() : '');

function layoutOf(name: string): ReportLayout {
  if (name.endsWith('/inventory')) return inventoryLayout;
  const path = has(name, 'layout.json') ? `${name}.layout.json` : 'common.layout.json';
  return reportLayout(JSON.parse(readFileSync(join(folder, path), 'utf8')));
}

async function transformed(name: string) {
  const accepted: Uint8Array[] = [];
  const rejected: Uint8Array[] = [];
  const error: { code?: string } | undefined = await transformWorkbook({
    workbook: bytesSource(bytesOf(name, 'xlsx')),
    layout: layoutOf(name),
    accepted: (piece) => void accepted.push(piece),
    rejected: (piece) => void rejected.push(piece),
  }).then(
    () => undefined,
    (reason) => reason,
  );
  return { error, accepted: Buffer.concat(accepted), rejected: Buffer.concat(rejected) };
}

const good = workbooks.filter((name) => has(name, 'expected.csv'));
const refused = workbooks.filter((name) => has(name, 'error.txt'));

describe('each workbook of the corpus that is good', () => {
  it.each(good)('%s gives the expected rows, byte for byte', async (name) => {
    const { error, accepted, rejected } = await transformed(name);
    expect(error).toBeUndefined();
    expect(accepted.toString()).toBe(textOf(name, 'expected.csv'));
    expect(rejected.toString()).toBe(textOf(name, 'rejected.csv'));
    expect(accepted.equals(bytesOf(name, 'expected.csv'))).toBe(true);
    if (has(name, 'rejected.csv')) expect(rejected.equals(bytesOf(name, 'rejected.csv'))).toBe(true);
  });
});

describe('each workbook of the corpus that is bad', () => {
  it.each(refused)('%s is refused by its code', async (name) => {
    const { error, rejected } = await transformed(name);
    expect(error?.code).toBe(textOf(name, 'error.txt').trim());
    if (has(name, 'rejected.csv')) expect(rejected.toString()).toBe(textOf(name, 'rejected.csv'));
  });
});

const kinds = ['xlsx', 'expected.csv', 'rejected.csv', 'error.txt', 'layout.json'];

describe('the corpus', () => {
  it('says of each workbook what must come of it, and has nothing without a workbook', () => {
    for (const name of workbooks)
      expect([name, has(name, 'expected.csv') !== has(name, 'error.txt')]).toEqual([name, true]);
    const strays = files.filter((path) => {
      const [, name, kind = ''] = /^([^.]+)\.(.+)$/.exec(path) ?? [];
      return (
        kind !== '' && path.includes('/') && !(workbooks.includes(name as string) && kinds.includes(kind))
      );
    });
    expect(strays).toEqual([]);
  });
  it('has a line in its README for each workbook, and none without a workbook', () => {
    const lines = readFileSync(join(folder, 'README.md'), 'utf8').matchAll(/^\| \[(.+?)\.xlsx\]/gm);
    expect([...lines].map(([, name]) => name).sort()).toEqual(workbooks);
  });

  it('has the inventory report by each of the five producers', () => {
    expect(workbooks.filter((name) => name.endsWith('/inventory'))).toHaveLength(5);
  });
});

/** Where exceljs, reading the workbook whole, reads something else, and what. A line that is no longer true fails. */
const exceljsDiffers: Record<string, string> = {
  'hand/absolute-targets': 'it looks for parts by their usual names',
  'hand/dates-1900-bounds': 'it counts the days before 1900-03-01 one too few',
  'hand/escapes': 'it decodes escapes in shared strings only',
  'hand/formulas': 'it drops results that are false',
  'hand/namespace-prefix': 'it takes a prefix for a part of the name',
  'hand/part-names-in-other-case': 'it compares part names with case',
  'hand/phonetic': 'it loses an inline string that has phonetic text',
  'hand/shared-strings-table': 'it refuses an extension list in the table',
  'hand/some-references': 'it asks for references',
  'hand/strict': 'it takes the year of a date of type d for a day',
  'hand/utf-16': 'it reads UTF-8 only',
  'hand/without-references': 'it asks for references',
  'hand/xml-syntax': 'it drops CDATA',
  'hand/zip-furniture': 'it takes the signature within the comment for the end',
  'libreoffice/dates-1904': 'it knows date1904="1", not "true"',
  'sheetjs/dates-1904': 'it knows date1904="1", not "true"',
  'sheetjs/dates-iso-8601': 'it takes the year of a date of type d for a day',
  'sheetjs/formulas': 'it takes the number of a shared string for the result of a formula',
  'xlsxwriter/custom-formats': 'it takes escaped letters of a format for those of a date',
};

describe('exceljs, reading the workbook whole,', () => {
  it.each(good)('reads the good rows of %s as they are expected, or is known not to', async (name) => {
    const agreed = await exceljsRows(name).then(
      (rows) => {
        const expected = parsedCsv(textOf(name, 'expected.csv'));
        if (!(name in exceljsDiffers)) expect(rows).toEqual(expected);
        return JSON.stringify(rows) === JSON.stringify(expected);
      },
      (reason) => {
        if (!(name in exceljsDiffers)) throw reason;
        return false;
      },
    );
    expect([name, agreed]).toEqual([name, !(name in exceljsDiffers)]);
  });
});

/** The good rows (those that rejected.csv does not name) by another reader and another way to texts. */
async function exceljsRows(name: string): Promise<Record<string, string>[]> {
  const layout = layoutOf(name);
  const book = new ExcelJS.Workbook();
  await book.xlsx.load(Uint8Array.from(bytesOf(name, 'xlsx')).buffer);
  const sheet = layout.sheet
    ? book.getWorksheet(layout.sheet)
    : book.worksheets.find((each) => each.state === 'visible');
  const setAside = new Set(parsedCsv(textOf(name, 'rejected.csv')).map((each) => Number(each.row)));
  const rows: Record<string, string>[] = [];
  let positions: number[] | undefined;
  sheet?.eachRow((row, number) => {
    const values = Array.from({ length: row.cellCount }, (_, i) => ownValue(row.getCell(i + 1)));
    if (values.every(isBlank) || number < (layout.headerRow ?? 0)) return;
    if (positions === undefined) {
      const found = values.map((value) => headerKey(String(value ?? '')));
      positions = layout.columns.map((column) => found.indexOf(headerKey(column.header)));
    } else if (!setAside.has(number)) {
      const cells = positions.map((position) => values[position] ?? null);
      rows.push(
        Object.fromEntries(
          layout.columns.map(({ name: column, type, scale }, i) => [
            column,
            asText(cells[i] as Plain, type, scale, book.properties.date1904),
          ]),
        ),
      );
    }
  });
  return rows;
}

type Plain = null | string | number | boolean | Date;

/** exceljs gives every cell of a merged range the value of the first. */
function ownValue(cell: ExcelJS.Cell): Plain {
  if (cell.isMerged && cell.master !== cell) return null;
  return plain(cell.value);
}

function plain(value: ExcelJS.CellValue): Plain {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'object' || value instanceof Date) return value;
  if ('richText' in value) return value.richText.map(({ text }) => text).join('');
  if ('text' in value) return plain(value.text as ExcelJS.CellValue);
  if ('error' in value) return value.error;
  return plain((value as { result?: ExcelJS.CellValue }).result);
}

const isBlank = (value: Plain) => value === null || String(value).trim() === '';

function asText(value: Plain, type: string, scale = 0, date1904 = false): string {
  if (value === null || isBlank(value)) return '';
  if (value instanceof Date) return value.toISOString().slice(0, 10);
  if (type === 'boolean')
    return String(value === 1 ? true : value === 0 ? false : value)
      .trim()
      .toLowerCase();
  if (type === 'decimal')
    return Number(Number(value).toPrecision(15))
      .toFixed(scale)
      .replace(/^-(0\.?0*)$/, '$1');
  if (type === 'integer') return String(Math.round(Number(value)));
  if (type === 'date' && typeof value === 'number') {
    const epoch = date1904 ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, value < 60 ? 31 : 30);
    return new Date(epoch + value * 86_400_000).toISOString().slice(0, 10);
  }
  if (type === 'date') return String(value).trim().slice(0, 10);
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE';
  return typeof value === 'number' ? String(Number(value.toPrecision(15))) : value.trim();
}
