import type pg from 'pg';
import type { FieldDef } from 'pg';

/** A result set as PostgreSQL sent it: values as text, NULL as null. */
export interface ResultSet {
  columns: ColumnMetadata[];
  /** Type object ids, one per column. */
  types: number[];
  rows: (string | null)[][];
  /** Bytes of all values. */
  bytes: number;
}

/** As the Data API names it. */
export interface ColumnMetadata {
  isCaseSensitive: boolean;
  isCurrency: boolean;
  isSigned: boolean;
  label: string;
  length: number;
  name: string;
  nullable: number;
  precision: number;
  scale: number;
  schemaName: string;
  tableName: string;
  typeName: string;
}

const typeNames: Record<number, string> = {
  16: 'bool',
  18: 'char',
  19: 'name',
  20: 'int8',
  21: 'int2',
  23: 'int4',
  25: 'varchar',
  26: 'oid',
  700: 'float4',
  701: 'float8',
  705: 'varchar',
  1042: 'bpchar',
  1043: 'varchar',
  1082: 'date',
  1083: 'time',
  1114: 'timestamp',
  1184: 'timestamptz',
  1186: 'interval',
  1266: 'timetz',
  1700: 'numeric',
};
const integers = new Map([
  [21, 5],
  [23, 10],
  [20, 19],
  [26, 10],
]);
const floats = new Set([700, 701]);
const texts = new Set([18, 19, 25, 705, 1042, 1043]);

/** Metadata of the columns, with table, schema and nullability where a column comes straight from a table. */
export async function describeColumns(client: pg.Client, fields: FieldDef[]): Promise<ColumnMetadata[]> {
  const tables = [...new Set(fields.map((field) => field.tableID).filter((id) => id > 0))];
  const { rows } = tables.length
    ? await client.query(
        `SELECT a.attrelid::int8 AS id, a.attnum AS number, a.attnotnull AS not_null, c.relname AS table, n.nspname AS schema
           FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0`,
        [tables],
      )
    : { rows: [] };
  const origin = new Map(rows.map((row) => [`${row.id}.${row.number}`, row]));
  return fields.map((field) => {
    const from = origin.get(`${field.tableID}.${field.columnID}`);
    const modifier = field.dataTypeModifier;
    const numeric = field.dataTypeID === 1700;
    const text = texts.has(field.dataTypeID);
    const width = text && modifier >= 4 ? modifier - 4 : 0;
    return {
      isCaseSensitive: text,
      isCurrency: false,
      isSigned: numeric || integers.has(field.dataTypeID) || floats.has(field.dataTypeID),
      label: field.name,
      length: 0,
      name: field.name,
      nullable: from?.not_null ? 0 : 1,
      precision: numeric && modifier >= 4 ? (modifier - 4) >> 16 : (integers.get(field.dataTypeID) ?? width),
      scale: numeric && modifier >= 4 ? (modifier - 4) & 0x7ff : 0,
      schemaName: from?.schema ?? '',
      tableName: from?.table ?? '',
      typeName: typeNames[field.dataTypeID] ?? 'varchar',
    };
  });
}

/**
 * Records [from, to) as JSON text. Written by hand because a BIGINT does not fit a JavaScript number, and the Data API
 * sends it as a JSON number all the same. DECIMAL, dates and times are strings, as the real service sends them.
 */
export function recordsJson(result: ResultSet, from: number, to: number): string {
  const rows = result.rows
    .slice(from, to)
    .map((row) => `[${row.map((value, index) => fieldJson(value, result.types[index] ?? 25)).join(',')}]`);
  return `[${rows.join(',')}]`;
}

function fieldJson(value: string | null, type: number): string {
  if (value === null) return '{"isNull":true}';
  if (type === 16) return `{"booleanValue":${value === 't'}}`;
  if (integers.has(type)) return `{"longValue":${value}}`;
  if (floats.has(type))
    return Number.isFinite(Number(value)) ? `{"doubleValue":${value}}` : `{"doubleValue":"${value}"}`;
  return `{"stringValue":${JSON.stringify(value)}}`;
}
