import { createHash } from 'node:crypto';
import type { CopiedObject } from '../shared/copy-manifest.ts';
import { text } from '../shared/sql-literals.ts';
import { tradingDaysOf } from './keys.ts';
import { rowColumns } from './rows.ts';

/** The statements of one load, in Redshift's dialect. The tables are made by stacks/stocks/migrations. */
export const schema = 'stocks';
const ticks = `${schema}.ticks`;
/** A temporary table: it is the transaction's own, needs no right to a schema, and nobody else's can be taken for it. */
const staging = 'staged_ticks';

/** Of the objects of one load, in any order: a repetition has the same. 24 hexadecimal digits. */
export function loadId(objects: readonly CopiedObject[]): string {
  const keys = [...new Set(objects.map(({ key }) => key))].sort();
  return createHash('sha256').update(keys.join('\n')).digest('hex').slice(0, 24);
}

/** Keys of the ledger that go into one statement: of 1,024 bytes each they would still be less than the 100,000 it may have. */
const keysPerStatement = 80;

/** A batch has at most 40 statements: 9, or 10 if it replaces, and two for each 80 objects. */
export const mostObjects = 15 * keysPerStatement;

/** Of a load that replaces: live loads wait for its transaction, and a replay's objects have up to 10,000 rows each. */
export const mostObjectsToPublish = 200;

/** Which statement of a load that replaces, from 1, returns one row: {ticks, rows_replaced, rows_added}. */
export const changesPart = 4;

const identity = ['symbol', 'venue', 'trading_day', 'trade_id'] as const;
const sameIdentity = (a: string, b: string) =>
  identity.map((column) => `${a}.${column} = ${b}.${column}`).join(' AND ');

/**
 * One load as one batch, which Redshift runs as one transaction: the objects' rows in a staging table, those of them that are
 * not in `ticks` into it, and the ledgers. Repeated, in pieces, overlapping or in another order it ends in the same ticks:
 * one row for each identity, a late one only if there is no other.
 *
 * A load that replaces takes the rows of a replay: those that `ticks` has otherwise, and those that it does not have. What is
 * the same stays, with the time of its load; see {@link isReplaced}. A live load cannot take that back.
 *
 * Of `ticks` it reads the days that the objects' keys say, or where they do not say them, those of the staged rows. It fails,
 * on a NULL for the ledger's rows_staged, where an object has rows of other days than that: they might be there already.
 *
 * The last statement returns one row: {rows_staged, oldest_at_ns, newest_at_ns}, both null for objects without rows.
 *
 * @param o objects: at most {@link mostObjects}, or {@link mostObjectsToPublish}; those of the manifest at `manifestUrl`
 */
export function loadStatements(o: {
  objects: readonly CopiedObject[];
  manifestUrl: string;
  copyRoleArn: string;
  /** @default false */
  replaces?: boolean | undefined;
}): string[] {
  const load = loadId(o.objects);
  const days = tradingDaysOf(o.objects.map(({ key }) => key));
  const columns = rowColumns.join(', ');
  // A transaction sees what was committed when its first query began. LOCK is none: it comes first, so that the load before
  // this one is seen. Exclusive even for readers in Redshift, hence on a table of its own that nobody reads.
  const lock = `LOCK ${schema}.load_lock`;
  // The sort key's first column: blocks of other days are not read. Redshift leaves out blocks by literals alone.
  const daysOf = (table: string) =>
    `${table}.trading_day BETWEEN ` +
    (days
      ? `${text(days.from)} AND ${text(days.to)}`
      : `(SELECT MIN(trading_day) FROM ${staging}) AND (SELECT MAX(trading_day) FROM ${staging})`);
  const rowsStaged = days
    ? `CASE WHEN MIN(trading_day) < ${text(days.from)} OR MAX(trading_day) > ${text(days.to)} THEN NULL ELSE COUNT(*) END`
    : 'COUNT(*)';
  const isNew = (row: string) =>
    `NOT EXISTS (SELECT 1 FROM ${ticks} AS t WHERE ${daysOf('t')} AND ${sameIdentity('t', row)})`;
  // A join and no correlated EXISTS: Redshift does not take those with inequalities.
  const goes = (tick: string) =>
    `${daysOf(tick)} AND ${sameIdentity(staging, tick)} AND ${o.replaces ? isReplaced(staging, tick) : isOutrun(staging, tick)}`;
  const distinct = (table: string) =>
    `SELECT DISTINCT ${identity.map((each) => `${table}.${each}`).join(', ')}`;
  const changes =
    'SELECT ticks, rows_replaced, rows_added FROM ' +
    `(SELECT COUNT(*) AS ticks FROM (${distinct(staging)} FROM ${staging}) AS a) AS given, ` +
    `(SELECT COUNT(*) AS rows_replaced FROM (${distinct('t')} FROM ${ticks} AS t, ${staging} WHERE ${goes('t')}) AS b) AS replaced, ` +
    `(SELECT COUNT(*) AS rows_added FROM (${distinct(staging)} FROM ${staging}) AS s WHERE ${isNew('s')}) AS added`;
  return [
    lock,
    `CREATE TEMP TABLE ${staging} (LIKE ${schema}.row_template)`,
    // EMPTYASNULL for what a late tick has no value of. COMPUPDATE and STATUPDATE off: both would sample and analyze a table
    // that lives for seconds.
    `COPY ${staging} (${columns}) FROM ${text(o.manifestUrl)} IAM_ROLE ${text(o.copyRoleArn)} ` +
      `MANIFEST FORMAT AS CSV GZIP IGNOREHEADER 1 EMPTYASNULL DATEFORMAT 'YYYY-MM-DD' COMPUPDATE OFF STATUPDATE OFF`,
    ...(o.replaces ? [changes] : []),
    `DELETE FROM ${ticks} USING ${staging} WHERE ${goes(ticks)}`,
    `INSERT INTO ${ticks} (${columns}, traded_at, loaded_at, freshness_ms) ` +
      `SELECT ${columns}, traded_at, loaded_at, DATEDIFF(millisecond, traded_at, loaded_at) FROM (` +
      `SELECT ${columns}, ${tradedAt} AS traded_at, ${loadedAt} AS loaded_at, ROW_NUMBER() OVER (` +
      `PARTITION BY ${identity.join(', ')} ORDER BY CASE WHEN trend = 'late' THEN 1 ELSE 0 END, received_ns, feed_token` +
      `) AS copy FROM ${staging}) AS s WHERE copy = 1 AND ${isNew('s')}`,
    `DELETE FROM ${schema}.load_ledger WHERE load_id = ${text(load)}`,
    `INSERT INTO ${schema}.load_ledger (load_id, rows_staged, oldest_at_ns, newest_at_ns, loaded_at) ` +
      `SELECT ${text(load)}, ${rowsStaged}, MIN(at_ns), MAX(at_ns), ${loadedAt} FROM ${staging}`,
    ...objectLedger(o.objects, load),
    // The session ends with the batch, and the table with it. Dropped here nothing depends on that.
    `DROP TABLE ${staging}`,
    `SELECT rows_staged, oldest_at_ns, newest_at_ns FROM ${schema}.load_ledger WHERE load_id = ${text(load)}`,
  ];
}

