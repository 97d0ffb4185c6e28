import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import pg from 'pg';
import { LoadFailed, runCopy } from './copy-run.ts';
import type { SqlParameter } from './parameters.ts';
import { describeColumns, type ResultSet } from './results.ts';
import { notInRedshift, SqlError } from './sql-error.ts';
import { quoteIdentifier } from './tokens.ts';
import { type Plan, type Requirement, translate } from './translate.ts';
import type { DatabaseIdentity, Warehouse } from './warehouse.ts';

/** Largest result, as the Data API states it. */
const maximumResultBytes = 500 * 1024 * 1024;

/** One statement of a call while it runs. */
export interface Step {
  sql: string;
  queryId: number;
}

/** What one statement left. */
export interface Outcome {
  /** Rows returned, or changed, or loaded. */
  rows: number;
  result?: ResultSet;
}

export interface Execution {
  database: string;
  identity: DatabaseIdentity;
  steps: Step[];
  parameters: readonly SqlParameter[];
  s3For: (roleArn: string) => Promise<S3Client>;
  /** Aborted by CancelStatement and by close. */
  signal: AbortSignal;
  onConnected: (backendPid: number) => void;
  onStepStarted: (index: number) => void;
  onStepFinished: (index: number, outcome: Outcome) => void;
}

/** A statement failed; `index` says which. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
  readonly index: number;

  constructor(index: number, cause: unknown) {
    super(`statement ${index + 1} failed`, { cause });
    this.index = index;
  }
}

/**
 * Runs the statements of one call as one transaction on a session of its own: temporary tables and settings die with it.
 * The transaction is REPEATABLE READ, which is snapshot isolation, Redshift's default for new databases; two
 * transactions that change the same rows: the later one fails with 1023. TRUNCATE commits all that ran before it.
 * Throws StepFailed; everything not committed by a TRUNCATE is rolled back then.
 */
export async function execute(warehouse: Warehouse, run: Execution): Promise<void> {
  const plans = plan(run);
  const client = await warehouse.session(run.database, run.identity);
  const pid = backendPid(client);
  let hasEnded = false;
  const cancel = async () => {
    try {
      // Again and again: a session that is between two queries takes no notice.
      for (; !hasEnded; await sleep(50)) {
        // Straight to the backend: the session's own connection is busy with the statement.
        await warehouse.asSuperuser(run.database, (other) =>
          other.query('SELECT pg_cancel_backend($1)', [pid]),
        );
      }
    } catch {
      await client.end().catch(() => {});
    }
  };
  run.signal.addEventListener('abort', cancel, { once: true });
  let index = 0;
  try {
    run.onConnected(pid);
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    for (; index < plans.length; index++) {
      run.signal.throwIfAborted();
      run.onStepStarted(index);
      const statement = plans[index] as Plan;
      run.onStepFinished(index, await runStep(client, statement, run));
      if (statement.kind === 'sql' && statement.commits) {
        await client.query('COMMIT');
        await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      }
    }
    run.signal.throwIfAborted();
    index = plans.length - 1;
    await client.query('COMMIT');
  } catch (error) {
    hasEnded = true;
    await client.query('ROLLBACK').catch(() => {});
    if (error instanceof LoadFailed) await recordLoadError(warehouse, run, index, pid, error).catch(() => {});
    throw new StepFailed(index, error);
  } finally {
    hasEnded = true;
    run.signal.removeEventListener('abort', cancel);
    await client.end().catch(() => {});
  }
}

function backendPid(client: pg.Client): number {
  return (client as pg.Client & { processID: number }).processID;
}

/** All statements are read before the first one runs: a refused one costs nothing. */
function plan(run: Execution): Plan[] {
  const used = new Set<string>();
  const plans = run.steps.map(({ sql }, index) => {
    try {
      const made = translate(sql, run.parameters, used);
      if (made.kind === 'sql' && made.alone && run.steps.length > 1) {
        throw new SqlError('ALTER TABLE ALTER COLUMN cannot run inside a transaction block');
      }
      return made;
    } catch (error) {
      throw new StepFailed(index, error);
    }
  });
  const unused = run.parameters.map(({ name }) => name).filter((name) => !used.has(name));
  if (unused.length > 0) {
    throw new StepFailed(
      0,
      new SqlError(`Parameters list contains unused parameters. Unused parameters: [${unused.join(', ')}]`),
    );
  }
  return plans;
}

