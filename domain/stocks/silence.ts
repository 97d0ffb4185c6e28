import { nanosecondsPerSecond } from './instant.ts';
import { isOpen, session } from './market-calendar.ts';
import { tradingDayOf } from './trading-day.ts';

/**
 * For how many nanoseconds the market has been open: since the bell. 0 while it is closed.
 *
 * @param now nanoseconds since 1970
 */
export function openFor(now: bigint): bigint {
  const today = isOpen(now) ? session(tradingDayOf(now)) : undefined;
  return today ? now - today.open : 0n;
}

/**
 * For how many seconds no tick has come while the market was open: since the newest one, or since the bell where that was
 * later. 0 while the market is closed, and for a tick whose time is ahead of ours.
 *
 * @param now nanoseconds since 1970
 * @param newest time of the newest tick, undefined where there was none yet
 */
export function silentSeconds(now: bigint, newest: bigint | undefined): number {
  const open = openFor(now);
  const silent = newest === undefined || now - newest > open ? open : now - newest;
  return silent < 0n ? 0 : Number(silent / nanosecondsPerSecond);
}
