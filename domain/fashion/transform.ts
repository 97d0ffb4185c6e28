import { LabError } from '../errors.ts';
import type { Cell, SheetRow } from '../workbook/sheet-row.ts';
import { openSheet, type SheetReader } from '../workbook/workbook.ts';
import type { ByteSource } from '../workbook/zip.ts';
import { cellAddress, isBlank, type RejectReason, rawCell } from './cells.ts';
import { CorrectedRows, cellWriter, rawCells } from './corrected-rows.ts';
import type { Corrections } from './corrections.ts';
import { type ByteSink, CsvWriter, csvLine } from './csv.ts';
import { type FieldWriter, fieldWriter } from './fields.ts';
import { KeySet } from './key-set.ts';
import { type Column, headerKey, type ReportLayout } from './layout.ts';

/** Part of every load's key. To be raised whenever any workbook could give other bytes than before. */
export const transformVersion = '2';

/** rowsIn = rowsOut + rowsRejected, always. Data rows: the header and blank rows do not count. */
export interface TransformCounts {
  rowsIn: number;
  rowsOut: number;
  rowsRejected: number;
}

/** Columns of the CSV of rows that were set aside. */
export const rejectedHeader = ['row', 'cell', 'column', 'value', 'reason', 'bad_cells', 'raw'] as const;

/**
 * A report's workbook to CSV, in one pass and in memory that does not grow with the number of rows, but for the workbook's
 * shared strings and a table that finds repeated keys: 11 bytes for each row that a sheet of this size can have.
 *
 * `accepted` gets the header and the good rows, columns in the layout's order. `rejected` gets one line a bad row: number of
 * the row, address, column, value and reason of its first bad cell (in the layout's order), how many of its cells are bad,
 * and the whole row as JSON by column name, from which it can be replayed. `rejected` gets nothing, not even its header, when
 * no row is bad. Both are awaited; neither is ended here.
 *
 * With corrections, the bad rows that they name are judged again as corrected, after all others and in the order of rows: a
 * row that was good without them stays, and what is bad still is set aside as corrected.
 *
 * The same bytes in give the same bytes out, for one transformVersion, layout and set of corrections.
 *
 * Throws, when the report is refused whole: WorkbookUnreadable, WorkbookEncrypted, SheetMissing, HeaderMissing,
 * ColumnMissing, ColumnDuplicated, ReportTooLarge, ReportEmpty, AllRowsRejected, CorrectionsForeign. Some of them show only
 * at the end, after rows went out: what the sinks got is then to be thrown away, except that with AllRowsRejected `rejected`
 * is complete.
 */
export async function transformWorkbook(o: {
  workbook: ByteSource;
  layout: ReportLayout;
  /** Of rows that are bad in this workbook. @default none */
  corrections?: Corrections;
  accepted: ByteSink;
  rejected: ByteSink;
}): Promise<TransformCounts> {
  const { layout } = o;
  const sheet = await openSheet(o.workbook, { sheet: layout.sheet, limits: layout.limits });
  const accepted = new CsvWriter(o.accepted);
  const rejected = new CsvWriter(o.rejected);
  const counts: TransformCounts = { rowsIn: 0, rowsOut: 0, rowsRejected: 0 };

  const setAside = (rules: RowRules, number: number, cells: readonly Cell[], bad: BadRow): void => {
    if (counts.rowsRejected === 0) rejected.add(csvLine(rejectedHeader));
    counts.rowsRejected++;
    rejected.add(rules.rejectedLine(number, cells, bad));
  };

  const corrected = o.corrections && new CorrectedRows(o.corrections, layout);
  let rules: RowRules | undefined;
  for await (const rows of sheet.portions()) {
    while (rows.next()) {
      const { row } = rows;
      if (!rules) {
        if (!isHeader(row, layout)) continue;
        rules = new RowRules(layout, columnPositions(row, layout, sheet.sheetName), sheet);
        accepted.add(csvLine(layout.columns.map(({ name }) => name)));
        continue;
      }
      if (row.isBlank()) continue;
      counts.rowsIn++;
      if (counts.rowsIn > layout.limits.rows)
        throw new LabError('ReportTooLarge', `more than ${layout.limits.rows} rows`);

      const bad = rules.apply(row, accepted);
      if (!bad) counts.rowsOut++;
      else if (corrected?.has(row.number)) corrected.take(row.number, rules.cells(row));
      else setAside(rules, row.number, rules.cells(row), bad);
      if (accepted.isFull) await flush(accepted, layout);
      if (rejected.isFull) await flush(rejected, layout);
    }
  }
  if (!rules) throw new LabError('HeaderMissing', sheet.sheetName);
  for (const { number, cells } of corrected?.all() ?? []) {
    const bad = rules.applyCells(cells, accepted);
    if (!bad) counts.rowsOut++;
    else setAside(rules, number, cells, bad);
  }
  if (counts.rowsIn === 0) throw new LabError('ReportEmpty', sheet.sheetName);
  await flush(rejected, layout);
  if (counts.rowsOut === 0)
    throw new LabError('AllRowsRejected', `${counts.rowsRejected} of ${counts.rowsIn}`);
  await flush(accepted, layout);
  return counts;
}

/** A small workbook can make a large CSV: thousands of cells may share one long string. */
async function flush(writer: CsvWriter, layout: ReportLayout): Promise<void> {
  await writer.flush();
  if (writer.bytes > layout.limits.inflatedBytes)
    throw new LabError('ReportTooLarge', `a CSV of over ${writer.bytes} bytes`);
}

