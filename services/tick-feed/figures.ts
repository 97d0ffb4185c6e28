import type { Metrics } from '@aws-lambda-powertools/metrics';
import { MetricUnit } from '@aws-lambda-powertools/metrics';

/** What is counted, as the sum of each interval. */
export const counts = [
  /** Trades and other elements of the provider's messages. */
  'Received',
  /** Records that the stream has. */
  'Published',
  /** Records that it refused; they were sent again. */
  'Retried',
  'Gaps',
  /** Trades by which the history filled them. */
  'Filled',
  /** Messages that were none of the protocol. */
  'Malformed',
  /** Connections that were opened, and ended. */
  'Connected',
  'Disconnected',
] as const;
/** Counted too, and sent where there was any: a metric that is never sent costs nothing. */
const occasional = [
  /** Trades that the setting `hours` leaves out. */
  'LeftOut',
  /** 1 in each interval at whose end the feed waits for a login that the provider takes. */
  'WaitsForLogin',
] as const;
export type Count = (typeof counts | typeof occasional)[number];
const isOccasional: ReadonlySet<Count> = new Set(occasional);

/** Values of one metric that one line of embedded metrics takes: 100; with the last of them powertools would end the line. */
const samples = 99;

/**
 * The feed's figures, written as one line of CloudWatch's embedded metric format an interval. LagMs is sampled: from the
 * moment a message came to the one at which the stream had it, 99 times an interval at most, evenly.
 */
export class Figures {
  readonly #counts = new Map<Count, number>([...counts, ...occasional].map((name) => [name, 0]));
  readonly #lags: number[] = [];
  #lagsSeen = 0;
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  add(name: Count, count = 1): void {
    this.#counts.set(name, this.sum(name) + count);
  }

  /** Since the last line. */
  sum(name: Count): number {
    return this.#counts.get(name) ?? 0;
  }

  /** @param milliseconds of the oldest record of a batch */
  lag(milliseconds: number): void {
    this.#lagsSeen += 1;
    if (this.#lags.length < samples) this.#lags.push(milliseconds);
    else {
      // Reservoir sampling (Vitter's algorithm R): each of those seen is as likely to stay.
      const place = Math.floor(this.#random() * this.#lagsSeen);
      if (place < samples) this.#lags[place] = milliseconds;
    }
  }

  /** Writes what came together since the last time, beside what holds now, and begins anew. */
  write(
    metrics: Metrics,
    now: { heldBytes: number; active: boolean; waitsForLogin: boolean; silentMs: number },
  ): void {
    if (now.waitsForLogin) this.add('WaitsForLogin');
    for (const [name, count] of this.#counts) {
      if (count === 0 && isOccasional.has(name)) continue;
      metrics.addMetric(name, MetricUnit.Count, count);
      this.#counts.set(name, 0);
    }
    metrics.addMetric('HeldBytes', MetricUnit.Bytes, now.heldBytes);
    metrics.addMetric('Active', MetricUnit.Count, now.active ? 1 : 0);
    metrics.addMetric('SilentMs', MetricUnit.Milliseconds, now.silentMs);
    for (const lag of this.#lags) metrics.addMetric('LagMs', MetricUnit.Milliseconds, lag);
    this.#lags.length = 0;
    this.#lagsSeen = 0;
    metrics.publishStoredMetrics();
  }
}
