import { setTimeout as wait } from 'node:timers/promises';

/** Time, handed in so that tests can make it pass. */
export interface Clock {
  /** Milliseconds that only go forward, since some moment of this process. What leases and time-outs are measured by. */
  monotonic(): number;
  /** Nanoseconds since 1970, as this machine believes. */
  wall(): bigint;
  /** Ends early, without an error, when the signal aborts. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

const nanosecondsPerMillisecond = 1_000_000n;
/** `Date` knows milliseconds, the counter nanoseconds; one is read by the other until they are this far apart. */
const tolerated = 2n * nanosecondsPerMillisecond;

function wallClock(): () => bigint {
  const dateNow = () => BigInt(Date.now()) * nanosecondsPerMillisecond;
  let offset = dateNow() - process.hrtime.bigint();
  return () => {
    const now = process.hrtime.bigint() + offset;
    const coarse = dateNow();
    const apart = now - coarse;
    if (apart <= tolerated && apart >= -tolerated) return now;
    offset += coarse - now; // the machine's clock was set
    return coarse;
  };
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: wallClock(),
  async sleep(milliseconds, signal) {
    try {
      await wait(Math.max(0, milliseconds), undefined, { signal });
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  },
};
