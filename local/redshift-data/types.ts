import { notInRedshift, notServed, SqlError } from './sql-error.ts';

/** A `TypeName` node of PostgreSQL's parse tree, as far as this module looks. */
export interface TypeNameNode {
  names: { String: { sval: string } }[];
  typmods?: { A_Const?: { ival?: { ival?: number } } }[];
  arrayBounds?: unknown[];
  setof?: boolean;
  [key: string]: unknown;
}

const plain = new Set([
  'int2',
  'int4',
  'int8',
  'bool',
  'float4',
  'float8',
  'date',
  'timestamp',
  'timestamptz',
  'time',
  'timetz',
]);
/** Redshift has them, this server has not. */
const unserved = new Set(['super', 'varbyte', 'varbinary', 'geometry', 'geography', 'hllsketch']);
const spelling: Record<string, string> = {
  serial: 'int4',
  nvarchar: 'varchar',
  text: 'varchar',
  nchar: 'bpchar',
  datetime: 'timestamp',
};
const maximumBytes = { varchar: 65535, bpchar: 4096 } as const;

/** The parser leaves a zero out. */
function typmod(value: number) {
  return { A_Const: { ival: value === 0 ? {} : { ival: value } } };
}

/**
 * Gives a type its Redshift meaning, in place: TEXT and bare VARCHAR are VARCHAR(256), bare NUMERIC is NUMERIC(18,0).
 * `where` names the column, or says that it is a cast. Types Redshift lacks are refused with its words.
 * Source: Redshift Database Developer Guide, "Data types" and "Unsupported PostgreSQL data types".
 */
export function normalizeType(type: TypeNameNode, where: { column?: string; cast?: boolean }): TypeNameNode {
  const written = type.names.at(-1)?.String.sval ?? '';
  const refuse = () =>
    where.column
      ? new SqlError(`Column "${where.column}" has unsupported type "${written}".`)
      : notInRedshift(`type "${written}"`);
  if (type.arrayBounds?.length) {
    throw where.column
      ? new SqlError(`Column "${where.column}" has unsupported type "${written}[]".`)
      : notInRedshift('an array type');
  }
  if (type.setof) throw refuse();
  if (type.names.length > 2 || (type.names.length === 2 && type.names[0]?.String.sval !== 'pg_catalog'))
    throw refuse();
  if (unserved.has(written)) throw notServed(`type ${written.toUpperCase()}`);
  if (written.includes('serial')) throw refuse();
  const name = spelling[written] ?? written;
  const rename = (to: string, typmods?: number[]): TypeNameNode => ({
    ...type,
    names: [{ String: { sval: 'pg_catalog' } }, { String: { sval: to } }],
    ...(typmods ? { typmods: typmods.map(typmod) } : {}),
  });
  if (plain.has(name)) {
    if (type.typmods?.length) throw notInRedshift(`a precision on type ${name}`);
    return rename(name);
  }
  if (name === 'numeric') {
    const [precision = 18, scale = 0] = (type.typmods ?? []).map((mod) => mod.A_Const?.ival?.ival ?? 0);
    if (precision < 1 || precision > 38)
      throw new SqlError(`DECIMAL precision ${precision} must be between 1 and 38`);
    if (scale < 0 || scale > Math.min(37, precision)) {
      throw new SqlError(`DECIMAL scale ${scale} must be between 0 and precision ${precision}`);
    }
    return rename('numeric', [precision, scale]);
  }
  if (name === 'varchar' || name === 'bpchar') {
    const fallback = name === 'varchar' ? 256 : 1;
    const width = type.typmods?.length ? (type.typmods[0]?.A_Const?.ival?.ival ?? 0) : fallback;
    if (width < 1)
      throw new SqlError(`length for type ${name === 'varchar' ? 'varchar' : 'char'} must be at least 1`);
    if (width > maximumBytes[name]) {
      throw new SqlError(
        `length for type ${name === 'varchar' ? 'varchar' : 'char'} cannot exceed ${maximumBytes[name]}`,
      );
    }
    return rename(name, [width]);
  }
  if (name === 'interval' && where.cast) return type;
  if (name === 'interval') throw notServed('an INTERVAL column');
  throw refuse();
}
