import { createHash } from 'node:crypto';
import { LabError } from '../errors.ts';
import { csvLine } from './csv.ts';
import { readCsv } from './csv-table.ts';
import { type RawRow, rawRow } from './raw-row.ts';

/** What a person makes of one row that was set aside. */
export interface Correction {
  /** Number of the row in the sheet, from 1. */
  row: number;
  /** The row as the workbook has it: shows that the correction was made for this very row. */
  before: RawRow;
  /** The same columns. Cells that are the same as before stay the workbook's own. */
  after: RawRow;
}

/** Corrections by number of their row, in the order of rows. */
export type Corrections = ReadonlyMap<number, Correction>;

/** Bytes that a file of corrections may have. Who has more to correct sends another workbook. */
export const mostCorrectionsBytes = 16 * 1024 ** 2;

const header = ['row', 'before', 'after'] as const;

/**
 * The file of the archive: which rows become what. It holds what was changed and nothing else, so that the same corrections
 * have the same bytes and the same hash whatever program saved them.
 */
export function correctionsCsv(corrections: Corrections): Buffer {
  const lines = [...corrections.values()]
    .sort((a, b) => a.row - b.row)
    .map(({ row, before, after }) => csvLine([String(row), JSON.stringify(before), JSON.stringify(after)]));
  return Buffer.from([csvLine(header), ...lines].join(''));
}

/** Reads what {@link correctionsCsv} wrote. Throws CorrectionsUnreadable. */
export function parseCorrections(csv: string): Corrections {
  const fault = (line: number, why: string) => new LabError('CorrectionsUnreadable', `line ${line}: ${why}`);
  const [first, ...records] = readCsv(csv, ',', fault);
  if (first?.fields.join() !== header.join()) throw fault(1, `not ${header.join()}`);
  const corrections = new Map<number, Correction>();
  for (const { line, fields } of records) {
    const row = Number(fields[0]);
    const [before, after] = [fields[1], fields[2]].map((json) => rawRow(json ?? ''));
    if (!Number.isSafeInteger(row) || row < 1) throw fault(line, `no row ${fields[0]}`);
    if (typeof before !== 'object') throw fault(line, `before: ${before}`);
    if (typeof after !== 'object') throw fault(line, `after: ${after}`);
    corrections.set(row, { row, before, after });
  }
  return corrections;
}

/** SHA-256, 64 hexadecimal digits. */
export function correctionsHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * What stands for the transform's version in the key of a corrected load: `1.c0a1b2c3d`, the version and the first 8 digits of
 * the corrections' hash.
 */
export function correctedVersion(transformVersion: string, hash: string): string {
  return `${transformVersion}.c${hash.slice(0, 8)}`;
}
