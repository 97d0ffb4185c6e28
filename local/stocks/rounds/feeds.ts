import { setTimeout as sleep } from 'node:timers/promises';
import type { FeedSettings } from '../../../domain/stocks/contract.ts';
import type { TetheredProcess } from '../../core/child-process.ts';
import type { StocksLab } from '../lab.ts';

/** So soon after a feed has ended, gone mute or been refused one listens again. */
const hurried: Partial<FeedSettings> = { leaseSeconds: 3, muteAfterMs: 3_000, refusedRetryMs: 500 };
const listensWithinMs = 120_000;

/** The two tasks of the feed, as Fargate keeps them: one that ends is followed by another. */
export class FeedTasks {
  readonly #lab: StocksLab;
  readonly #running = new Set<TetheredProcess>();
  #started = 0;
  #replacing: Promise<void> | undefined;

  constructor(lab: StocksLab) {
    this.#lab = lab;
  }

  get running(): readonly TetheredProcess[] {
    return [...this.#running];
  }

  /** Starts what is missing. */
  replaceEnded(): Promise<void> {
    this.#replacing ??= this.#startMissing().finally(() => {
      this.#replacing = undefined;
    });
    return this.#replacing;
  }

  async #startMissing(): Promise<void> {
    while (this.#running.size < 2) await this.#start();
  }

  /** Starts what is missing, and waits until one listens. */
  async restore(signal: AbortSignal): Promise<void> {
    await this.replaceEnded();
    const { exchange } = this.#lab;
    for (const until = Date.now() + listensWithinMs; exchange.listening === 0; ) {
      await sleep(50, undefined, { signal });
      if (Date.now() < until) continue;
      const logs = this.running.map((feed) => `${feed.name}: ${feed.tail(3)}`);
      throw new Error(`no feed listens after ${listensWithinMs / 1000} s\n${logs.join('\n')}`);
    }
  }

  async #start(): Promise<void> {
    this.#started += 1;
    const feed = await this.#lab.startFeed(`feed-${this.#started}`, hurried);
    this.#running.add(feed);
    feed.exited.then(() => this.#running.delete(feed));
  }

  /** Ends it in the middle of what it does, as when its host dies. */
  async kill(feed: TetheredProcess): Promise<void> {
    signalTo(feed, 'SIGKILL');
    await feed.exited;
  }

  standStill(feed: TetheredProcess): void {
    signalTo(feed, 'SIGSTOP');
  }

  goOn(feed: TetheredProcess): void {
    signalTo(feed, 'SIGCONT');
  }
}

function signalTo({ pid }: TetheredProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it ended by itself meanwhile
  }
}
