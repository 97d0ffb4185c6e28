import pg from 'pg';
import { LabError } from '../../domain/errors.ts';
import { systemSchemaSql } from './system-schema.ts';
import { quoteIdentifier } from './tokens.ts';

/** A superuser of the local PostgreSQL. */
export interface PostgresServer {
  host: string;
  port: number;
  user: string;
  password: string;
}

/** A Redshift Serverless workgroup and the databases of its namespace. */
export interface Workgroup {
  name: string;
  databases: string[];
  /** @default built from region, account and name */
  arn?: string;
}

/** Who runs a statement inside the database. */
export interface DatabaseIdentity {
  /** `IAMR:<role>` or the admin. */
  databaseUser: string;
  /** Roles the IAM tag RedshiftDbRoles names; those that exist are granted for as long as the tag names them. */
  databaseRoles: string[];
  admin: boolean;
}

/** Connects as superuser. Sessions time out neither on statements nor on locks; a client that is gone ends its query. */
export async function connect(server: PostgresServer, database: string): Promise<pg.Client> {
  const client = new pg.Client({
    ...server,
    database,
    application_name: 'redshift-data',
    options: [
      'TimeZone=UTC',
      'DateStyle=ISO,MDY',
      'IntervalStyle=postgres',
      'client_encoding=UTF8',
      'standard_conforming_strings=on',
      'bytea_output=hex',
      'jit=off',
      // Tables have no index, as in Redshift, and new ones no statistics: PostgreSQL would compare each row with each.
      'enable_nestloop=off',
      'client_connection_check_interval=1000',
      'default_transaction_isolation=repeatable\\ read',
    ]
      .map((setting) => `-c ${setting}`)
      .join(' '),
  });
  // A connection that breaks while idle must not end the process; the next query on it fails.
  client.on('error', () => {});
  await client.connect();
  return client;
}

/**
 * The PostgreSQL behind the workgroups: one database per Redshift database, the admin as its owner but no superuser,
 * so that permissions are checked as in Redshift. Text compares by bytes and upper-cases by Unicode (`C.UTF-8`).
 */
export class Warehouse {
  readonly #server: PostgresServer;
  readonly #admin: string;
  #provisioning: Promise<unknown> = Promise.resolve();

  private constructor(server: PostgresServer, admin: string) {
    this.#server = server;
    this.#admin = admin;
  }

  /** Creates what is missing. Throws LabError WarehouseDatabaseTwice when two workgroups name one database. */
  static async open(
    server: PostgresServer,
    workgroups: readonly Workgroup[],
    admin: string,
  ): Promise<Warehouse> {
    const databases = workgroups.flatMap((workgroup) => workgroup.databases);
    const twice = databases.find((name, index) => databases.indexOf(name) !== index);
    if (twice) throw new LabError('WarehouseDatabaseTwice', twice);
    const warehouse = new Warehouse(server, admin);
    await using(server, 'postgres', async (client) => {
      await ensureRole(client, admin);
      await client.query(`ALTER ROLE ${quoteIdentifier(admin)} NOSUPERUSER CREATEROLE`);
      for (const name of databases) {
        const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
        if (rowCount) continue;
        await client.query(
          `CREATE DATABASE ${quoteIdentifier(name)} OWNER ${quoteIdentifier(admin)} TEMPLATE template0 ENCODING 'UTF8'
             LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'`,
        );
        // PostgreSQL gave this right up with version 15.
        await using(server, name, (created) => created.query('GRANT CREATE ON SCHEMA public TO PUBLIC'));
      }
    });
    for (const name of databases)
      await using(server, name, (client) => client.query(systemSchemaSql).then(() => undefined));
    return warehouse;
  }

