import { isCalendarDate, millisecondsPerDay, serialDate } from '../shared/calendar.ts';
import { type Cell, CellError } from '../workbook/sheet-row.ts';
import { fifteenDigits, plainDecimal, scaledInteger, scaledRange } from './decimal.ts';
import type { Column } from './layout.ts';

/**
 * Why a row is set aside.
 *
 * - `Missing`: blank, and the column is required.
 * - `ErrorCell`: an error value such as #N/A.
 * - `NotText`: a cell with a date format in a text column: spreadsheets turn sizes like 10-12 into dates.
 * - `NotANumber`, `NotAnInteger`, `NotADate`, `NotABoolean`: another type, or a notation that is not taken.
 * - `TooManyDecimals`: more decimals than the scale, after the 15 significant digits. Never rounded.
 * - `TooManyDigits`: a whole number beyond 2^53, or a number as text beyond 15 digits: its last digits are already lost.
 * - `TimeOfDay`: a date with a time other than midnight.
 * - `OutOfRange`: outside the column's range or precision.
 * - `TooLong`: more UTF-8 bytes than maxBytes.
 * - `ForbiddenText`: NUL or half of a surrogate pair, which are not UTF-8 for Redshift, or just \N, which COPY takes for NULL.
 * - `DuplicateKey`: an earlier good row of the report names the same position. The first one is kept.
 */
export type RejectReason =
  | 'Missing'
  | 'ErrorCell'
  | 'NotText'
  | 'NotANumber'
  | 'NotAnInteger'
  | 'NotADate'
  | 'NotABoolean'
  | 'TooManyDecimals'
  | 'TooManyDigits'
  | 'TimeOfDay'
  | 'OutOfRange'
  | 'TooLong'
  | 'ForbiddenText'
  | 'DuplicateKey';

/** The value as the CSV and SQL have it; null is NULL. */
export type Converted = { text: string } | null | RejectReason;

/** Absent, empty, or nothing but white space. */
export function isBlank(cell: Cell | undefined): boolean {
  return cell === null || cell === undefined || (typeof cell === 'string' && cell.trim() === '');
}

/**
 * Makes the function that turns a column's cells into values. Texts are trimmed at both ends, in every column: a key with a
 * stray blank would be another position. Numbers as text are taken when they are plain decimals (see {@link plainDecimal}),
 * dates as text when they are ISO 8601 dates; anything that depends on a locale is not.
 */
export function cellConverter(column: Column, date1904: boolean): (cell: Cell | undefined) => Converted {
  const convert = converterOf(column, date1904);
  return (cell) => {
    if (isBlank(cell)) return column.required ? 'Missing' : null;
    if (cell instanceof CellError) return 'ErrorCell';
    return convert(typeof cell === 'string' ? cell.trim() : (cell as Present));
  };
}

type Present = string | number | boolean | Date;

function converterOf(column: Column, date1904: boolean): (cell: Present) => { text: string } | RejectReason {
  switch (column.type) {
    case 'text':
      return textConverter(column.maxBytes as number);
    case 'integer':
      return integerConverter(column.range as [number, number] | undefined);
    case 'decimal':
      return decimalConverter(column);
    case 'date':
      return dateConverter(column.range as [string, string] | undefined, date1904);
    case 'boolean':
      return booleanOf;
  }
}

const forbidden = /[\0\p{Surrogate}]/u;

function textConverter(maxBytes: number) {
  return (cell: Present): { text: string } | RejectReason => {
    let text: string;
    if (typeof cell === 'string') text = cell;
    else if (cell instanceof Date) return 'NotText';
    else if (typeof cell === 'boolean') text = cell ? 'TRUE' : 'FALSE';
    else if (!(Math.abs(cell) < 1e15)) return 'TooManyDigits';
    else text = fifteenDigits(cell);
    if (forbidden.test(text) || text === '\\N') return 'ForbiddenText';
    // A UTF-16 unit is at most three bytes of UTF-8.
    return text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes ? { text } : 'TooLong';
  };
}

