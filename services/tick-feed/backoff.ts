/** Who fails together must not come again together: full jitter, aws.amazon.com/blogs/architecture, Exponential Backoff And Jitter. */
export interface Backoff {
  /** Milliseconds, the bound of the first wait. */
  base: number;
  /** Milliseconds, the bound of every wait. */
  cap: number;
}

/**
 * Milliseconds to wait before the next attempt: anything from 0 to a bound that doubles with each failure.
 *
 * @param failures how often it failed in a row, from 1
 * @param random from 0 to less than 1
 */
export const backoff = ({ base, cap }: Backoff, failures: number, random: () => number): number =>
  random() * Math.min(cap, base * 2 ** Math.min(failures - 1, 30));
