import { createHash } from 'node:crypto';
import { dropOrder } from './drop.ts';
import type { Transformed } from './events.ts';
import type { ReportLayout } from './layout.ts';

/**
 * The statements of one load, in Redshift's dialect. Each function returns one Data API batch, which Redshift runs as
 * one transaction. BatchExecuteStatement is used without parameters, so values go through {@link text}: they are our
 * own hashes, dates and keys, and are quoted all the same.
 */
export const schema = 'fashion';
export const stagingSchema = 'fashion_staging';

/**
 * A SQL string. Redshift reads a backslash in a plain literal as an escape and PostgreSQL does not, so none is written
 * into one: a workbook that a person put back may have any name.
 */
export function text(value: string): string {
  if (value.includes('\0')) throw new Error('a SQL literal cannot hold a NUL character');
  const literals = value.split('\\').map((part) => `'${part.replaceAll("'", "''")}'`);
  return literals.length === 1 ? (literals[0] as string) : `(${literals.join(' || CHR(92) || ')})`;
}

/** The staging table of one run: temporary tables die between Data API calls, so each load has a real one of its own. */
export function stagingTable(run: string): string {
  return `${stagingSchema}.load_${createHash('sha256').update(run).digest('hex').slice(0, 24)}`;
}

const columnList = (layout: ReportLayout) => layout.columns.map((column) => column.name).join(', ');

/** Rows of the ledger that make this arrival a repetition: same load key, not older. One row: {loads}. */
export function checkStatement(drop: Transformed): string {
  return (
    `SELECT COUNT(*) AS loads FROM ${schema}.load_ledger ` +
    `WHERE load_key = ${text(drop.loadKey)} AND modified_at_ms >= ${drop.drop.modifiedAt}`
  );
}

/** Makes the staging table and copies the CSV into it. Repeating it starts afresh. */
export function stageStatements(o: {
  layout: ReportLayout;
  run: string;
  manifestUrl: string;
  copyRoleArn: string;
}): string[] {
  const staging = stagingTable(o.run);
  return [
    `DROP TABLE IF EXISTS ${staging}`,
    `CREATE TABLE ${staging} (LIKE ${schema}.report_template)`,
    // EMPTYASNULL: without it an empty VARCHAR field loads as '' and an empty optional cell would not be NULL.
    // COMPUPDATE and STATUPDATE off: both would sample and analyze a table that lives for seconds.
    `COPY ${staging} (${columnList(o.layout)}) FROM ${text(o.manifestUrl)} IAM_ROLE ${text(o.copyRoleArn)} ` +
      `MANIFEST FORMAT AS CSV IGNOREHEADER 1 EMPTYASNULL DATEFORMAT 'YYYY-MM-DD' COMPUPDATE OFF STATUPDATE OFF`,
  ];
}

/** One row: {staged, positions}. `positions` counts distinct keys: Redshift does not enforce a primary key. */
export function reconcileStatement(layout: ReportLayout, run: string): string {
  const staging = stagingTable(run);
  const key = layout.key.join(', ');
  return (
    `SELECT (SELECT COUNT(*) FROM ${staging}) AS staged, ` +
    `(SELECT COUNT(*) FROM (SELECT ${key} FROM ${staging} GROUP BY ${key}) AS distinct_positions) AS positions`
  );
}

/**
 * The swap, in one transaction: history and ledger always, current positions only when no newer drop is current (or
 * when forced). Everything is deleted by its key before it is written, so that a repetition leaves the same tables.
 * The last statement returns one row: {outcome, loaded_at}.
 */
export function publishStatements(o: {
  layout: ReportLayout;
  run: string;
  drop: Transformed;
  archiveKey: string;
  stagedAt: string;
  force: boolean;
}): string[] {
  const { drop } = o;
  const staging = stagingTable(o.run);
  const columns = columnList(o.layout);
  const order = text(dropOrder(drop.drop));
  const loadKey = text(drop.loadKey);
  const replaces = o.force
    ? 'TRUE'
    : `NOT EXISTS (SELECT 1 FROM ${schema}.current_drop WHERE drop_order > ${order})`;
  const dropColumns = 'drop_date, drop_slot, drop_sha256';
  const dropValues = `${text(drop.drop.date)}::DATE, ${text(drop.drop.slot)}, ${text(drop.drop.sha256)}`;
  return [
    // LOCK is exclusive even for readers in Redshift: hence a table of its own that nobody reads.
    `LOCK ${schema}.load_lock`,
    // One set of rows a drop, by the transform version that was loaded last.
    `DELETE FROM ${schema}.position_history WHERE drop_date = ${text(drop.drop.date)} ` +
      `AND drop_slot = ${text(drop.drop.slot)} AND drop_sha256 = ${text(drop.drop.sha256)}`,
    `INSERT INTO ${schema}.position_history (${dropColumns}, load_key, ${columns}) ` +
      `SELECT ${dropValues}, ${loadKey}, ${columns} FROM ${staging}`,
    // DELETE, not TRUNCATE: TRUNCATE commits, and the shop front would see an empty table.
    `DELETE FROM ${schema}.current_positions WHERE ${replaces}`,
    `INSERT INTO ${schema}.current_positions (load_key, ${columns}) ` +
      `SELECT ${loadKey}, ${columns} FROM ${staging} WHERE ${replaces}`,
    // The same content may come twice in a slot: the ledger keeps the later of the two.
    `DELETE FROM ${schema}.load_ledger WHERE load_key = ${loadKey} AND modified_at_ms <= ${drop.drop.modifiedAt}`,
    `INSERT INTO ${schema}.load_ledger (load_key, drop_date, drop_slot, drop_sha256, modified_at_ms, transform_version, ` +
      `drop_order, archive_key, csv_key, run, forced, outcome, rows_in, rows_loaded, rows_rejected, ` +
      `modified_at, collected_at, transformed_at, staged_at, loaded_at) ` +
      `SELECT ${loadKey}, ${dropValues}, ${drop.drop.modifiedAt}, ${text(drop.transformVersion)}, ${order}, ` +
      `${text(o.archiveKey)}, ${text(drop.csvKey)}, ${text(o.run)}, ${o.force ? 'TRUE' : 'FALSE'}, ` +
      `CASE WHEN ${replaces} THEN 'current' ELSE 'history' END, ` +
      `${drop.rowsIn}, ${drop.rowsOut}, ${drop.rowsRejected}, ` +
      `${timestamp(new Date(drop.drop.modifiedAt).toISOString())}, ${timestamp(drop.collectedAt)}, ` +
      `${timestamp(drop.transformedAt)}, ${timestamp(o.stagedAt)}, GETDATE() ` +
      `WHERE NOT EXISTS (SELECT 1 FROM ${schema}.load_ledger WHERE load_key = ${loadKey})`,
    `DELETE FROM ${schema}.current_drop WHERE ${replaces}`,
    `INSERT INTO ${schema}.current_drop (load_key, drop_order) SELECT ${loadKey}, ${order} ` +
      `WHERE NOT EXISTS (SELECT 1 FROM ${schema}.current_drop)`,
    `DROP TABLE ${staging}`,
    `SELECT outcome, loaded_at FROM ${schema}.load_ledger WHERE load_key = ${loadKey}`,
  ];
}

export function discardStatement(run: string): string {
  return `DROP TABLE IF EXISTS ${stagingTable(run)}`;
}

/** ISO 8601 in UTC to a TIMESTAMP literal (which has no zone; the warehouse runs in UTC). */
function timestamp(iso: string): string {
  return `${text(iso.replace('T', ' ').replace('Z', ''))}::TIMESTAMP`;
}
