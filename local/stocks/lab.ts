import { randomBytes } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import { symbols as allSymbols, type FeedSettings } from '../../domain/stocks/contract.ts';
import type { ProviderSecret } from '../../services/tick-feed/provider-secret.ts';
import type { Template } from '../assembly.ts';
import type { TetheredProcess } from '../core/child-process.ts';
import type { Progress } from '../core/progress.ts';
import { type DrivenLab, drivenLab, fillInSecret, onOwnLaptop, outputOfStack } from '../driven-lab.ts';
import type { Laptop } from '../laptop.ts';
import { type Exchange, type ExchangeOptions, startExchange } from '../outside/exchange.ts';
import { startFeed } from './feed.ts';

/** The whole lab on a laptop of its own: stack, exchange, and tasks of the feed as they are started. */
export interface StocksLab extends DrivenLab {
  exchange: Exchange;
  s3: S3Client;
  /** Starts a task of the feed. @param settings that differ from the template's */
  startFeed(name?: string, settings?: Partial<FeedSettings>): Promise<TetheredProcess>;
  /** Writes the login of this exchange into the provider's secret. @param changed what of it shall be otherwise */
  fillIn(changed?: Partial<ProviderSecret>): Promise<void>;
}

export interface StocksLabOptions {
  progress: Progress;
  exchange?: Partial<ExchangeOptions>;
  /** True leaves the provider's secret as the stack makes it. @default false */
  unfilled?: boolean;
  /** What of the laptop's copy of the template shall differ. */
  change?: (template: Template) => void;
}

/** Emulator, PostgreSQL, deployed stack, exchange. */
export function openStocksLab(options: StocksLabOptions): Promise<StocksLab> {
  return onOwnLaptop(options.progress, (laptop) => deployStocksLab(laptop, options));
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
  const { streamUrl, historyUrl } = exchange;
  const fillIn = (changed: Partial<ProviderSecret> = {}) =>
    fillInSecret(laptop, outputOfStack(lab, 'ProviderSecretArn'), {
      ...login,
      streamUrl,
      historyUrl,
      ...changed,
    });
  if (!options.unfilled) await fillIn();
  const s3 = new S3Client({ ...laptop.clients, forcePathStyle: true });
  const feeds: TetheredProcess[] = [];
  const end = async () => {
    await Promise.all(feeds.splice(0).map((feed) => feed.stop()));
    await exchange.stop();
    s3.destroy();
  };
  return {
    ...drivenLab(laptop, lab, { queriesAtOnce: 3, end }),
    exchange,
    s3,
    fillIn,
    startFeed: async (name = `feed-${feeds.length + 1}`, settings = {}) => {
      // A made-up exchange knows no holidays.
      const feed = await startFeed(laptop, lab, name, { alwaysOpen: true, ...settings });
      feeds.push(feed);
      return feed;
    },
  };
}
