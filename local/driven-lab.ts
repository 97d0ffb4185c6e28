import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type pg from 'pg';
import type { Progress } from './core/progress.ts';
import { logicalIdOf } from './function-processes.ts';
import { type DeployedLab, type Laptop, startLaptop } from './laptop.ts';
import { warehousePool } from './warehouse.ts';

/** A lab on a laptop, with what is outside of AWS for it: for whatever drives it, commands, benches and tests. */
export interface DrivenLab {
  laptop: Laptop;
  lab: DeployedLab;
  /** An output of the stack. */
  output(name: string): string;
  /** Rows of a query on the warehouse's PostgreSQL, as its superuser. */
  query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]>;
  /** Closes what was opened for it; the laptop stays up. */
  disconnect(): Promise<void>;
  /** Stops the laptop too. */
  close(): Promise<void>;
}

export interface Driving {
  /** Queries on its warehouse that may run at a time. */
  queriesAtOnce: number;
  /** Ends what a lab has besides: what is outside of AWS, its clients. */
  end(): Promise<void>;
}

/** What every driven lab has. */
export function drivenLab(laptop: Laptop, lab: DeployedLab, { queriesAtOnce, end }: Driving): DrivenLab {
  const pool = warehousePool(laptop, lab, queriesAtOnce);
  const disconnect = async () => {
    await end();
    await pool.end();
  };
  return {
    laptop,
    lab,
    output: (name) => outputOfStack(lab, name),
    query: async <Row extends pg.QueryResultRow>(sql: string) => (await pool.query<Row>(sql)).rows,
    disconnect,
    close: async () => {
      await disconnect();
      await laptop.stop();
    },
  };
}

/** Starts a laptop for one lab; where the lab does not come up, the laptop is stopped and its logs are kept. */
export async function onOwnLaptop<Lab extends DrivenLab>(
  progress: Progress,
  deploy: (laptop: Laptop) => Promise<Lab>,
): Promise<Lab> {
  const laptop = await startLaptop(progress);
  try {
    return await deploy(laptop);
  } catch (error) {
    laptop.runDirectory.keep();
    await laptop.stop();
    throw error;
  }
}

export function outputOfStack({ stack, outputs }: DeployedLab, name: string): string {
  const value = outputs[name];
  if (value === undefined) throw new Error(`stack ${stack} has no output ${name}`);
  return value;
}

/** Fills in a secret that the stack made empty. */
export async function fillInSecret({ clients }: Laptop, secretArn: string, value: object): Promise<void> {
  const secrets = new SecretsManagerClient(clients);
  try {
    await secrets.send(
      new PutSecretValueCommand({ SecretId: secretArn, SecretString: JSON.stringify(value) }),
    );
  } finally {
    secrets.destroy();
  }
}

/** The name under which a function of the stack goes through the proxy. @param name its construct's */
export function callerOf({ lab }: Pick<DrivenLab, 'lab'>, name: string): string {
  return `${lab.stack}/${logicalIdOf(lab, name)}`;
}
