/**
 * Inventory reports (.xlsx) as the fashion company's software writes them: 12 columns, one row per article and place,
 * twice a day, and now and then a row that is wrong. The same seed gives the same bytes.
 */
import { rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ExcelJS from 'exceljs';
import { slotInstant } from '../../domain/fashion/drop.ts';
import { nextStock, openStock, type StockLine } from './fashion-stock.ts';
import { type Random, randomOf } from './random.ts';
import { setZipTimes } from './zip-times.ts';

export type Seed = number | string;

/** A row that is wrong, as the reader of the report has to find it. */
export interface BadRow {
  /** Address of the cell that is wrong, `H17`. */
  cell: string;
  what: 'negative stock' | 'text in a number cell' | 'missing SKU' | 'error cell';
}

export interface Report {
  /** `inventory_2026-11-19_0600.xlsx`. */
  name: string;
  /** `YYYY-MM-DD`, in the client's zone. */
  date: string;
  /** `0600`. */
  slot: string;
  bytes: Uint8Array;
  /** Data rows, the bad ones included, the header not. */
  rows: number;
  /** How many of the rows are wrong. */
  bad: number;
  badRows: readonly BadRow[];
  /** How long after the slot the software had written the file, ms; whole seconds. */
  writtenAfterMs: number;
}

export interface ReportOptions {
  seed: Seed;
  /** `YYYY-MM-DD`. */
  date: string;
  slot: string;
  /** @default 5000 */
  rows?: number;
}

export interface DaysOptions {
  seed: Seed;
  /** The first day, `YYYY-MM-DD`. */
  from: string;
  days: number;
  /** Of each day. @default 0600 and 1800 */
  slots?: readonly string[];
  /** Of the first report; later ones have a few more or less. @default 5000 */
  rows?: number;
}

/** As the software heads them; domain/fashion/inventory-layout.ts says what we make of them. */
const columns = [
  { header: 'SKU', width: 22 },
  { header: 'Style', width: 14 },
  { header: 'Description', width: 40 },
  { header: 'Category', width: 26 },
  { header: 'Colour', width: 16 },
  { header: 'Size', width: 8 },
  { header: 'Location', width: 28 },
  { header: 'On hand', width: 10, style: { numFmt: '0' } },
  { header: 'Reserved', width: 10, style: { numFmt: '0' } },
  { header: 'Unit price', width: 12, style: { numFmt: '#,##0.00' } },
  { header: 'Available from', width: 14, style: { numFmt: 'yyyy-mm-dd' } },
  { header: 'Discontinued', width: 12 },
];

/** One in so many rows is wrong, and at least one. */
const rowsPerBadRow = 1_000;

/** A report of a house on its own: the same as the first of `eachReport` from that day and slot. */
export async function makeReport({ seed, date, slot, rows = 5_000 }: ReportOptions): Promise<Report> {
  for await (const report of eachReport({ seed, from: date, days: 1, slots: [slot], rows })) return report;
  throw new Error('unreachable: one day has one report');
}

/** The reports of some days in order; from one to the next the stock moves on. */
export async function* eachReport(options: DaysOptions): AsyncGenerator<Report> {
  const { seed, from, days, slots = ['0600', '1800'], rows = 5_000 } = options;
  let stock: StockLine[] | undefined;
  for (let day = 0; day < days; day += 1) {
    const date = new Date(Date.parse(`${from}T00:00:00Z`) + day * 86_400_000).toISOString().slice(0, 10);
    for (const slot of slots) {
      const random = randomOf(seed, `${date} ${slot}`);
      stock = stock ? nextStock(stock, random, date) : openStock(seed, date, rows);
      yield await writeWorkbook(stock, date, slot, random);
    }
  }
}

/** All of `eachReport`. */
export async function makeDays(options: DaysOptions): Promise<Report[]> {
  const reports: Report[] = [];
  for await (const report of eachReport(options)) reports.push(report);
  return reports;
}

type Cell = string | number | boolean | Date | { error: '#N/A' } | undefined;

const cellsOf = (line: StockLine): Cell[] => [
  line.sku,
  line.style,
  line.description,
  line.category,
  line.colour,
  line.size,
  line.location,
  line.onHand,
  line.reserved,
  line.unitPrice / 100,
  line.availableFrom === undefined ? undefined : new Date(`${line.availableFrom}T00:00:00Z`),
  line.discontinued,
];

/** What goes wrong in real reports, in turn: by column, and what stands there instead. */
const mistakes: readonly { column: number; what: BadRow['what']; instead: (was: Cell) => Cell }[] = [
  { column: 7, what: 'negative stock', instead: (was) => -1 - Number(was) },
  { column: 8, what: 'text in a number cell', instead: () => 'à vérifier' },
  { column: 0, what: 'missing SKU', instead: () => undefined },
  { column: 9, what: 'error cell', instead: () => ({ error: '#N/A' }) },
];

/** Different rows, so that there are as many bad rows as mistakes. */
function chooseBadRows(random: Random, rows: number): Set<number> {
  const wanted = rows === 0 ? 0 : Math.max(1, Math.round(rows / rowsPerBadRow));
  const chosen = new Set<number>();
  while (chosen.size < wanted) chosen.add(random.integer(0, rows - 1));
  return chosen;
}

async function writeWorkbook(
  stock: readonly StockLine[],
  date: string,
  slot: string,
  random: Random,
): Promise<Report> {
  const [hours, minutes] = [slot.slice(0, 2), slot.slice(2)];
  const written = new Date(`${date}T${hours}:${minutes}:00Z`);
  const workbook = new ExcelJS.Workbook();
  workbook.creator = workbook.lastModifiedBy = 'Inventory';
  workbook.created = workbook.modified = written;
  const sheet = workbook.addWorksheet('Inventory', { views: [{ state: 'frozen', ySplit: 1 }] });
  sheet.columns = columns;
  sheet.getRow(1).font = { bold: true };

  const chosen = chooseBadRows(random, stock.length);
  const badRows: BadRow[] = [];
  for (const [index, line] of stock.entries()) {
    const cells = cellsOf(line);
    const mistake = chosen.has(index) ? mistakes[badRows.length % mistakes.length] : undefined;
    if (mistake) {
      cells[mistake.column] = mistake.instead(cells[mistake.column]);
      badRows.push({ cell: `${String.fromCharCode(65 + mistake.column)}${index + 2}`, what: mistake.what });
    }
    sheet.addRow(cells);
  }

  const bytes = new Uint8Array(await workbook.xlsx.writeBuffer());
  const [year, month, day] = date.split('-').map(Number) as [number, number, number];
  setZipTimes(bytes, { year, month, day, hour: Number(hours), minute: Number(minutes) });
  return {
    name: `inventory_${date}_${slot}.xlsx`,
    date,
    slot,
    bytes,
    rows: stock.length,
    bad: badRows.length,
    badRows,
    writtenAfterMs: random.integer(20, 240) * 1_000,
  };
}

/**
 * Puts a report into a directory as the client's software does, soon after its slot in the client's time zone. It
 * appears whole or not at all: it is written under a dot-name, which the SFTP server does not list, and renamed.
 */
export async function publishReport(
  directory: string,
  report: Pick<Report, 'name' | 'date' | 'slot' | 'bytes' | 'writtenAfterMs'>,
  timeZone: string,
): Promise<{ path: string; modifiedAt: number }> {
  const path = join(directory, report.name);
  const hidden = join(directory, `.${report.name}.part`);
  const modifiedAt = slotInstant(report, timeZone) + report.writtenAfterMs;
  try {
    await writeFile(hidden, report.bytes);
    await utimes(hidden, modifiedAt / 1_000, modifiedAt / 1_000);
    await rename(hidden, path);
  } catch (error) {
    await rm(hidden, { force: true });
    throw error;
  }
  return { path, modifiedAt };
}
