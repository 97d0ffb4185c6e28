import * as z from 'zod';
import { LabError } from '../errors.ts';
import { isCalendarDate } from '../shared/calendar.ts';
import { plainDecimal, scaledInteger } from './decimal.ts';

/**
 * A report is a declaration: which columns it has, what each may hold, which of them name a position. A second report is
 * another declaration and no code.
 */
export type ColumnType = 'text' | 'integer' | 'decimal' | 'date' | 'boolean';

export interface Column {
  /** Name in SQL and in the CSV header. */
  name: string;
  /** Text in the workbook's header row; compared trimmed and without regard to case. */
  header: string;
  type: ColumnType;
  /** A blank cell makes the row a bad one. @default false */
  required?: boolean;
  /** Inclusive, in the column's own type: numbers for integers, strings for decimals and dates (`2026-11-20`). */
  range?: readonly [min: number | string, max: number | string];
  /** Text only: UTF-8 bytes, because Redshift's VARCHAR counts bytes. */
  maxBytes?: number;
  /** Decimal only: digits in all. */
  precision?: number;
  /** Decimal only: digits after the point. */
  scale?: number;
}

export interface ReportLimits {
  /** Data rows. */
  rows: number;
  /** Bytes that the parts which are read may inflate to, and bytes that each CSV may have. */
  inflatedBytes: number;
  /** Entries of the shared string table. */
  distinctStrings: number;
}

export interface ReportLayout {
  name: string;
  version: string;
  /** Name of the sheet. @default the first visible one */
  sheet?: string;
  /** Row number, from 1, of the header. @default the first row that is not blank */
  headerRow?: number;
  columns: readonly Column[];
  /** Names of the columns that together name a position; no two rows of a report share them. */
  key: readonly string[];
  limits: ReportLimits;
}

const sqlName = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, 'a lower-case SQL name of at most 63 characters');
const positive = z.number().int().positive();

const columnShape = z.strictObject({
  name: sqlName,
  header: z.string().refine((text) => text.trim() !== '', 'not blank'),
  type: z.enum(['text', 'integer', 'decimal', 'date', 'boolean']),
  required: z.boolean().optional(),
  range: z.tuple([z.union([z.number(), z.string()]), z.union([z.number(), z.string()])]).optional(),
  maxBytes: positive.max(65_535).optional(),
  precision: positive.max(38).optional(),
  scale: z.number().int().min(0).max(37).optional(),
});

const layoutShape = z.strictObject({
  name: z.string().min(1),
  version: z.string().min(1),
  sheet: z.string().min(1).optional(),
  headerRow: positive.optional(),
  columns: z.array(columnShape).min(1),
  key: z.array(z.string()).min(1),
  limits: z.strictObject({ rows: positive, inflatedBytes: positive, distinctStrings: positive }),
});

/** The same layout, checked. Throws LayoutInvalid with everything that is wrong, in one message. */
export function reportLayout(layout: ReportLayout): ReportLayout {
  const parsed = layoutShape.safeParse(layout);
  const faults = parsed.success
    ? contradictions(layout)
    : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  if (faults.length > 0)
    throw new LabError('LayoutInvalid', `${layout.name ?? 'no name'}: ${faults.join(', ')}`);
  return layout;
}

function contradictions(layout: ReportLayout): string[] {
  const faults: string[] = [];
  const repeated = (what: string, values: readonly string[]) => {
    for (const value of new Set(values.filter((v, i) => values.indexOf(v) !== i)))
      faults.push(`${what} ${value} twice`);
  };
  repeated(
    'name',
    layout.columns.map((column) => column.name),
  );
  repeated(
    'header',
    layout.columns.map((column) => headerKey(column.header)),
  );
  repeated('key', layout.key);
  for (const name of layout.key) {
    const column = layout.columns.find((each) => each.name === name);
    if (!column) faults.push(`key ${name} is no column`);
    else if (!column.required) faults.push(`key ${name} is not required`);
  }
  for (const column of layout.columns)
    faults.push(...columnFaults(column).map((fault) => `${column.name}: ${fault}`));
  return faults;
}

function columnFaults(column: Column): string[] {
  const faults: string[] = [];
  if ((column.maxBytes !== undefined) !== (column.type === 'text'))
    faults.push('maxBytes is for text, and needed there');
  const isDecimal = column.type === 'decimal';
  if ((column.precision !== undefined) !== isDecimal || (column.scale !== undefined) !== isDecimal) {
    faults.push('precision and scale are for decimals, and needed there');
  } else if (isDecimal && (column.scale as number) > (column.precision as number)) {
    faults.push('scale above precision');
  }
  if (faults.length === 0 && column.range) faults.push(...rangeFaults(column, column.range));
  return faults;
}

function rangeFaults(column: Column, [min, max]: readonly [number | string, number | string]): string[] {
  const bad = (expected: string) => [`range ${JSON.stringify([min, max])} is not ${expected}`];
  switch (column.type) {
    case 'integer':
      return Number.isSafeInteger(min) && Number.isSafeInteger(max) && min <= max
        ? []
        : bad('two integers in order');
    case 'date':
      return [min, max].every((end) => typeof end === 'string' && isCalendarDate(end)) && min <= max
        ? []
        : bad('two dates in order');
    case 'decimal': {
      const ends = [min, max].map((end) =>
        typeof end === 'string'
          ? plainDecimal(end, column.precision as number, column.scale as number)
          : 'NotANumber',
      );
      const [low, high] = ends.map((end) => (typeof end === 'string' ? undefined : scaledInteger(end.text)));
      return low !== undefined && high !== undefined && low <= high
        ? []
        : bad('two decimals of its scale in order');
    }
    default:
      return [`a range is not for ${column.type}`];
  }
}

/** How header texts are compared. */
export function headerKey(text: string): string {
  return text.trim().toLowerCase();
}

/** The column's type in Redshift (and PostgreSQL). */
export function sqlType(column: Column): string {
  switch (column.type) {
    case 'text':
      return `VARCHAR(${column.maxBytes})`;
    case 'integer':
      return 'BIGINT';
    case 'decimal':
      return `DECIMAL(${column.precision},${column.scale})`;
    case 'date':
      return 'DATE';
    case 'boolean':
      return 'BOOLEAN';
  }
}

/** `name TYPE [NOT NULL]` of each column, in order, for a CREATE TABLE. */
export function sqlColumns(layout: ReportLayout): string[] {
  return layout.columns.map(
    (column) => `${column.name} ${sqlType(column)}${column.required ? ' NOT NULL' : ''}`,
  );
}