function isHeader(row: SheetRow, layout: ReportLayout): boolean {
  if (layout.headerRow === undefined) return !row.isBlank();
  if (row.number > layout.headerRow) throw new LabError('HeaderMissing', `row ${layout.headerRow} is absent`);
  return row.number === layout.headerRow;
}

/** Where each of the layout's columns stands in the sheet, from 0. Columns that the layout does not name are ignored. */
function columnPositions(header: SheetRow, layout: ReportLayout, sheetName: string): number[] {
  const cells = header.cells();
  if (cells.every(isBlank))
    throw new LabError('HeaderMissing', `row ${header.number} of ${sheetName} is blank`);
  const found = cells.map((cell) => headerKey(isBlank(cell) ? '' : String(rawCell(cell))));
  const missing: Column[] = [];
  const positions = layout.columns.map((column) => {
    const wanted = headerKey(column.header);
    const position = found.indexOf(wanted);
    if (position === -1) missing.push(column);
    else if (found.indexOf(wanted, position + 1) !== -1)
      throw new LabError('ColumnDuplicated', column.header);
    return position;
  });
  if (missing.length > 0) {
    throw new LabError(
      'ColumnMissing',
      `${missing.map(({ header: text }) => text).join(', ')} (row ${header.number} of ${sheetName})`,
    );
  }
  return positions;
}

const comma = 44;
const newline = 10;

interface BadRow {
  /** Index of the column in the layout. */
  column: number;
  reason: RejectReason;
  badCells: number;
}

/** The layout's rules over one sheet. */
class RowRules {
  readonly #layout: ReportLayout;
  readonly #positions: readonly number[];
  readonly #writers: readonly FieldWriter[];
  /** Of corrected rows, where there are any. */
  #cellWriters: readonly ReturnType<typeof cellWriter>[] | undefined;
  readonly #date1904: boolean;
  readonly #keyColumns: readonly number[];
  readonly #keys: KeySet;
  /** By column, where the fields of the row stand that is written; then of the key's columns alone. */
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;
  readonly #keyStarts: Uint32Array;
  readonly #keyEnds: Uint32Array;

  constructor(layout: ReportLayout, positions: readonly number[], sheet: SheetReader) {
    this.#layout = layout;
    this.#keys = new KeySet(Math.min(layout.limits.rows, sheet.mostRows));
    this.#positions = positions;
    this.#writers = layout.columns.map((column) => fieldWriter(column, sheet.date1904));
    this.#date1904 = sheet.date1904;
    this.#keyColumns = layout.key.map((name) => layout.columns.findIndex((column) => column.name === name));
    [this.#starts, this.#ends] = [
      new Uint32Array(layout.columns.length),
      new Uint32Array(layout.columns.length),
    ];
    [this.#keyStarts, this.#keyEnds] = [
      new Uint32Array(layout.key.length),
      new Uint32Array(layout.key.length),
    ];
  }

  /** Writes the row, or nothing when it is bad. */
  apply(row: SheetRow, out: CsvWriter): BadRow | undefined {
    return this.#apply(this.#writers, row, out);
  }

  /** The same for a row that is no longer in the sheet; cells by the layout's columns. */
  applyCells(cells: readonly Cell[], out: CsvWriter): BadRow | undefined {
    this.#cellWriters ??= this.#layout.columns.map((column, i) => cellWriter(column, i, this.#date1904));
    return this.#apply(this.#cellWriters, cells, out);
  }

  #apply<Row>(
    writers: readonly ((row: Row, position: number, out: CsvWriter) => RejectReason | undefined)[],
    row: Row,
    out: CsvWriter,
  ): BadRow | undefined {
    const begin = out.length;
    let bad: BadRow | undefined;
    for (let i = 0; i < writers.length; i++) {
      if (i > 0) out.addByte(comma);
      this.#starts[i] = out.length;
      const reason = (writers[i] as (typeof writers)[number])(row, this.#positions[i] as number, out);
      this.#ends[i] = out.length;
      if (reason === undefined) continue;
      if (bad) bad.badCells++;
      else bad = { column: i, reason, badCells: 1 };
    }
    if (!bad && this.#isKnown(out)) {
      bad = {
        column: this.#keyColumns[0] as number,
        reason: 'DuplicateKey',
        badCells: this.#keyColumns.length,
      };
    }
    if (bad) out.length = begin;
    else out.addByte(newline);
    return bad;
  }

  /** Two fields are equal just when their CSV is. */
  #isKnown(out: CsvWriter): boolean {
    for (let i = 0; i < this.#keyColumns.length; i++) {
      const column = this.#keyColumns[i] as number;
      this.#keyStarts[i] = this.#starts[column] as number;
      this.#keyEnds[i] = this.#ends[column] as number;
    }
    return !this.#keys.add(out.buffer, this.#keyStarts, this.#keyEnds);
  }

  /** By the layout's columns. */
  cells(row: SheetRow): Cell[] {
    return this.#positions.map((position) => row.cell(position));
  }

  /** @param cells by the layout's columns */
  rejectedLine(number: number, cells: readonly Cell[], bad: BadRow): string {
    return csvLine([
      String(number),
      cellAddress(this.#positions[bad.column] as number, number),
      (this.#layout.columns[bad.column] as Column).name,
      String(rawCell(cells[bad.column]) ?? ''),
      bad.reason,
      String(bad.badCells),
      JSON.stringify(rawCells(this.#layout, cells)),
    ]);
  }
}
