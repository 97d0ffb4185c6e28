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

/** A line to paste that asks it. */
export function psqlLine(laptop: Laptop, lab: DeployedLab, sql: string): string {
  const { host, port, user, password, database } = warehouseAccess(laptop, lab);
  return `PGPASSWORD=${password} psql -h ${host} -p ${port} -U ${user} ${database} -c '${sql}'`;
}
