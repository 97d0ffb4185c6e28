import { nanosecondsPerSecond } from './instant.ts';

/** The clock of NYSE and Nasdaq. */
export const exchangeTimeZone = 'America/New_York';

const nanosecondsPerHour = 3600n * nanosecondsPerSecond;
const dateInNewYork = new Intl.DateTimeFormat('en-CA', {
  timeZone: exchangeTimeZone,
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
});

/** New York's offset is whole hours, before and after a change of the clocks, so one UTC hour has one date there. */
const dayOfHour = new Map<number, string>();
let lastHour = -1;
let lastDay = '';

/**
 * The date in New York of an instant, `YYYY-MM-DD`: after-hours trades over midnight UTC keep their day.
 *
 * @param ns since 1970
 */
export const tradingDayOf = (ns: bigint): string => tradingDayOfHour(Number(ns / nanosecondsPerHour));

/** @param hour whole hours since 1970 */
export function tradingDayOfHour(hour: number): string {
  if (hour === lastHour) return lastDay;
  let day = dayOfHour.get(hour);
  if (day === undefined) {
    // A feed meets a few hours a day; a replay of years should not keep all of them.
    if (dayOfHour.size >= 10_000) dayOfHour.clear();
    day = dateInNewYork.format(hour * 3_600_000);
    dayOfHour.set(hour, day);
  }
  lastHour = hour;
  lastDay = day;
  return day;
}
