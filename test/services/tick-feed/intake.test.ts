import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isExtendedHours } from '../../../domain/stocks/extended-hours.ts';
import { nanoseconds } from '../../../domain/stocks/trade.ts';
import { Arrivals } from '../../../services/tick-feed/arrivals.ts';
import { Intake } from '../../../services/tick-feed/intake.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'intake-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const now = nanoseconds('2026-11-20T22:00:00Z');
const told = (id: number, time: string, conditions: string[]) => {
  const trade = { T: 't', S: 'AAPL', i: id, x: 'V', p: 1, s: 1, t: `2026-11-20T${time}Z`, c: conditions };
  return { kind: 'trade' as const, symbol: 'AAPL', text: JSON.stringify(trade), trade };
};
const session = told(1, '21:29:59.500', ['@']);
const late = told(2, '21:30:00', ['@', 'T']);

function intakeOfSession() {
  let leftOut = 0;
  const intake = new Intake({
    token: 1,
    arrivals: new Arrivals(),
    overlapMs: 1_000,
    bufferBytes: 2_000,
    spillDirectory: directory,
    leaveOut: isExtendedHours,
    leftOut: () => {
      leftOut += 1;
    },
    arrived: () => {},
  });
  const taken = () => {
    const ids: number[] = [];
    for (let entry = intake.take(); entry; entry = intake.take()) ids.push(JSON.parse(entry.data).trade.i);
    return ids;
  };
  return { intake, taken, leftOut: () => leftOut };
}

describe('an intake that leaves trades out', () => {
  it('remembers how far they went: the history is asked from there on', () => {
    const { intake, taken, leftOut } = intakeOfSession();
    intake.live([session, late], now);
    expect([intake.newest('AAPL'), taken(), leftOut()]).toEqual([nanoseconds(late.trade.t), [1], 1]);
  });

  it('counts those of the history neither as filled nor twice', () => {
    const { intake, taken, leftOut } = intakeOfSession();
    expect(intake.history([session, late], now)).toBe(1);
    expect(intake.history([session, late], now)).toBe(0);
    expect([taken(), leftOut(), intake.repeated]).toEqual([[1], 1, 2]);
  });

  it('lets them wait during a fill: were it broken off, what the history has before them is still asked for', async () => {
    const { intake, taken, leftOut } = intakeOfSession();
    intake.hold();
    // Enough for some of them to wait on the disk.
    const later = Array.from({ length: 30 }, (_, index) => told(10 + index, `21:30:${10 + index}`, ['T']));
    intake.live([late, ...later], now);
    expect([intake.newest('AAPL'), leftOut()]).toEqual([undefined, 0]);
    intake.history([session], now);
    await intake.releaseHeld(async () => {}, new AbortController().signal);
    expect([taken(), leftOut()]).toEqual([[1], 31]);
    expect(intake.newest('AAPL')).toBe(nanoseconds('2026-11-20T21:30:39Z'));
  });
});
