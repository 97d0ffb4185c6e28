import { isUtf8 } from 'node:buffer';
import { LabError } from '../errors.ts';
import { type Correction, type Corrections, mostCorrectionsBytes } from './corrections.ts';
import { csvLine } from './csv.ts';
import { type CsvRecord, readCsv } from './csv-table.ts';
import type { DateAndSlot } from './drop.ts';
import type { QuarantinedRow } from './quarantine.ts';
import { type RawRow, rawRow, sameRow } from './raw-row.ts';
import { rejectedHeader } from './transform.ts';

/**
 * The file that a person gets to correct rows in: the lines of the quarantine, and on each of them the drop it belongs to.
 * What may be changed is `value`, the cell that `column` names, and `raw`, the whole row.
 */
const header = [...rejectedHeader, 'drop'] as const;

/** What the column `drop` holds: `2026-11-19/0600/68ddac5e2245b585`, text for any spreadsheet. */
export function dropMark(drop: DateAndSlot & { sha256Start: string }): string {
  return `${drop.date}/${drop.slot}/${drop.sha256Start}`;
}

/** With a byte order mark: without one Excel takes UTF-8 for another encoding, and saves what it misread. */
export function correctionSheet(rows: Iterable<QuarantinedRow>, mark: string): string {
  const lines = [...rows].map((each) =>
    csvLine([
      String(each.row),
      each.cell,
      each.column,
      harmless(each.value),
      each.reason,
      String(each.badCells),
      JSON.stringify(each.raw),
      mark,
    ]),
  );
  return [byteOrderMark, csvLine(header), ...lines].join('');
}

const byteOrderMark = '\ufeff';

/** A spreadsheet would run as a formula what begins so: an apostrophe before it makes it text. Numbers stay. */
function harmless(value: string): string {
  return /^[=+\-@\t\r]/.test(value) && !/^-?[\d.]+$/.test(value) ? `'${value}` : value;
}

/**
 * What a person changed in a {@link correctionSheet}: lines that are as they were, or are gone, stay set aside. Saved again by
 * a spreadsheet, its separator may be a semicolon, its line ends CRLF, and the byte order mark may be gone.
 *
 * @param quarantine the rows of the drop that are set aside
 * @param mark of the drop
 * @throws CorrectionsUnreadable, CorrectionRawInvalid, CorrectionsForeign, CorrectionsEmpty, each naming the line
 */
export function readCorrectionSheet(
  file: Uint8Array,
  quarantine: ReadonlyMap<number, QuarantinedRow>,
  mark: string,
): Corrections {
  const [first, ...records] = recordsOf(file);
  if (!first) throw unreadable(1, 'the file is empty');
  const corrections = new Map<number, Correction>();
  const lines = new Map<number, number>();
  for (const record of records) {
    const fields = named(record);
    if (fields.drop.trim() !== mark)
      throw new LabError(
        'CorrectionsForeign',
        `line ${record.line} is of ${fields.drop || 'none'}, not ${mark}`,
      );
    const held = quarantine.get(Number(fields.row));
    if (!held)
      throw new LabError('CorrectionsForeign', `line ${record.line}: row ${fields.row} is not set aside`);
    const earlier = lines.get(held.row);
    if (earlier) throw unreadable(record.line, `row ${held.row} is on line ${earlier} already`);
    lines.set(held.row, record.line);
    const after = corrected(held, fields, record.line);
    if (!sameRow(held.raw, after)) corrections.set(held.row, { row: held.row, before: held.raw, after });
  }
  if (corrections.size === 0) throw new LabError('CorrectionsEmpty', `${lines.size} lines, all as they were`);
  return new Map([...corrections].sort(([a], [b]) => a - b));
}

type Fields = Record<(typeof header)[number], string>;

const unreadable = (line: number, why: string) =>
  new LabError('CorrectionsUnreadable', `line ${line}: ${why}`);

function recordsOf(file: Uint8Array): CsvRecord[] {
  if (file.length > mostCorrectionsBytes)
    throw new LabError('CorrectionsUnreadable', `${file.length} bytes, at most ${mostCorrectionsBytes}`);
  const text = decoded(file);
  const [line = ''] = text.split(/\r?\n/, 1);
  for (const delimiter of [',', ';'] as const) {
    const names = line.split(delimiter).map((name) => name.trim().replace(/^"(.*)"$/, '$1'));
    if (names.length === header.length && names.join() === header.join())
      return readCsv(text, delimiter, unreadable);
  }
  throw unreadable(
    1,
    `${JSON.stringify(line.slice(0, 80))} is not ${header.join()}, nor that with semicolons`,
  );
}

function decoded(file: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(file);
  } catch (cause) {
    throw new LabError('CorrectionsUnreadable', `line ${lineOfFault(file)} is not UTF-8`, { cause });
  }
}

/** The first line that does not decode by itself. No byte within a character of several bytes is a line feed. */
function lineOfFault(file: Uint8Array): number {
  let line = 1;
  for (let from = 0; from < file.length; line += 1) {
    const end = file.indexOf(10, from);
    const bytes = file.subarray(from, end === -1 ? file.length : end);
    if (!isUtf8(bytes)) break;
    from += bytes.length + 1;
  }
  return line;
}

function named({ line, fields }: CsvRecord): Fields {
  if (fields.length !== header.length)
    throw unreadable(line, `${fields.length} fields where the header has ${header.length}`);
  return Object.fromEntries(header.map((name, i) => [name, fields[i] as string])) as Fields;
}

/** The row with what the line changes of it. */
function corrected(held: QuarantinedRow, fields: Fields, line: number): RawRow {
  const fixed: Partial<Fields> = {
    cell: held.cell,
    column: held.column,
    reason: held.reason,
    bad_cells: String(held.badCells),
  };
  for (const [name, text] of Object.entries(fixed)) {
    const found = fields[name as keyof Fields];
    if (found.trim() !== text)
      throw unreadable(
        line,
        `only value and raw may be changed, and ${name} is ${found} where it was ${text}`,
      );
  }
  const raw = rawRow(fields.raw);
  const { column } = held;
  if (typeof raw === 'string') throw invalidRaw(line, raw);
  for (const name of Object.keys(held.raw))
    if (!Object.hasOwn(raw, name)) throw invalidRaw(line, `${name} is gone`);
  for (const name of Object.keys(raw))
    if (!Object.hasOwn(held.raw, name)) throw invalidRaw(line, `there is no column ${name}`);
  // In the order of the columns: the same correction, the same bytes.
  const ordered = Object.fromEntries(Object.keys(held.raw).map((name) => [name, raw[name] ?? null]));

  const value = changedValue(held.value, fields.value);
  if (value === undefined || value === String(ordered[column] ?? '')) return ordered;
  if (!Object.is(ordered[column], held.raw[column]))
    throw unreadable(line, `value says ${value}, and raw says ${ordered[column]} for ${column}`);
  return { ...ordered, [column]: value === '' ? null : value };
}

const invalidRaw = (line: number, why: string) =>
  new LabError('CorrectionRawInvalid', `line ${line}: ${why}`);

/** Undefined where it is what it was: a spreadsheet may have saved line ends of its own. */
function changedValue(was: string, is: string): string | undefined {
  const same = (a: string, b: string) => a.replaceAll(/\r\n?/g, '\n') === b.replaceAll(/\r\n?/g, '\n');
  if (same(is, was) || same(is, harmless(was))) return undefined;
  return /^'[=+\-@\t\r]/.test(is) ? is.slice(1) : is;
}
