const halfLifeSeconds = 60;
const decay = Math.LN2 / halfLifeSeconds;

/**
 * The rate of ticks is the inverse of the mean time between them, where what lies a minute back counts half: the decayed
 * number of ticks over the decayed seconds in which they came. That is an exponential moving average over unevenly spaced
 * times (A. Eckner, Algorithms for Unevenly Spaced Time Series: Moving Averages and Other Rolling Operators, 2012), right
 * from the second tick on and a minute after a night without ticks.
 *
 * With h the time since the tick before, in minutes: ticks' = ticks / 2^h + 1, and seconds' = seconds / 2^h + the integral of
 * the weights over h, 60 / ln 2 * (1 - 1 / 2^h).
 *
 * @param elapsed nanoseconds since the tick before
 */
export function tickRate(
  ticks: number,
  seconds: number,
  elapsed: number,
): { ticks: number; seconds: number } {
  // expm1: the difference of 1 and a number near 1 would have few digits left after a microsecond.
  const lost = -Math.expm1(-decay * (elapsed / 1e9));
  return { ticks: ticks * (1 - lost) + 1, seconds: seconds * (1 - lost) + lost / decay };
}
