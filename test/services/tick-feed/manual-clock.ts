import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../../services/tick-feed/clock.ts';

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #sleepers = new Set<{ at: number; wake: () => void }>();

  monotonic(): number {
    return this.#now;
  }

  wall(): bigint {
    return 1_763_733_104_000_000_000n + BigInt(Math.round(this.#now * 1e6));
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper = { at: this.#now + Math.max(0, milliseconds), wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  /** Lets time pass; whoever wakes up gets to act at its very moment. */
  async pass(milliseconds: number, each: () => void = () => {}): Promise<void> {
    const until = this.#now + milliseconds;
    for (;;) {
      await settled();
      each();
      const next = Math.min(...[...this.#sleepers].map(({ at }) => at));
      if (next > until) break;
      this.#now = Math.max(next, this.#now);
      for (const { at, wake } of [...this.#sleepers]) if (at <= this.#now) wake();
    }
    this.#now = until;
    await settled();
    each();
  }

  /** Time passes while this process stands still: nobody wakes up in between. */
  jump(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

/** What is under way and waits for nothing but promises has come to its end. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await setImmediate();
}
