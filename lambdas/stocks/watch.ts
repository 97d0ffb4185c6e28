import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { symbols, watchEnvironment } from '../../domain/stocks/contract.ts';
import { silentSeconds } from '../../domain/stocks/silence.ts';
import { readEnvironment } from '../shared/environment.ts';
import { metrics } from '../shared/observability.ts';
import { StateTable } from './state-table.ts';

const states = new StateTable(new DynamoDBClient({}), readEnvironment(watchEnvironment).STATE_TABLE);

/**
 * Measures the whole way, from the exchange to the states: for how long the newest tick has been the newest while the
 * market is open. A part that stands still anywhere shows here, and so does a feed that runs and hears nothing.
 */
export async function handler(): Promise<void> {
  const known = [...(await states.read(symbols)).values()];
  const newest = known.reduce<bigint | undefined>(
    (at, state) => (at === undefined || state.at > at ? state.at : at),
    undefined,
  );
  const now = BigInt(Date.now()) * 1_000_000n;
  metrics.addMetric('SilentSeconds', MetricUnit.Seconds, silentSeconds(now, newest));
  metrics.publishStoredMetrics();
}
