import { createHash } from 'node:crypto';
import { text, timestamp } from '../shared/sql-literals.ts';
import { dropOrder, slotOrder } from './drop.ts';
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
 * The staging table of one run, by its name: its load takes several calls, a temporary table dies between them, so each run has
 * a real one of its own, which a repetition finds again.
 */
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

/**
 * One row: {staged, positions}, of one pass over the staging table. `positions` counts distinct keys: Redshift does not
 * enforce a primary key.
 */
export function reconcileStatement(layout: ReportLayout, run: string): string {
  const key = layout.key.join(', ');
  return (
    'SELECT COALESCE(SUM(copies), 0) AS staged, COUNT(*) AS positions ' +
    `FROM (SELECT COUNT(*) AS copies FROM ${stagingTable(run)} GROUP BY ${key}) AS by_position`
  );
}

/**
 * The swap, in one transaction: history and ledger always, current positions only when no newer drop is current (or
 * when forced). Rows are deleted by their key before they are written, and the ledger's row is changed if it is there, so
 * that a repetition leaves the same tables.
 *
 * The last statement returns one row: {is_current, is_unchanged}. `is_current`: the drop is now what the shop front reads.
 * `is_unchanged`: its CSV has the same bytes as that of the last drop before its slot. Earlier drops of the same slot are
 * left out of that: they are corrections, or the same report written again.
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
  /** The ledger's columns after its key. */
  const ledger: Record<string, string> = {
    drop_date: `${text(drop.drop.date)}::DATE`,
    drop_slot: text(drop.drop.slot),
    drop_sha256: text(drop.drop.sha256),
    modified_at_ms: String(drop.drop.modifiedAt),
    transform_version: text(drop.transformVersion),
    drop_order: order,
    archive_key: text(o.archiveKey),
    csv_key: text(drop.csvKey),
    csv_sha256: text(drop.csvSha256),
    run: text(o.run),
    forced: o.force ? 'TRUE' : 'FALSE',
    outcome: `CASE WHEN ${replaces} THEN 'current' ELSE 'history' END`,
    rows_in: String(drop.rowsIn),
    rows_loaded: String(drop.rowsOut),
    rows_rejected: String(drop.rowsRejected),
    modified_at: timestamp(new Date(drop.drop.modifiedAt).toISOString()),
    collected_at: timestamp(drop.collectedAt),
    transformed_at: timestamp(drop.transformedAt),
    staged_at: timestamp(o.stagedAt),
    loaded_at: 'GETDATE()',
  };
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
    `UPDATE ${schema}.load_ledger SET ${assignments(ledger)} ` +
      `WHERE load_key = ${loadKey} AND modified_at_ms <= ${drop.drop.modifiedAt}`,
    `INSERT INTO ${schema}.load_ledger (load_key, ${Object.keys(ledger).join(', ')}) ` +
      `SELECT ${loadKey}, ${Object.values(ledger).join(', ')} ` +
      `WHERE NOT EXISTS (SELECT 1 FROM ${schema}.load_ledger WHERE load_key = ${loadKey})`,
    `DELETE FROM ${schema}.current_drop WHERE ${replaces}`,
    `INSERT INTO ${schema}.current_drop (load_key, drop_order) SELECT ${loadKey}, ${order} ` +
      `WHERE NOT EXISTS (SELECT 1 FROM ${schema}.current_drop)`,
    `DROP TABLE ${staging}`,
    `SELECT (SELECT COUNT(*) FROM ${schema}.current_drop WHERE load_key = ${loadKey}) > 0 AS is_current, ` +
      `(SELECT COUNT(*) FROM ${schema}.load_ledger WHERE csv_sha256 = ${text(drop.csvSha256)} AND drop_order = ` +
      `(SELECT MAX(drop_order) FROM ${schema}.load_ledger WHERE drop_order < ${text(slotOrder(drop.drop))})) > 0 AS is_unchanged`,
  ];
}

/** SET clauses that leave `outcome` at its best, and `csv_key` where the same content was first loaded from. */
function assignments(ledger: Record<string, string>): string {
  const kept: Record<string, string> = {
    csv_key: `CASE WHEN csv_sha256 = ${ledger.csv_sha256} THEN csv_key ELSE ${ledger.csv_key} END`,
    outcome: `CASE WHEN outcome = 'current' THEN outcome ELSE ${ledger.outcome} END`,
  };
  return Object.entries(ledger)
    .map(([column, value]) => `${column} = ${kept[column] ?? value}`)
    .join(', ');
}

export function discardStatement(run: string): string {
  return `DROP TABLE IF EXISTS ${stagingTable(run)}`;
}
