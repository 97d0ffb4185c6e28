import ExcelJS from 'exceljs';
import { strToU8, unzipSync, type Zippable, zipSync } from 'fflate';
import Papa from 'papaparse';
import type { Corrections } from '../../../domain/fashion/corrections.ts';
import { inventoryLayout } from '../../../domain/fashion/inventory-layout.ts';
import type { ReportLayout } from '../../../domain/fashion/layout.ts';
import { type TransformCounts, transformWorkbook } from '../../../domain/fashion/transform.ts';
import type { Cell } from '../../../domain/workbook/sheet-row.ts';
import { openSheet } from '../../../domain/workbook/workbook.ts';
import { bytesSource } from '../../../domain/workbook/zip.ts';

export const header = inventoryLayout.columns.map((column) => column.header);

/** A good row of the inventory report; each test changes the cell it is about. */
export function inventoryRow(changes: Record<string, ExcelJS.CellValue> = {}): ExcelJS.CellValue[] {
  const cells: Record<string, ExcelJS.CellValue> = {
    sku: 'FW26-001-RED-M',
    style: 'FW26-001',
    description: 'Wool coat',
    category: 'Outerwear',
    colour: 'Red',
    size: 'M',
    location: 'PAR-01',
    on_hand: 12,
    reserved: 3,
    unit_price: 349.99,
    available_from: new Date('2026-09-01T00:00:00Z'),
    discontinued: false,
    ...changes,
  };
  return inventoryLayout.columns.map(({ name }) => cells[name] as ExcelJS.CellValue);
}

/** A workbook of one sheet, as exceljs writes it. `undefined` in `rows` is a row that is not written at all. */
export async function workbookOf(
  rows: (ExcelJS.CellValue[] | undefined)[],
  prepare: (workbook: ExcelJS.Workbook, sheet: ExcelJS.Worksheet) => void = () => {},
): Promise<Uint8Array> {
  const workbook = new ExcelJS.Workbook();
  const sheet = workbook.addWorksheet('Inventory');
  rows.forEach((cells, i) => {
    if (cells) sheet.getRow(i + 1).values = cells;
  });
  prepare(workbook, sheet);
  return new Uint8Array(await workbook.xlsx.writeBuffer());
}

/** The same workbook with some of its parts rewritten. */
export function withParts(
  workbook: Uint8Array,
  rewrite: Record<string, (xml: string) => string>,
): Uint8Array {
  const parts = unzipSync(workbook);
  for (const [path, change] of Object.entries(rewrite)) {
    parts[path] = strToU8(change(new TextDecoder().decode(parts[path])));
  }
  return zipSync(parts as Zippable);
}

export interface Outcome extends TransformCounts {
  accepted: string;
  rejected: string;
  /** The good rows by column. */
  rows: Record<string, string>[];
  /** The bad rows by column of the rejected CSV. */
  bad: Record<string, string>[];
}

export async function transformed(
  workbook: Uint8Array,
  layout: ReportLayout = inventoryLayout,
  corrections?: Corrections,
): Promise<Outcome> {
  const accepted: Uint8Array[] = [];
  const rejected: Uint8Array[] = [];
  const counts = await transformWorkbook({
    workbook: bytesSource(workbook),
    layout,
    corrections,
    accepted: (piece) => void accepted.push(piece),
    rejected: (piece) => void rejected.push(piece),
  });
  const [good, set] = [accepted, rejected].map((pieces) => Buffer.concat(pieces).toString()) as [
    string,
    string,
  ];
  return { ...counts, accepted: good, rejected: set, rows: parsedCsv(good), bad: parsedCsv(set) };
}

export function parsedCsv(csv: string): Record<string, string>[] {
  const { data, errors } = Papa.parse<Record<string, string>>(csv, {
    header: true,
    newline: '\n',
    skipEmptyLines: true,
  });
  if (errors.length > 0 && csv !== '') throw new Error(JSON.stringify(errors[0]));
  return data;
}

/** All rows of a sheet as values, by row number. */
export async function sheetCells(
  workbook: Uint8Array,
  limits = inventoryLayout.limits,
): Promise<Map<number, Cell[]>> {
  const sheet = await openSheet(bytesSource(workbook), { limits });
  const rows = new Map<number, Cell[]>();
  for await (const portion of sheet.portions())
    while (portion.next()) rows.set(portion.row.number, portion.row.cells());
  return rows;
}
