import { nanosecondsPerSecond } from './instant.ts';
import { isOpen, session } from './market-calendar.ts';
import { tradingDayOf } from './trading-day.ts';

/**
 * For how many seconds no tick has come while the market was open: since the newest one, or since the bell where that was
 * later. 0 while the market is closed, and for a tick whose time is ahead of ours.
 *
 * @param now nanoseconds since 1970
 * @param newest time of the newest tick, undefined where there was none yet
 */
export function silentSeconds(now: bigint, newest: bigint | undefined): number {
  const today = isOpen(now) ? session(tradingDayOf(now)) : undefined;
  if (!today) return 0;
  const since = newest === undefined || newest < today.open ? today.open : newest;
  return since > now ? 0 : Number((now - since) / nanosecondsPerSecond);
}
