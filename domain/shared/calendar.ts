export const millisecondsPerDay = 86_400_000;

/** True for a `YYYY-MM-DD` that exists, years 0001 to 9999. */
export function isCalendarDate(text: string): boolean {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (!parts || parts[1] === '0000') return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  // Some engines roll 02-30 over to March: writing it out again shows that.
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** True for an `HHMM` from 0000 to 2359. */
export function isTimeOfDay(text: string): boolean {
  return /^(?:[01]\d|2[0-3])[0-5]\d$/.test(text);
}

/**
 * The date of an Excel serial day number: ECMA-376 Part 1, 18.17.4.1. Day 1 of the 1900 system is 1900-01-01, day 0 of
 * the 1904 system 1904-01-01. Undefined outside the years 1900 to 9999, and for day 60 of the 1900 system: Lotus 1-2-3
 * held 1900 to be a leap year, Excel kept that, and 1900-02-29 does not exist.
 */
export function serialDate(day: number, date1904: boolean): string | undefined {
  if (!Number.isInteger(day) || (!date1904 && (day < 1 || day === 60)) || day < 0) return undefined;
  const epoch = date1904 ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, day < 60 ? 31 : 30);
  const date = new Date(epoch + day * millisecondsPerDay);
  return date.getUTCFullYear() <= 9999 ? date.toISOString().slice(0, 10) : undefined;
}

/**
 * Milliseconds of a serial number with its time of day, rounded to whole ones; NaN for the day that does not exist (see
 * {@link serialDate}).
 */
export function serialTime(serial: number, date1904: boolean): number {
  if (date1904) return Date.UTC(1904, 0, 1) + Math.round(serial * millisecondsPerDay);
  if (serial >= 60 && serial < 61) return Number.NaN;
  return Date.UTC(1899, 11, serial < 60 ? 31 : 30) + Math.round(serial * millisecondsPerDay);
}
