import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { CdkCustomResourceEvent, CdkCustomResourceResponse } from 'aws-lambda';
import { LabError } from '../../domain/errors.ts';
import {
  type MigrationProperties,
  migrateEnvironment,
  migrationsFolder,
} from '../../domain/warehouse/contract.ts';
import { type Migration, pendingMigrations, splitStatements } from '../../domain/warehouse/migrations.ts';
import { DataApi } from '../shared/data-api.ts';
import { readEnvironment } from '../shared/environment.ts';

const environment = readEnvironment(migrateEnvironment);
const api = new DataApi({
  workgroupName: environment.WORKGROUP_NAME,
  database: environment.DATABASE_NAME,
  secretArn: environment.ADMIN_SECRET,
});

/** A first statement may have to wake the warehouse. */
const patienceMs = 13 * 60_000;

/**
 * Applies what the ledger does not know yet, each migration with its ledger row in one transaction: a deploy that dies
 * in between goes on where it stopped. Deleting the resource changes nothing: the data outlives the schema's stack.
 */
export async function handler(event: CdkCustomResourceEvent): Promise<CdkCustomResourceResponse> {
  const { Ledger: ledger } = event.ResourceProperties as unknown as MigrationProperties;
  const response = { PhysicalResourceId: `migrations-${ledger}` };
  if (event.RequestType === 'Delete') return response;

  await run([
    `CREATE TABLE IF NOT EXISTS public.${ledger} (version VARCHAR(20) NOT NULL, name VARCHAR(200) NOT NULL, ` +
      'checksum CHAR(64) NOT NULL, applied_at TIMESTAMP NOT NULL)',
  ]);
  const applied = await api.rows(
    await run([`SELECT version, checksum FROM public.${ledger} ORDER BY version`]),
  );
  const pending = pendingMigrations(
    await migrations(),
    applied.map((row) => ({ version: String(row.version), checksum: String(row.checksum) })),
  );
  for (const migration of pending) {
    const statements = splitStatements(migration.sql);
    // The Data API takes 40 statements a transaction, and the ledger's row is one of them.
    if (statements.length > 39)
      throw new LabError('MigrationTooLong', `${migration.version}: ${statements.length}`);
    await run([
      ...statements,
      `INSERT INTO public.${ledger} VALUES ('${migration.version}', '${migration.name}', '${migration.checksum}', GETDATE())`,
    ]);
  }
  return { ...response, Data: { Applied: pending.map((migration) => migration.version).join(',') } };
}

async function migrations(): Promise<Migration[]> {
  const folder = fileURLToPath(new URL(migrationsFolder, import.meta.url));
  const names = (await readdir(folder)).sort();
  return Promise.all(
    names.map(async (file) => {
      const sql = await readFile(`${folder}/${file}`, 'utf8');
      const match = /^(\d{4})_([a-z0-9_]+)\.sql$/.exec(file);
      if (!match) throw new LabError('MigrationNameInvalid', file);
      return {
        version: match[1] as string,
        name: match[2] as string,
        sql,
        checksum: createHash('sha256').update(sql).digest('hex'),
      };
    }),
  );
}

async function run(sqls: string[]): Promise<string> {
  // A new token each time: CloudFormation calls again only after this call has ended, and the ledger says what is done.
  const id = await api.submit(sqls, 'migrate', crypto.randomUUID());
  const state = await api.wait(id, patienceMs);
  if (state.status !== 'finished') {
    throw new LabError(
      'MigrationFailed',
      state.status === 'failed' ? state.error : 'the statement is still running',
    );
  }
  return id;
}
