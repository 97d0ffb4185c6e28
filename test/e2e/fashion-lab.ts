import pg from 'pg';
import { createProgress } from '../../local/core/progress.ts';
import { FashionDriver } from '../../local/fashion/driver.ts';
import { type DeployedLab, type Laptop, startLaptop } from '../../local/laptop.ts';

export interface FashionLab {
  laptop: Laptop;
  lab: DeployedLab;
  driver: FashionDriver;
  /** Rows of a query on the warehouse's PostgreSQL, as its superuser. */
  query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]>;
  close(): Promise<void>;
}

/** The whole lab on a laptop of its own: emulator, PostgreSQL, deployed stack, the client's SFTP server. */
export async function openFashionLab(): Promise<FashionLab> {
  const progress = createProgress({ quiet: true });
  const laptop = await startLaptop(progress);
  try {
    const lab = await laptop.deploy('FashionInventory', progress);
    const driver = await FashionDriver.open(laptop, lab);
    const { host, port, user, password } = laptop.postgres;
    const pool = new pg.Pool({
      host,
      port,
      user,
      password,
      database: lab.assembly.workgroups[0]?.database,
      max: 2,
    });
    pool.on('error', () => undefined); // the server is stopped under idle connections
    return {
      laptop,
      lab,
      driver,
      query: async <Row extends pg.QueryResultRow>(sql: string) => (await pool.query<Row>(sql)).rows,
      close: async () => {
        await pool.end();
        await driver.close();
        await laptop.stop();
      },
    };
  } catch (error) {
    await laptop.stop();
    throw error;
  }
}

/** Waits of an execution that a test shortens: none. */
export const noWaits = { lookSeconds: 0, retrySeconds: 0, statementSeconds: 0 };