/** Plain notation of a number, or of a text that stands for one. */
function numeral(cell: Present): string | undefined {
  if (typeof cell === 'number') return Number.isFinite(cell) ? fifteenDigits(cell) : undefined;
  return typeof cell === 'string' ? cell : undefined;
}

function integerConverter(
  range: readonly [number, number] = [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
) {
  return (cell: Present): { text: string } | RejectReason => {
    const digits = numeral(cell);
    if (digits === undefined) return 'NotANumber';
    // 400 digits: longer than any double is, so that only the scale can be at fault.
    const whole = plainDecimal(digits, 400, 0);
    if (whole === 'TooManyDecimals') return 'NotAnInteger';
    if (typeof whole === 'string') return whole;
    const value = Number(whole.text);
    if (!Number.isSafeInteger(value)) return 'TooManyDigits';
    return value >= range[0] && value <= range[1] ? whole : 'OutOfRange';
  };
}

function decimalConverter(column: Column) {
  const precision = column.precision as number;
  const scale = column.scale as number;
  const [min, max] = scaledRange(column) ?? [];
  return (cell: Present): { text: string } | RejectReason => {
    const digits = numeral(cell);
    if (digits === undefined) return 'NotANumber';
    if (typeof cell === 'number' && Number.isInteger(cell) && !Number.isSafeInteger(cell))
      return 'TooManyDigits';
    const value = plainDecimal(digits, precision, scale);
    if (typeof value === 'string' || min === undefined || max === undefined) return value;
    const scaled = scaledInteger(value.text);
    return scaled >= min && scaled <= max ? value : 'OutOfRange';
  };
}

const isoDate = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)Z?)?$/;

function dateConverter(range: readonly [string, string] | undefined, date1904: boolean) {
  return (cell: Present): { text: string } | RejectReason => {
    let date: string | undefined;
    if (typeof cell === 'number') {
      if (Number.isFinite(cell) && !Number.isInteger(cell)) return 'TimeOfDay';
      date = serialDate(cell, date1904);
    } else if (cell instanceof Date) {
      if (cell.getTime() % millisecondsPerDay !== 0)
        return Number.isNaN(cell.getTime()) ? 'NotADate' : 'TimeOfDay';
      if (cell.getUTCFullYear() >= 1900 && cell.getUTCFullYear() <= 9999) date = isoOf(cell).slice(0, 10);
    } else if (typeof cell === 'string') {
      const parts = isoDate.exec(cell);
      if (parts && /[1-9]/.test(parts[2] ?? '')) return 'TimeOfDay';
      if (parts && isCalendarDate(parts[1] as string)) date = parts[1];
    }
    if (date === undefined) return 'NotADate';
    return range === undefined || (date >= range[0] && date <= range[1]) ? { text: date } : 'OutOfRange';
  };
}

/** Empty for a serial number so large that no Date holds it. */
function isoOf(date: Date): string {
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}

function booleanOf(cell: Present): { text: string } | RejectReason {
  if (cell === true || cell === 1) return { text: 'true' };
  if (cell === false || cell === 0) return { text: 'false' };
  const word = typeof cell === 'string' ? cell.toLowerCase() : '';
  return word === 'true' || word === 'false' ? { text: word } : 'NotABoolean';
}

/** A cell as JSON has it, so that a row that was set aside can be replayed: dates as ISO 8601, errors as their text. */
export function rawCell(cell: Cell | undefined): null | string | number | boolean {
  if (cell === null || cell === undefined) return null;
  if (cell instanceof CellError) return cell.text;
  if (cell instanceof Date) return isoOf(cell).replace('T00:00:00.000Z', '');
  // JSON has no infinity.
  return typeof cell === 'number' && !Number.isFinite(cell) ? String(cell) : cell;
}

/** `H12` for column 7 (from 0) of row 12. */
export function cellAddress(column: number, row: number): string {
  let letters = '';
  for (let rest = column + 1; rest > 0; rest = Math.floor((rest - 1) / 26)) {
    letters = String.fromCharCode(65 + ((rest - 1) % 26)) + letters;
  }
  return `${letters}${row}`;
}
