import { Duration } from 'aws-cdk-lib';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { Operations } from '../../constructs/operations.ts';
import type { RawArchive } from './raw-archive.ts';
import { feedTasks, type TickFeed } from './tick-feed.ts';

/** Alarms with their runbook lines, and what the dashboard shows. */
export function operateStocks(
  operations: Operations,
  lab: { feed: TickFeed; raw: RawArchive; trend: LambdaFunction; load: LambdaFunction },
): void {
  const minute = Duration.minutes(1);
  const ours = (service: string, metricName: string, statistic?: string) =>
    operations.metric(service, metricName, minute, statistic);
  const behind = lab.trend.metric('IteratorAge', { period: minute, statistic: 'Maximum' });
  const archiveAge = lab.raw.freshness(minute);

  operations.alarm('NothingArrives', {
    metric: ours('Watch', 'SilentSeconds', 'Maximum'),
    threshold: 60,
    periods: 2,
    silence: 'bad', // then the watch itself does not run
    runbook:
      'The market is open and no tick has come through for a minute (or the Watch function does not run). Read the log of the feed: a connection limit means that something else uses the login. If the feed publishes, look at TrendBehind. A holiday that domain/stocks/market-calendar.ts does not know rings too.',
  });
  operations.alarm('FeedInactive', {
    metric: ours('Feed', 'Active', 'Maximum'),
    rings: 'below',
    periods: 2,
    silence: 'bad',
    runbook:
      'No task of the feed holds the lease, so none listens; the history fills the gap once one does. Read the log of the feed, and whether its tasks run at all (FeedTasksMissing).',
  });
  operations.alarm('FeedWaitsForLogin', {
    metric: ours('Feed', 'WaitsForLogin', 'Maximum'),
    periods: 3, // longer than from one look to the next
    runbook:
      'The feed waits for a login that the provider takes, and receives nothing. Its log names what is refused (ProviderSecretInvalid, ProviderLoginRefused, ProviderSubscriptionRefused, HistoryRefused, ProviderSecretUnreadable) and what to do. Fill in the secret (output FillInSecretCommand): the feed reads it again each minute, needs no restart, and fills the gap from the history. After a first deploy this is the state to begin with.',
  });
  operations.alarm('FeedTasksMissing', {
    metric: lab.feed.running(),
    threshold: feedTasks,
    rings: 'below',
    periods: 10,
    silence: 'bad',
    runbook:
      'Fewer than two tasks of the feed have run for ten minutes: nobody takes over if the active one ends. The stopped tasks of the service say why in the ECS console; their last lines are in the log of the feed.',
  });
  operations.alarm('TrendBehind', {
    metric: behind,
    threshold: Duration.minutes(1).toMilliseconds(),
    periods: 3,
    runbook:
      'The trend is a minute behind the stream: read the errors of the Trend function. A batch that fails comes again and holds up its shard. StockStateUnreadable: see its remedy. Without errors it is too slow: raise trendParallelization.',
  });
  operations.alarm('SetAside', {
    metric: ours('Trend', 'SetAside'),
    runbook:
      'Records of the stream could not be read as trades: below set-aside/ each is whole, with the reason. Mend the reader or the list of symbols, then replay their hours.',
  });
  operations.alarm('RawArchiveStale', {
    metric: archiveAge,
    threshold: 900,
    runbook:
      'Records have waited a quarter of an hour for the raw archive: read the log of the delivery stream. Before the retention of the stream is over nothing is lost.',
  });
  operations.alarm('LoadFails', {
    metric: lab.load.metricErrors({ period: Duration.minutes(5) }),
    threshold: 2,
    runbook:
      'Loads into the warehouse fail; their objects come again. Read the error of the Load function, then sys_load_error_detail and sys_query_history. Rows wait in the archive meanwhile.',
  });
  operations.alarm('ObjectsNotLoaded', {
    metric: ours('Load', 'ObjectsNotLoaded'),
    periods: 10,
    runbook:
      'Some objects of rows cannot be loaded, while others can: the log of the Load function names them. They come again for hours, then they are in NotLoaded.',
  });
  operations.alarm('SqlStale', {
    metric: ours('Load', 'FreshnessMs', 'p99'),
    threshold: Duration.minutes(1).toMilliseconds(),
    periods: 5,
    runbook:
      'Rows are in SQL over a minute after their trades. Where TrendBehind does not ring, the warehouse is slow: look for locks and queues in Query Editor, raise its capacity or loadEvery.',
  });

  const trend = (...names: string[]) => names.map((name) => ours('Trend', name));
  const feed = (...names: string[]) => names.map((name) => ours('Feed', name));
  operations.graph('Ticks', [...feed('Received', 'Published'), ...trend('TicksIn', 'TicksOut')]);
  operations.graph('The feed', feed('Retried', 'Gaps', 'Filled', 'Disconnected'));
  operations.graph('Held by the feed, bytes', [ours('Feed', 'HeldBytes', 'Maximum')]);
  operations.graph('Not plain', trend('Late', 'Duplicates', 'SetAside', 'Corrections', 'GapsMarked'));
  operations.graph('Trade to SQL, ms', [
    ours('Load', 'FreshnessMs', 'p50'),
    ours('Load', 'FreshnessMs', 'p99'),
  ]);
  operations.graph('Socket to stream, stream to state, ms', [
    ours('Feed', 'LagMs', 'p99'),
    ours('Trend', 'BatchLagMs', 'p99'),
  ]);
  operations.graph('Rows loaded', [ours('Load', 'RowsLoaded')]);
  operations.graph('Behind', [behind], [archiveAge]);
}