/**
 * Live rows: a tick may come late once more after its id has left the window, and that object may have been loaded first. It
 * is another record then, received at another time. The same record is late only where a replay found it so, and stays.
 */
const isOutrun = (staged: string, tick: string) =>
  `${tick}.trend = 'late' AND ${staged}.trend <> 'late' AND ${staged}.received_ns <> ${tick}.received_ns`;

/**
 * Rows of a replay: one that is not late replaces whatever there is of its tick. A late one replaces the row of the same
 * record, and a late one that was received after it; any other row is of a record that was in time, of this replay's other
 * objects or from outside its time. So it makes no difference in how many pieces, and how often, the objects come.
 */
const isReplaced = (staged: string, tick: string) =>
  `(${staged}.trend <> 'late' OR ${staged}.received_ns = ${tick}.received_ns ` +
  `OR (${tick}.trend = 'late' AND ${staged}.received_ns < ${tick}.received_ns)) ` +
  `AND (${rowColumns.map((column) => differs(`${staged}.${column}`, `${tick}.${column}`)).join(' OR ')})`;

const differs = (a: string, b: string) =>
  `${a} <> ${b} OR (${a} IS NULL AND ${b} IS NOT NULL) OR (${a} IS NOT NULL AND ${b} IS NULL)`;

/** at_ns to microseconds, in three steps: DATEADD takes an INTEGER, which the seconds would leave in 2038. */
const tradedAt =
  'DATEADD(microsecond, MOD(at_ns / 1000, 1000)::INTEGER, ' +
  'DATEADD(millisecond, MOD(at_ns / 1000000, 86400000)::INTEGER, ' +
  "DATEADD(day, (at_ns / 86400000000000)::INTEGER, '1970-01-01'::TIMESTAMP)))";

/** SYSDATE is the transaction's start to the microsecond, GETDATE the statement's start, in whole seconds: the later one. */
const loadedAt = 'CASE WHEN SYSDATE > GETDATE() THEN SYSDATE ELSE GETDATE() END';

function objectLedger(objects: readonly CopiedObject[], load: string): string[] {
  const byKey = [...new Map(objects.map((object) => [object.key, object])).values()];
  const statements: string[] = [];
  for (let from = 0; from < byKey.length; from += keysPerStatement) {
    const part = byKey.slice(from, from + keysPerStatement);
    const keys = part.map(({ key }) => text(key)).join(', ');
    const values = part.map(({ key, bytes }) => `(${text(key)}, ${bytes}, ${text(load)})`).join(', ');
    statements.push(
      `DELETE FROM ${schema}.object_ledger WHERE object_key IN (${keys})`,
      `INSERT INTO ${schema}.object_ledger (object_key, object_bytes, load_id) VALUES ${values}`,
    );
  }
  return statements;
}
