import { classesOf } from '../workbook/shared-strings.ts';
import { cellKind, numberFlag, type SheetRow } from '../workbook/sheet-row.ts';
import { textClass } from '../workbook/xml-reader.ts';
import { type Converted, cellConverter, type RejectReason } from './cells.ts';
import { type CsvWriter, csvField } from './csv.ts';
import { scaledRange } from './decimal.ts';
import type { Column } from './layout.ts';

/** Writes the cell at a position as a field; why not, if it is a bad one. */
export type FieldWriter = (row: SheetRow, position: number, out: CsvWriter) => RejectReason | undefined;

/**
 * Makes the function that writes a column's cells. It does what {@link cellConverter} says and nothing else; the cells that
 * nearly all are (a text to be copied, a number of at most 15 digits in plain notation, a day, a boolean) go from the sheet's
 * bytes to the CSV's without becoming values, and all others through the converter.
 */
export function fieldWriter(column: Column, date1904: boolean): FieldWriter {
  const convert = cellConverter(column, date1904);
  const blank = column.required ? 'Missing' : undefined;
  const common = commonCases(column, convert);
  return (row, position, out) => {
    const kind = row.kind(position);
    if (kind === cellKind.absent) return blank;
    if (common(row, position, kind, out)) return undefined;
    return writeConverted(convert(row.cell(position)), out);
  };
}

/** Writes a value that a converter made as a field; why not, if the cell is a bad one. */
export function writeConverted(value: Converted, out: CsvWriter): RejectReason | undefined {
  if (typeof value === 'string') return value;
  if (value !== null) out.add(csvField(value.text));
  return undefined;
}

/** Writes the field and is true, or has written nothing and is false. */
type CommonCases = (row: SheetRow, position: number, kind: number, out: CsvWriter) => boolean;

function commonCases(column: Column, convert: ReturnType<typeof cellConverter>): CommonCases {
  switch (column.type) {
    case 'text':
      return textCases(column.maxBytes as number);
    case 'integer':
      return integerCases(column.range as [number, number] | undefined);
    case 'decimal':
      return decimalCases(column);
    case 'date':
      return dateCases(convert);
    case 'boolean':
      return booleanCases;
  }
}

function textCases(maxBytes: number): CommonCases {
  return (row, position, kind, out) => {
    if (kind === cellKind.number) {
      if (!isTidy(row, position)) return false;
      const start = row.starts[position] as number;
      const end = row.ends[position] as number;
      // A trailing zero behind the point is not shown.
      if (end - start > maxBytes || (row.decimals[position] !== 0 && row.bytes[end - 1] === 48)) return false;
      out.copy(row.bytes, start, end);
      return true;
    }
    if (kind > cellKind.shared) return false;
    const bytes = kind === cellKind.text ? row.bytes : row.strings.bytes;
    let start = row.starts[position] as number;
    let end = row.ends[position] as number;
    while (start < end && isAsciiSpace(bytes[start] as number)) start++;
    while (start < end && isAsciiSpace(bytes[end - 1] as number)) end--;
    if (start === end || end - start > maxBytes || mayBeSpace(bytes, start, end)) return false;
    const flags = row.flags[position] as number;
    if ((flags & textClass.doubtful) !== 0) return false;
    if (end - start === 2 && bytes[start] === 92 && bytes[start + 1] === 78) return false; // \N
    // What asked for the quotes may have been trimmed off.
    if ((flags & textClass.quoted) !== 0 && (classesOf(bytes, start, end) & textClass.quoted) !== 0)
      out.copyQuoted(bytes, start, end);
    else out.copy(bytes, start, end);
    return true;
  };
}

function isAsciiSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

/** First bytes in UTF-8 of the characters beyond ASCII that `trim` takes off: U+00A0, 1680, 2000 to 205F, 3000, FEFF. */
const spaceLeads = new Uint8Array(256);
for (const byte of [0xc2, 0xe1, 0xe2, 0xe3, 0xef]) spaceLeads[byte] = 1;