  /** A connection that acts as the caller, who exists and holds his roles from then on. */
  async session(database: string, identity: DatabaseIdentity): Promise<pg.Client> {
    const client = await connect(this.#server, database);
    try {
      if (!identity.admin) await this.#provision(client, identity);
      await client.query(
        `SET SESSION AUTHORIZATION ${quoteIdentifier(identity.admin ? this.#admin : identity.databaseUser)}`,
      );
      return client;
    } catch (error) {
      await client.end();
      throw error;
    }
  }

  /** Work as superuser on a connection of its own. */
  async asSuperuser<T>(database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    return using(this.#server, database, work);
  }

  /** One at a time: two first calls of one user would both create him. */
  #provision(client: pg.Client, identity: DatabaseIdentity): Promise<void> {
    const turn = this.#provisioning.then(() => this.#provisionNow(client, identity));
    this.#provisioning = turn.catch(() => {});
    return turn;
  }

  async #provisionNow(client: pg.Client, identity: DatabaseIdentity): Promise<void> {
    const user = quoteIdentifier(identity.databaseUser);
    await ensureRole(client, identity.databaseUser);
    // Redshift's admin is a superuser there: he sees and manages what every user owns.
    await client.query(`GRANT ${user} TO ${quoteIdentifier(this.#admin)} WITH INHERIT TRUE, SET FALSE`);
    const { rows } = await client.query(
      `SELECT r.rolname AS role FROM pg_auth_members m
         JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member JOIN pg_roles g ON g.oid = m.grantor
        WHERE u.rolname = $1 AND g.rolsuper`,
      [identity.databaseUser],
    );
    const held = new Set(rows.map((row) => row.role as string));
    const { rows: existing } = await client.query(
      `SELECT rolname AS role FROM pg_roles WHERE rolname = ANY($1) AND NOT rolsuper AND NOT rolcanlogin AND NOT rolcreaterole
          AND rolname !~ '^pg_' AND coalesce(shobj_description(oid, 'pg_authid'), '') <> 'user'`,
      [identity.databaseRoles],
    );
    const wanted = new Set(existing.map((row) => row.role as string));
    for (const role of wanted)
      if (!held.has(role)) await client.query(`GRANT ${quoteIdentifier(role)} TO ${user}`);
    for (const role of held)
      if (!wanted.has(role)) await client.query(`REVOKE ${quoteIdentifier(role)} FROM ${user}`);
  }
}

/**
 * Sets a database aside, with the database roles that have rights in it, as a namespace that outlives its workgroup: it keeps
 * all it has, and nobody can ask it by the names that it had. Nobody may be connected.
 *
 * @param suffix of the names that database and roles have from then on
 */
export async function setDatabaseAside(
  server: PostgresServer,
  database: string,
  suffix: string,
): Promise<void> {
  await using(server, 'postgres', async (client) => {
    const { rows } = await client.query<{ role: string }>(
      `SELECT DISTINCT rolname AS role FROM pg_shdepend d JOIN pg_database b ON b.oid = d.dbid AND b.datname = $1
         JOIN pg_roles r ON d.refclassid = 'pg_authid'::regclass AND r.oid = d.refobjid
        WHERE NOT rolsuper AND NOT rolcanlogin AND coalesce(shobj_description(r.oid, 'pg_authid'), '') <> 'user'`,
      [database],
    );
    const renamed = (name: string) => `${quoteIdentifier(name)} RENAME TO ${quoteIdentifier(name + suffix)}`;
    await client.query(`ALTER DATABASE ${renamed(database)}`);
    for (const { role } of rows) await client.query(`ALTER ROLE ${renamed(role)}`);
  });
}

/** A user: a role that cannot log in, told from a database role by its comment. */
async function ensureRole(client: pg.Client, name: string): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [name]);
  if (rowCount) return;
  await client.query(`CREATE ROLE ${quoteIdentifier(name)} NOLOGIN`);
  await client.query(`COMMENT ON ROLE ${quoteIdentifier(name)} IS 'user'`);
}

async function using<T>(
  server: PostgresServer,
  database: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connect(server, database);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
