import { nanoseconds, rfc3339 } from '../../../domain/stocks/instant.ts';
import { isOpen, nextOpen, session } from '../../../domain/stocks/market-calendar.ts';

const times = (day: string) => {
  const found = session(day);
  return found && [rfc3339(found.open).slice(11, 16), rfc3339(found.close).slice(11, 16)];
};
const millisecondsPerDay = 86_400_000;

describe('the market', () => {
  it.each([
    ['winter', '2026-11-20', ['14:30', '21:00']],
    ['summer', '2026-07-20', ['13:30', '20:00']],
    ['the Friday before the clocks go forward', '2026-03-06', ['14:30', '21:00']],
    ['the Monday after', '2026-03-09', ['13:30', '20:00']],
    ['the Friday before they go back', '2026-10-30', ['13:30', '20:00']],
    ['the Monday after that', '2026-11-02', ['14:30', '21:00']],
    ['the day after Thanksgiving, a half day', '2026-11-27', ['14:30', '18:00']],
    ['the day before Independence Day, a half day', '2028-07-03', ['13:30', '17:00']],
  ])('%s, %s, is open from and to %j UTC', (_, day, expected) => {
    expect(times(day)).toEqual(expected);
  });

  it.each([
    ['a Saturday', '2026-11-21'],
    ['a Sunday', '2026-11-22'],
    ['Thanksgiving', '2026-11-26'],
    ['Good Friday', '2027-03-26'],
    ['Independence Day, a Saturday, on the Friday before', '2026-07-03'],
    ['Independence Day, a Sunday, on the Monday after', '2027-07-05'],
    ['the day of mourning for President Carter', '2025-01-09'],
  ])('%s, %s, is closed', (_, day) => {
    expect(session(day)).toBeUndefined();
    expect(isOpen(nanoseconds(`${day}T17:00:00Z`))).toBe(false);
  });

  it('New Year of 2028, a Saturday, is not kept on the Friday before', () => {
    expect(session('2027-12-31')).toBeDefined();
  });

  it('is open from the first nanosecond of the session to before its last', () => {
    expect(isOpen(nanoseconds('2026-11-20T14:29:59.999999999Z'))).toBe(false);
    expect(isOpen(nanoseconds('2026-11-20T14:30:00Z'))).toBe(true);
    expect(isOpen(nanoseconds('2026-11-20T20:59:59.999999999Z'))).toBe(true);
    expect(isOpen(nanoseconds('2026-11-20T21:00:00Z'))).toBe(false);
    expect(isOpen(nanoseconds('2026-11-21T00:30:00Z'))).toBe(false);
  });

  it.each([
    [2024, 252, 3],
    [2025, 250, 3],
    [2026, 251, 2],
    [2027, 251, 1],
    [2028, 251, 2],
  ])('has in %i %i sessions, %i of them half days', (year, sessions, halfDays) => {
    let open = 0;
    let short = 0;
    for (let day = Date.UTC(year, 0, 1); day < Date.UTC(year + 1, 0, 1); day += millisecondsPerDay) {
      const found = session(new Date(day).toISOString().slice(0, 10));
      if (!found) continue;
      open += 1;
      if (found.close - found.open < 6n * 3_600_000_000_000n) short += 1;
    }
    expect([open, short]).toEqual([sessions, halfDays]);
  });
});

it.each([
  ['on a weekend', '2026-11-21T12:00:00Z', '2026-11-23T14:30:00Z'],
  ['before the bell', '2026-11-20T14:29:59Z', '2026-11-20T14:30:00Z'],
  ['at the bell, of the next day', '2026-11-19T14:30:00Z', '2026-11-20T14:30:00Z'],
  ['after a holiday', '2026-11-25T22:00:00Z', '2026-11-27T14:30:00Z'],
])('the next session %s', (_when, now, opens) => {
  expect(rfc3339(nextOpen(nanoseconds(now)))).toBe(rfc3339(nanoseconds(opens)));
});