async function runStep(client: pg.Client, statement: Plan, run: Execution): Promise<Outcome> {
  if (statement.kind === 'copy') {
    const s3 = await untilAborted(run.s3For(statement.copy.roleArn), run.signal).catch((error) => {
      run.signal.throwIfAborted();
      const { name, message } = error as Error;
      throw new SqlError(`S3ServiceException:${message},Status 403,Error ${name},CanRetry 0`);
    });
    const rows = await runCopy(client, statement.copy, s3, run.signal);
    await client.query("SELECT set_config('redshift.last_copy_count', $1, false)", [String(rows)]);
    return { rows };
  }
  for (const requirement of statement.requires) await require(client, requirement);
  const outcome = await query(client, statement.sql, statement.values);
  if (statement.after) await client.query(statement.after);
  return outcome;
}

/** A promise that also ends when the signal does: the work behind it may never come back. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}

async function require(client: pg.Client, requirement: Requirement): Promise<void> {
  if (requirement.kind === 'table') {
    const name = [requirement.schema, requirement.name].filter((part) => part !== undefined);
    const { rows } = await client.query('SELECT pg_catalog.to_regclass($1) AS found', [
      name.map((part) => quoteIdentifier(part)).join('.'),
    ]);
    if (!rows[0].found) throw new SqlError(`relation "${name.join('.')}" does not exist`);
    return;
  }
  const { rows } = await client.query(
    "SELECT coalesce(pg_catalog.shobj_description(oid, 'pg_authid'), '') = 'user' AS is_user FROM pg_catalog.pg_roles WHERE rolname = $1",
    [requirement.name],
  );
  if (rows.length === 0 || rows[0].is_user !== (requirement.kind === 'user')) {
    throw new SqlError(`${requirement.kind} "${requirement.name}" does not exist`);
  }
}

/** Runs a statement and keeps its rows as text, up to the Data API's limit. */
async function query(client: pg.Client, text: string, values: string[]): Promise<Outcome> {
  const rows: (string | null)[][] = [];
  let bytes = 0;
  const asText = { getTypeParser: () => (value: string) => value };
  const statement = new pg.Query({ text, values, rowMode: 'array', types: asText } as pg.QueryArrayConfig);
  const done = new Promise<pg.ResultBuilder>((resolve, reject) => {
    statement.on('row', (row: (string | null)[]) => {
      for (const value of row) bytes += value === null ? 0 : Buffer.byteLength(value);
      if (bytes <= maximumResultBytes) rows.push(row);
    });
    statement.on('end', resolve);
    statement.on('error', reject);
  });
  client.query(statement);
  const { fields, rowCount } = await done;
  if (bytes > maximumResultBytes) throw notInRedshift(`a result above ${maximumResultBytes} bytes`);
  if (fields.length === 0) return { rows: rowCount ?? 0 };
  return {
    rows: rows.length,
    result: {
      columns: await describeColumns(client, fields),
      types: fields.map((field) => field.dataTypeID),
      rows,
      bytes,
    },
  };
}

/** Written after the rollback and outside of it, so that the reason for a failed load can be read. */
async function recordLoadError(
  warehouse: Warehouse,
  run: Execution,
  index: number,
  pid: number,
  error: LoadFailed,
): Promise<void> {
  const { detail } = error;
  await warehouse.asSuperuser(run.database, (client) =>
    client.query(
      `INSERT INTO redshift_system.load_errors
         SELECT $1, (SELECT oid::int8::int FROM pg_roles WHERE rolname = $1), $2, 0, $3, current_database(), $4,
                statement_timestamp() AT TIME ZONE 'UTC', $5, $6, $7, $8, $9, 0, $10, $11`,
      [
        run.identity.databaseUser,
        run.steps[index]?.queryId ?? 0,
        pid,
        detail.tableId,
        detail.fileName,
        detail.lineNumber,
        detail.columnName,
        detail.columnType,
        detail.columnLength,
        detail.errorCode,
        detail.errorMessage,
      ],
    ),
  );
}
