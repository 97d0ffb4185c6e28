import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { DeployedLab, Laptop } from './laptop.ts';

/** How to reach the PostgreSQL behind a lab's warehouse, as its superuser. */
export function warehouseAccess({ postgres }: Laptop, { assembly }: DeployedLab) {
  const { host, port, user, password } = postgres;
  return { host, port, user, password, database: assembly.workgroups[0]?.database ?? '' };
}

/** Connections to it, for queries; to be ended before the laptop stops. */
export function warehousePool(laptop: Laptop, lab: DeployedLab, max: number): pg.Pool {
  const pool = new pg.Pool({ ...warehouseAccess(laptop, lab), max });
  pool.on('error', () => undefined); // the server is stopped under idle connections
  return pool;
}

/** How to reach it as a login of PostgreSQL that holds the reader's role of the lab and no other. */
export async function readerAccess(laptop: Laptop, lab: DeployedLab) {
  const access = warehouseAccess(laptop, lab);
  const role = lab.assembly.reader?.databaseRole ?? '';
  const [user, password] = [`${role}_login`, randomBytes(12).toString('hex')];
  const client = new pg.Client(access);
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [user]);
    await client.query(`${rowCount ? 'ALTER' : 'CREATE'} ROLE ${user} LOGIN PASSWORD '${password}'`);
    await client.query(`GRANT ${role} TO ${user}`);
  } finally {
    await client.end();
  }
  return { ...access, user, password };
}

/** A line to paste that asks it, as the lab's reader. */
export async function psqlLine(laptop: Laptop, lab: DeployedLab, sql: string): Promise<string> {
  const { host, port, user, password, database } = await readerAccess(laptop, lab);
  return `PGPASSWORD=${password} psql -h ${host} -p ${port} -U ${user} ${database} -c '${sql}'`;
}
