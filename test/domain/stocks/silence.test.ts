import { openFor, silentSeconds } from '../../../domain/stocks/silence.ts';
import { nanoseconds } from '../../../domain/stocks/trade.ts';

const at = (time: string) => nanoseconds(`2026-11-20T${time}Z`); // a Friday; New York is five hours behind

it('silence is counted from the newest tick while the market is open', () => {
  expect(silentSeconds(at('15:00:00'), at('14:59:18'))).toBe(42);
});

it('silence before the first tick of a day is counted from the bell, not from yesterday', () => {
  const yesterday = nanoseconds('2026-11-19T21:00:00Z');
  expect(silentSeconds(at('14:31:00'), yesterday)).toBe(60);
  expect(silentSeconds(at('14:31:00'), undefined)).toBe(60);
});

it('there is no silence while the market is closed', () => {
  for (const now of [
    at('14:29:59'),
    at('21:00:00'),
    nanoseconds('2026-11-21T15:00:00Z'), // Saturday
    nanoseconds('2026-11-26T15:00:00Z'), // Thanksgiving
    nanoseconds('2026-11-27T18:00:00Z'), // closed since 13:00
  ])
    expect(silentSeconds(now, undefined)).toBe(0);
});

it('a tick that is ahead of our clock is none that is overdue', () => {
  expect(silentSeconds(at('15:00:00'), at('15:00:03'))).toBe(0);
});

it('the market has been open since the bell, and is for no time while it is closed', () => {
  expect(openFor(at('14:30:00'))).toBe(0n);
  expect(openFor(at('14:30:00.000000007'))).toBe(7n);
  expect(openFor(at('20:59:59'))).toBe((6n * 3600n + 29n * 60n + 59n) * 1_000_000_000n);
  for (const closed of ['14:29:59', '21:00:00']) expect(openFor(at(closed))).toBe(0n);
});
