import { LabError } from '../errors.ts';
import { readCsv } from './csv-table.ts';
import { type RawRow, rawRow } from './raw-row.ts';
import { rejectedHeader } from './transform.ts';

/** One line of the CSV of rows that were set aside. */
export interface QuarantinedRow {
  /** Number of the row in the sheet, from 1. */
  row: number;
  /** Address, column, content and fault of its first bad cell. */
  cell: string;
  column: string;
  value: string;
  reason: string;
  badCells: number;
  raw: RawRow;
}

/** The archive's CSV of rows that were set aside, by number of the row. Throws QuarantineUnreadable. */
export function parseQuarantine(csv: string): Map<number, QuarantinedRow> {
  const fault = (line: number, why: string) => new LabError('QuarantineUnreadable', `line ${line}: ${why}`);
  const [header, ...records] = readCsv(csv, ',', fault);
  const rows = new Map<number, QuarantinedRow>();
  if (!header) return rows; // an empty object: no row was set aside
  if (header.fields.join() !== rejectedHeader.join()) throw fault(1, `not ${rejectedHeader.join()}`);
  for (const { line, fields } of records) {
    const [row = '', cell = '', column = '', value = '', reason = '', badCells = '', raw = ''] = fields;
    const parsed = rawRow(raw);
    if (typeof parsed === 'string') throw fault(line, parsed);
    rows.set(Number(row), {
      row: Number(row),
      cell,
      column,
      value,
      reason,
      badCells: Number(badCells),
      raw: parsed,
    });
  }
  return rows;
}
