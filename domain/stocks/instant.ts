import { LabError } from '../errors.ts';

/**
 * Times are nanoseconds since 1970-01-01T00:00:00Z as BigInt, without leap seconds: a `Date` ends at milliseconds and a
 * number at 53 bits. In JSON and DynamoDB they are decimal strings, in SQL BIGINT. Years 1970 to 2261: what a BIGINT holds.
 */
export const nanosecondsPerSecond = 1_000_000_000n;

const secondsPerDay = 86_400;
const zero = 48;

/**
 * The instant of an RFC 3339 time in UTC, `2021-02-22T15:51:44.208123456Z`: exact, with up to nine digits after the point.
 * The provider drops zeros at the end of them, so such times do not sort as text.
 *
 * @throws TradeInvalid for another offset than Z, more than nine digits, or a time that does not exist (a leap second too)
 */
export function nanoseconds(rfc3339: string): bigint {
  const length = rfc3339.length;
  if (
    length < 20 ||
    length > 30 ||
    length === 21 ||
    rfc3339[4] !== '-' ||
    rfc3339[7] !== '-' ||
    rfc3339[10] !== 'T' ||
    rfc3339[13] !== ':' ||
    rfc3339[16] !== ':' ||
    rfc3339[length - 1] !== 'Z' ||
    (length > 20 && rfc3339[19] !== '.')
  )
    throw notATime(rfc3339);
  const year = digits(rfc3339, 0, 4);
  const month = digits(rfc3339, 5, 7);
  const day = digits(rfc3339, 8, 10);
  const hour = digits(rfc3339, 11, 13);
  const minute = digits(rfc3339, 14, 16);
  const second = digits(rfc3339, 17, 19);
  if (year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month))
    throw notATime(rfc3339);
  if (hour > 23 || minute > 59 || second > 59) throw notATime(rfc3339);
  let fraction = 0;
  if (length > 20) {
    fraction = digits(rfc3339, 20, length - 1);
    for (let i = length - 1; i < 29; i++) fraction *= 10;
  }
  const seconds = daysBefore(year, month, day) * secondsPerDay + hour * 3600 + minute * 60 + second;
  return BigInt(seconds) * nanosecondsPerSecond + BigInt(fraction);
}

/** The other way: always nine digits and Z, so that such texts sort by time. @param ns from 1970 to 2261 */
export function rfc3339(ns: bigint): string {
  const seconds = ns / nanosecondsPerSecond;
  const text = new Date(Number(seconds) * 1000).toISOString();
  return `${text.slice(0, 19)}.${String(ns - seconds * nanosecondsPerSecond).padStart(9, '0')}Z`;
}

function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = text.charCodeAt(i) - zero;
    if (digit < 0 || digit > 9) throw notATime(text);
    value = value * 10 + digit;
  }
  return value;
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return isLeap(year) ? 29 : 28;
}

const isLeap = (year: number) => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;

/** Days of a common year before each month. */
const before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334] as const;

/** Days from 1970-01-01 to a date of the Gregorian calendar. */
function daysBefore(year: number, month: number, day: number): number {
  const last = year - 1;
  const leapDays = Math.floor(last / 4) - Math.floor(last / 100) + Math.floor(last / 400) - 477;
  const ofYear = (before[month - 1] as number) + (month > 2 && isLeap(year) ? 1 : 0) + day - 1;
  return (year - 1970) * 365 + leapDays + ofYear;
}

const notATime = (text: string) =>
  new LabError('TradeInvalid', `not a time in UTC with at most nine digits: ${JSON.stringify(text)}`);
