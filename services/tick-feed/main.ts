/**
 * The feed as a program: in AWS a task of Fargate, two of them, on a laptop a plain process. Its environment is in
 * domain/stocks/environment.ts.
 *
 * SIGTERM or SIGINT: it stops reading, puts on the stream what it holds, gives its lease back, and ends with 0. A second
 * one: it ends at once with 1. It ends with 1 too, after naming the error, when the template has given it settings or an
 * environment that are none. A login that is missing or refused it waits for.
 */
import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { feedEnvironment } from '../../domain/stocks/contract.ts';
import { parseFeedSettings } from '../../domain/stocks/feed-settings.ts';
import { isOpen } from '../../domain/stocks/market-calendar.ts';
import { openFor } from '../../domain/stocks/silence.ts';
import { readEnvironment } from '../../lambdas/shared/environment.ts';
import { logger, metrics } from '../../lambdas/shared/observability.ts';
import { systemClock } from './clock.ts';
import { type FeedState, runFeed } from './feed.ts';
import { Figures } from './figures.ts';
import { keepHeartbeat } from './heartbeat.ts';
import { kinesisStream } from './kinesis-stream.ts';
import { patienceOf } from './lease.ts';
import { FeedTable } from './lease-table.ts';
import { readProviderSecret } from './provider-secret.ts';

/** Milliseconds between two lines of figures. */
const interval = 10_000;

async function main(): Promise<void> {
  const environment = readEnvironment(feedEnvironment);
  const settings = parseFeedSettings(environment.FEED_SETTINGS);
  const clock = systemClock;
  const stopping = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (stopping.signal.aborted) process.exit(1);
      logger.info('stopping', { signal: name });
      stopping.abort();
    });
  }

  const secrets = new SecretsManagerClient({});
  const kinesis = new KinesisClient({
    maxAttempts: 1,
    // Over HTTP/2, the default of this client, an emulator breaks off large puts.
    requestHandler: new NodeHttpHandler({ connectionTimeout: 1_000 }),
  });
  const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));
  const figures = new Figures(Math.random);
  const state: FeedState = {
    active: false,
    waitsForLogin: false,
    heldBytes: 0,
    lastReceived: clock.monotonic(),
  };
  /** As for the socket, silence counts from the bell on. */
  const silentMs = () => {
    const silent = state.active ? clock.monotonic() - state.lastReceived : 0;
    return settings.alwaysOpen ? silent : Math.min(silent, Number(openFor(clock.wall())) / 1e6);
  };
  const tell = () => figures.write(metrics, { ...state, silentMs: silentMs() });

  const telling = setInterval(tell, interval);
  const stopHeartbeat = keepHeartbeat(settings.spillDirectory, logger);
  try {
    await runFeed(
      {
        settings,
        secret: (signal) => readProviderSecret(secrets, environment.PROVIDER_SECRET_ARN, signal),
        owner: randomUUID(),
        ports: {
          stream: kinesisStream(kinesis, environment.STREAM_NAME, patienceOf(settings)),
          table: new FeedTable(table, environment.LEASE_TABLE, patienceOf(settings)),
          clock,
          random: Math.random,
          log: logger,
          figures,
          marketIsOpen: isOpen,
        },
      },
      stopping.signal,
      state,
    );
  } finally {
    clearInterval(telling);
    stopHeartbeat();
    tell();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    logger.critical('the feed ends', { error });
    process.exit(1);
  },
);
