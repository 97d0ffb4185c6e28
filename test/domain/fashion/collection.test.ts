import {
  type CollectedDrop,
  dropTime,
  dueToHashAgain,
  hasSettled,
  isLate,
  isOfSlot,
} from '../../../domain/fashion/collection.ts';
import { workbookKey } from '../../../domain/fashion/keys.ts';

const zone = 'Europe/Paris';
const at = { date: '2026-11-20', slot: '0600' };
/** 06:00 in Paris on that day. */
const begin = Date.parse('2026-11-20T05:00:00Z');
const file = { size: 100, modifiedAt: begin };
const sha256 = 'a'.repeat(64);

function collected(modifiedAt: number, filedAs = modifiedAt): CollectedDrop {
  const key = workbookKey({ ...at, modifiedAt: filedAs, sha256, fileName: 'inventory.xlsx' });
  return { size: 100, modifiedAt, sha256, key };
}

describe('a file has come to rest', () => {
  const seen = { ...file, at: begin + 1_000 };

  it('when an earlier look saw the same, long enough ago', () => {
    expect(hasSettled(file, seen, seen.at + 15_000, 15)).toBe(true);
    expect(hasSettled(file, seen, seen.at + 14_999, 15)).toBe(false);
    expect(hasSettled(file, seen, seen.at, 0)).toBe(true);
  });

  it('not at the first look at it', () => expect(hasSettled(file, undefined, begin, 0)).toBe(false));

  it('not when size or time is another', () => {
    for (const now of [
      { ...file, size: 101 },
      { ...file, modifiedAt: begin + 1_000 },
    ])
      expect(hasSettled(now, seen, seen.at + 60_000, 15)).toBe(false);
  });

  it('not by a look that began before the other one had ended', () =>
    expect(hasSettled(file, seen, seen.at - 1, 0)).toBe(false));
});

describe('a drop is filed under', () => {
  it('the time on the server', () => {
    expect(dropTime(file, undefined)).toBe(begin);
    expect(dropTime(file, collected(begin - 1_000))).toBe(begin);
    expect(dropTime(file, collected(begin + 1_000))).toBe(begin);
  });

  it('a millisecond more than the drop of the same second that it corrects, again and again', () => {
    expect(dropTime(file, collected(begin))).toBe(begin + 1);
    expect(dropTime(file, collected(begin, begin + 1))).toBe(begin + 2);
  });
});

describe('hashed again', () => {
  const day = 86_400_000;
  const files = [0, 4, 1, 3].map((daysAgo) => ({ size: 1, modifiedAt: begin - daysAgo * day }));

  it('are the files of the days before the newest one, newest first', () => {
    expect(dueToHashAgain(files, 3 * 86_400).map(({ modifiedAt }) => (begin - modifiedAt) / day)).toEqual([
      0, 1, 3,
    ]);
  });

  it('is none where it is turned off, or nothing is there', () => {
    expect(dueToHashAgain(files, 0)).toEqual([]);
    expect(dueToHashAgain([], 86_400)).toEqual([]);
  });
});

it('a report is late that was written after the grace period of its slot, in the zone of the client', () => {
  const grace = 45 * 60;
  const written = (modifiedAt: number) => isLate({ size: 1, modifiedAt }, at, zone, grace);
  expect(written(begin + grace * 1000)).toBe(false);
  expect(written(begin + grace * 1000 + 1)).toBe(true);
  expect(written(begin - 3_600_000)).toBe(false);
});

it('a workbook is of the slot that its key names', () => {
  const { key } = collected(begin);
  expect(isOfSlot(key, at)).toBe(true);
  expect(isOfSlot(key, { ...at, slot: '1800' })).toBe(false);
  expect(isOfSlot(key, { ...at, date: '2026-11-21' })).toBe(false);
});
