import { randomBytes } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type pg from 'pg';
import { symbols as allSymbols, type FeedSettings } from '../../domain/stocks/contract.ts';
import type { Template } from '../assembly.ts';
import type { TetheredProcess } from '../core/child-process.ts';
import type { Progress } from '../core/progress.ts';
import { type DeployedLab, type Laptop, startLaptop } from '../laptop.ts';
import { type Exchange, type ExchangeOptions, startExchange } from '../outside/exchange.ts';
import { warehousePool } from '../warehouse.ts';
import { startFeed } from './feed.ts';

/** The whole lab on a laptop of its own: stack, exchange, and tasks of the feed as they are started. */
export interface StocksLab {
  laptop: Laptop;
  lab: DeployedLab;
  exchange: Exchange;
  s3: S3Client;
  /** Starts a task of the feed. @param settings that differ from the template's */
  startFeed(name?: string, settings?: Partial<FeedSettings>): Promise<TetheredProcess>;
  output(name: string): string;
  /** Rows of a query on the warehouse's PostgreSQL, as its superuser. */
  query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]>;
  /** Stops the feeds and the exchange; the laptop stays up. */
  disconnect(): Promise<void>;
  /** Stops the laptop too. */
  close(): Promise<void>;
}

export interface StocksLabOptions {
  progress: Progress;
  exchange?: Partial<ExchangeOptions>;
  /** What of the laptop's copy of the template shall differ. */
  change?: (template: Template) => void;
}

/** Emulator, PostgreSQL, deployed stack, exchange. */
export async function openStocksLab(options: StocksLabOptions): Promise<StocksLab> {
  const laptop = await startLaptop(options.progress);
  try {
    return await deployStocksLab(laptop, options);
  } catch (error) {
    laptop.runDirectory.keep();
    await laptop.stop();
    throw error;
  }
}

/** The lab on a laptop that is up; `close` stops that laptop. */
export async function deployStocksLab(laptop: Laptop, options: StocksLabOptions): Promise<StocksLab> {
  const lab = await laptop.deploy('StockTrends', options.progress, options.change);
  const login = { key: 'LAPTOP', secret: randomBytes(16).toString('hex') };
  const exchange = await startExchange({
    seed: 1,
    symbols: allSymbols,
    ticksPerSecond: 200,
    ...login,
    ...options.exchange,
  });
  const output = (name: string) => {
    const value = lab.outputs[name];
    if (value === undefined) throw new Error(`stack ${lab.stack} has no output ${name}`);
    return value;
  };
  await fillInSecret(laptop, output('ProviderSecretArn'), {
    ...login,
    streamUrl: exchange.streamUrl,
    historyUrl: exchange.historyUrl,
  });
  const pool = warehousePool(laptop, lab, 3);
  const s3 = new S3Client({ ...laptop.clients, forcePathStyle: true });
  const feeds: TetheredProcess[] = [];
  const disconnect = async () => {
    await Promise.all(feeds.splice(0).map((feed) => feed.stop()));
    await exchange.stop();
    await pool.end();
    s3.destroy();
  };
  return {
    laptop,
    lab,
    exchange,
    s3,
    startFeed: async (name = `feed-${feeds.length + 1}`, settings = {}) => {
      // A made-up exchange knows no holidays.
      const feed = await startFeed(laptop, lab, name, { alwaysOpen: true, ...settings });
      feeds.push(feed);
      return feed;
    },
    output,
    query: async <Row extends pg.QueryResultRow>(sql: string) => (await pool.query<Row>(sql)).rows,
    disconnect,
    close: async () => {
      await disconnect();
      await laptop.stop();
    },
  };
}

async function fillInSecret(laptop: Laptop, secretArn: string, value: object): Promise<void> {
  const secrets = new SecretsManagerClient(laptop.clients);
  try {
    await secrets.send(
      new PutSecretValueCommand({ SecretId: secretArn, SecretString: JSON.stringify(value) }),
    );
  } finally {
    secrets.destroy();
  }
}