/** Whether the first or the last character may be white space beyond ASCII. */
function mayBeSpace(bytes: Buffer, start: number, end: number): boolean {
  if ((bytes[start] as number) < 0x80 && (bytes[end - 1] as number) < 0x80) return false;
  let last = end - 1;
  while (last > start && ((bytes[last] as number) & 0xc0) === 0x80) last--;
  return spaceLeads[bytes[start] as number] === 1 || spaceLeads[bytes[last] as number] === 1;
}

/** A plain number as a spreadsheet shows it but for zeros at its end: no date, no zero too many in front, no minus zero. */
function isTidy(row: SheetRow, position: number): boolean {
  const flags = row.flags[position] as number;
  if ((flags & (numberFlag.plain | numberFlag.dated)) !== numberFlag.plain) return false;
  let start = row.starts[position] as number;
  if ((flags & numberFlag.negative) !== 0) {
    if (row.digits[position] === 0) return false;
    start++;
  }
  return row.bytes[start] !== 48 || start + 1 === row.ends[position] || row.bytes[start + 1] === 46;
}

function signed(row: SheetRow, position: number): number {
  const digits = row.digits[position] as number;
  return ((row.flags[position] as number) & numberFlag.negative) === 0 ? digits : -digits;
}

function integerCases(
  range: readonly [number, number] = [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
): CommonCases {
  const [min, max] = range;
  return (row, position, kind, out) => {
    if (kind !== cellKind.number || row.decimals[position] !== 0 || !isTidy(row, position)) return false;
    const value = signed(row, position);
    if (!(value >= min && value <= max)) return false;
    out.copy(row.bytes, row.starts[position] as number, row.ends[position] as number);
    return true;
  };
}

function decimalCases(column: Column): CommonCases {
  const scale = column.scale as number;
  const precision = column.precision as number;
  // All as integers at the column's scale; a double holds each that is compared exactly.
  const beyond = 10 ** Math.min(precision, 22);
  const [min, max] = scaledRange(column)?.map(Number) ?? [];
  return (row, position, kind, out) => {
    if (kind !== cellKind.number || !isTidy(row, position)) return false;
    const missing = scale - (row.decimals[position] as number);
    if (missing < 0 || missing > 22) return false;
    const value = signed(row, position) * 10 ** missing;
    if (!Number.isSafeInteger(value) || Math.abs(value) >= beyond) return false;
    if (min !== undefined && max !== undefined && !(value >= min && value <= max)) return false;
    out.copy(row.bytes, row.starts[position] as number, row.ends[position] as number);
    if (missing === scale && scale > 0) out.addByte(46);
    for (let i = 0; i < missing; i++) out.addByte(48);
    return true;
  };
}

/** A report names few days: what each of these became is kept. A power of two. */
const daysKept = 1024;

function dateCases(convert: ReturnType<typeof cellConverter>): CommonCases {
  const days = new Int32Array(daysKept).fill(-1);
  const dates: Buffer[] = [];
  return (row, position, kind, out) => {
    if (kind !== cellKind.number || row.decimals[position] !== 0) return false;
    if (((row.flags[position] as number) & (numberFlag.plain | numberFlag.negative)) !== numberFlag.plain)
      return false;
    const digits = row.digits[position] as number;
    if (digits > 0x7fff_ffff) return false;
    const day = digits | 0;
    const slot = day & (daysKept - 1);
    if (days[slot] !== day) {
      // With a date format or without, a whole number is the same day.
      const date = convert(day);
      if (date === null || typeof date === 'string') return false;
      days[slot] = day;
      dates[slot] = Buffer.from(date.text);
    }
    const date = dates[slot] as Buffer;
    out.copy(date, 0, date.length);
    return true;
  };
}

const [yes, no] = [Buffer.from('true'), Buffer.from('false')] as const;

function booleanCases(row: SheetRow, position: number, kind: number, out: CsvWriter): boolean {
  if (kind !== cellKind.boolean) return false;
  const word = row.digits[position] === 1 ? yes : no;
  out.copy(word, 0, word.length);
  return true;
}
