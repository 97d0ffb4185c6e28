import fc from 'fast-check';
import { nanoseconds, rfc3339 } from '../../../domain/stocks/instant.ts';
import { tradingDayOf } from '../../../domain/stocks/trading-day.ts';

/** The last second of 2261. */
const last = BigInt(Date.UTC(2262, 0, 1)) * 1_000_000n - 1n;
const instants = fc.bigInt({ min: 0n, max: last });

describe('a time in nanoseconds', () => {
  it('any is read back from its text', () => {
    fc.assert(
      fc.property(instants, (ns) => {
        expect(nanoseconds(rfc3339(ns))).toBe(ns);
      }),
    );
  });

  it.each([
    ['1970-01-01T00:00:00Z', 0n],
    ['2021-02-22T15:51:44.208123456Z', 1_614_009_104_208_123_456n],
    ['2021-02-22T15:51:44.2Z', 1_614_009_104_200_000_000n],
    ['2021-02-22T15:51:44.000000001Z', 1_614_009_104_000_000_001n],
    ['2024-02-29T23:59:59.999999999Z', 1_709_251_199_999_999_999n],
    ['2024-03-01T00:00:00Z', 1_709_251_200_000_000_000n],
    ['2000-02-29T00:00:00Z', 951_782_400_000_000_000n],
    ['2261-12-31T23:59:59.999999999Z', last],
  ])('%s is %d', (text, ns) => {
    expect(nanoseconds(text)).toBe(ns);
  });

  it('is that of Date, to its milliseconds', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('2261-12-31'), noInvalidDate: true }), (date) => {
        expect(nanoseconds(date.toISOString())).toBe(BigInt(date.getTime()) * 1_000_000n);
      }),
    );
  });

  it('texts of nine digits sort by time', () => {
    fc.assert(
      fc.property(instants, instants, (a, b) => {
        expect(rfc3339(a) < rfc3339(b)).toBe(a < b);
      }),
    );
  });

  it.each([
    '',
    '2021-02-22',
    '2021-02-22 15:51:44Z',
    '2021-02-22T15:51:44',
    '2021-02-22T15:51:44.Z',
    '2021-02-22T15:51:44.1234567890Z',
    '2021-02-22T15:51:44+00:00',
    '2021-02-22T15:51:44.2-05:00Z',
    '2021-02-22t15:51:44z',
    '2021-02-29T15:51:44Z',
    '2100-02-29T00:00:00Z',
    '2021-04-31T15:51:44Z',
    '2021-00-10T15:51:44Z',
    '2021-13-10T15:51:44Z',
    '2021-02-00T15:51:44Z',
    '2021-02-22T24:00:00Z',
    '2021-02-22T15:60:44Z',
    '2016-12-31T23:59:60Z',
    '1969-12-31T23:59:59Z',
    '2262-01-01T00:00:00Z',
    '2O21-02-22T15:51:44Z',
    '2021-02-22T15:51:4 Z',
  ])('%j is refused', (text) => {
    expect(() => nanoseconds(text)).toThrow(expect.objectContaining({ code: 'TradeInvalid' }));
  });
});

describe('the trading day', () => {
  it.each([
    ['before midnight UTC, after hours', '2026-11-20T23:59:59.999999999Z', '2026-11-20'],
    ['after midnight UTC, after hours', '2026-11-21T00:00:00Z', '2026-11-20'],
    ['the last nanosecond in New York, winter', '2026-11-21T04:59:59.999999999Z', '2026-11-20'],
    ['midnight in New York, winter', '2026-11-21T05:00:00Z', '2026-11-21'],
    ['midnight in New York, summer', '2026-07-21T04:00:00Z', '2026-07-21'],
    ['the day on which the clocks go forward, at its beginning', '2026-03-08T05:00:00Z', '2026-03-08'],
    ['that day at its end', '2026-03-09T03:59:59.999999999Z', '2026-03-08'],
    ['the day after', '2026-03-09T04:00:00Z', '2026-03-09'],
    ['the day on which the clocks go back, at its beginning', '2026-11-01T04:00:00Z', '2026-11-01'],
    ['that day at its end', '2026-11-02T04:59:59.999999999Z', '2026-11-01'],
    ['the day after it', '2026-11-02T05:00:00Z', '2026-11-02'],
    ['leap day', '2028-03-01T04:30:00Z', '2028-02-29'],
    ['new year', '2027-01-01T04:30:00Z', '2026-12-31'],
  ])('%s: %s is of %s', (_, text, day) => {
    expect(tradingDayOf(nanoseconds(text))).toBe(day);
  });

  it('does not depend on what was asked before', () => {
    const formatted = new Intl.DateTimeFormat('en-CA', { timeZone: 'America/New_York' });
    fc.assert(
      fc.property(fc.array(instants, { minLength: 1, maxLength: 20 }), (times) => {
        for (const ns of times) expect(tradingDayOf(ns)).toBe(formatted.format(Number(ns / 1_000_000n)));
      }),
    );
  });
});
