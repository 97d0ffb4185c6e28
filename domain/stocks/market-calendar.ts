import { nanosecondsPerSecond } from './instant.ts';
import { exchangeTimeZone, tradingDayOf } from './trading-day.ts';

/**
 * Days on which NYSE and Nasdaq are closed: nyse.com/markets/hours-calendars, as announced by NYSE Group on 2021-12-27
 * (2024), 2024-11-08 (2025) and 2025-12-23 (2026 to 2028), compared in November 2026. 2025-01-09 was the national day of
 * mourning for President Carter, announced by both exchanges on 2024-12-30. Add a year to both lists when it is announced:
 * before the first one and after the last one every weekday counts as a full session, and a holiday sounds the alarm of
 * silence.
 */
const holidays: ReadonlySet<string> = new Set(
  `2024-01-01 2024-01-15 2024-02-19 2024-03-29 2024-05-27 2024-06-19 2024-07-04 2024-09-02 2024-11-28 2024-12-25
   2025-01-01 2025-01-09 2025-01-20 2025-02-17 2025-04-18 2025-05-26 2025-06-19 2025-07-04 2025-09-01 2025-11-27 2025-12-25
   2026-01-01 2026-01-19 2026-02-16 2026-04-03 2026-05-25 2026-06-19 2026-07-03 2026-09-07 2026-11-26 2026-12-25
   2027-01-01 2027-01-18 2027-02-15 2027-03-26 2027-05-31 2027-06-18 2027-07-05 2027-09-06 2027-11-25 2027-12-24
   2028-01-17 2028-02-21 2028-04-14 2028-05-29 2028-06-19 2028-07-04 2028-09-04 2028-11-23 2028-12-25`.split(
    /\s+/,
  ),
);

/** Days on which they close at 13:00. Same source. */
const halfDays: ReadonlySet<string> = new Set(
  `2024-07-03 2024-11-29 2024-12-24
   2025-07-03 2025-11-28 2025-12-24
   2026-11-27 2026-12-24
   2027-11-26
   2028-07-03 2028-11-24`.split(/\s+/),
);

/** The core session of a day, from 09:30 to 16:00 or 13:00 in New York. Nanoseconds since 1970. */
export interface Session {
  open: bigint;
  /** Not open any more. */
  close: bigint;
}

/** @param tradingDay `YYYY-MM-DD`. Undefined on weekends and holidays */
export function session(tradingDay: string): Session | undefined {
  const midnight = Date.parse(`${tradingDay}T00:00:00Z`);
  const weekday = new Date(midnight).getUTCDay();
  if (weekday === 0 || weekday === 6 || holidays.has(tradingDay)) return undefined;
  const open = inNewYork(midnight, 9 * 60 + 30);
  const close = inNewYork(midnight, halfDays.has(tradingDay) ? 13 * 60 : 16 * 60);
  return { open, close };
}

let lastDay = '';
let lastSession: Session | undefined;

/** True during the core session: before and after it trades are few, and their absence says nothing. */
export function isOpen(ns: bigint): boolean {
  const day = tradingDayOf(ns);
  if (day !== lastDay) {
    lastDay = day;
    lastSession = session(day);
  }
  return lastSession !== undefined && ns >= lastSession.open && ns < lastSession.close;
}

/** When the next session opens: none is open now. @param ns nanoseconds since 1970, as is what is returned */
export function nextOpen(ns: bigint): bigint {
  for (let at = ns; ; at += dayNs) {
    const next = session(tradingDayOf(at));
    if (next && next.open > ns) return next.open;
  }
}

const dayNs = 86_400n * nanosecondsPerSecond;

const hourInNewYork = new Intl.DateTimeFormat('en-US', {
  timeZone: exchangeTimeZone,
  hour: 'numeric',
  hourCycle: 'h23',
});

/** The instant of a local time. New York is four or five hours behind UTC; its clocks change on Sundays, at night. */
function inNewYork(midnight: number, minutes: number): bigint {
  const inWinter = midnight + (minutes + 5 * 60) * 60_000;
  const isSummer = Number(hourInNewYork.format(inWinter)) !== Math.floor(minutes / 60);
  return (BigInt(inWinter - (isSummer ? 3_600_000 : 0)) * nanosecondsPerSecond) / 1000n;
}
