import { serialTime } from '../shared/calendar.ts';
import type { SharedStrings } from './shared-strings.ts';
import { textOf } from './xml-text.ts';

/** An error value such as #N/A. */
export class CellError {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/**
 * What a cell holds: null where it is absent, a Date (in UTC, though a cell knows no zone) where a number carries a date
 * format, the cached result where it is a formula, the plain text where it is rich.
 */
export type Cell = null | string | number | boolean | Date | CellError;

/** Excel's last column is XFD. */
export const mostColumns = 16_384;
/** Excel's last row. */
export const mostRows = 1_048_576;

export const cellKind = { absent: 0, text: 1, shared: 2, number: 3, boolean: 4, error: 5, date: 6 } as const;

/** What is known of a number. The first four bits are those of `textClass`. */
export const numberFlag = {
  /** A plain decimal of at most 15 digits: `digits`, `decimals` and `negative` say which. */
  plain: 16,
  negative: 32,
  /** Its cell has a date format. */
  dated: 64,
} as const;

/**
 * One row, cells by column (A is 0) in arrays that are used again for the next one. Nothing is copied: a cell is a kind and a
 * place among the bytes of the sheet or of the shared strings. `cell` makes a value of it.
 */
export class SheetRow {
  /** From 1, as the spreadsheet shows it. */
  number = 0;
  /** Columns; what is beyond is absent. */
  width = 0;
  /** One of `cellKind`. */
  readonly kinds = new Uint8Array(mostColumns);
  /** Union of the `textClass` of a text's bytes, or of `numberFlag`. */
  readonly flags = new Uint8Array(mostColumns);
  /** Place of a text, a number as it is written, an error or an ISO 8601 date; among the shared strings if it is `shared`. */
  readonly starts = new Uint32Array(mostColumns);
  readonly ends = new Uint32Array(mostColumns);
  /** All digits of a plain number as one integer; 1 and 0 of a boolean. */
  readonly digits = new Float64Array(mostColumns);
  /** How many of the digits stand behind the point. */
  readonly decimals = new Uint8Array(mostColumns);
  /** The sheet's bytes. */
  bytes = Buffer.alloc(0);
  readonly strings: SharedStrings;
  readonly date1904: boolean;

  constructor(strings: SharedStrings, date1904: boolean) {
    this.strings = strings;
    this.date1904 = date1904;
  }

  /** One of `cellKind`. */
  kind(column: number): number {
    return column < this.width ? (this.kinds[column] as number) : cellKind.absent;
  }

  cell(column: number): Cell {
    const kind = this.kind(column);
    if (kind === cellKind.absent) return null;
    if (kind === cellKind.boolean) return this.digits[column] === 1;
    const bytes = kind === cellKind.shared ? this.strings.bytes : this.bytes;
    const text = textOf(bytes, this.starts[column] as number, this.ends[column] as number);
    if (kind === cellKind.error) return new CellError(text);
    if (kind === cellKind.date) return new Date(isoInstant(text));
    if (kind !== cellKind.number) return text;
    const dated = ((this.flags[column] as number) & numberFlag.dated) !== 0;
    return dated ? new Date(serialTime(Number(text), this.date1904)) : Number(text);
  }

  /** All of the row, A first. */
  cells(): Cell[] {
    return Array.from({ length: this.width }, (_, column) => this.cell(column));
  }

  /** No cell, or none with more than white space. */
  isBlank(): boolean {
    for (let column = 0; column < this.width; column++) {
      const kind = this.kinds[column] as number;
      if (kind === cellKind.absent) continue;
      if (kind > cellKind.shared) return false;
      if (!this.#isBlankText(column, kind)) return false;
    }
    return true;
  }

  #isBlankText(column: number, kind: number): boolean {
    const bytes = kind === cellKind.shared ? this.strings.bytes : this.bytes;
    const end = this.ends[column] as number;
    for (let i = this.starts[column] as number; i < end; i++) {
      const byte = bytes[i] as number;
      if (byte > 32 && byte < 0x80) return false;
      // There is white space beyond ASCII, and control characters are none.
      if (byte !== 32 && !(byte >= 9 && byte <= 13)) return (this.cell(column) as string).trim() === '';
    }
    return true;
  }
}

const iso = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

/** Milliseconds of an ISO 8601 date (and time, in UTC unless it says so), NaN if it is none. */
export function isoInstant(text: string): number {
  const [, date, time, zone = 'Z'] = iso.exec(text) ?? [];
  return date === undefined ? Number.NaN : Date.parse(`${date}T${time ?? '00:00'}${zone}`);
}
