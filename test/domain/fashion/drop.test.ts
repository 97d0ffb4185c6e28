import fc from 'fast-check';
import {
  compareDrops,
  type Drop,
  dropOrder,
  loadKey,
  parseLoadKey,
  slotInstant,
  slotOf,
  slotSchedule,
} from '../../../domain/fashion/drop.ts';

const paris = { timeZone: 'Europe/Paris', slots: ['0600', '1800'] };
const at = (iso: string) => Date.parse(iso);
const byTime = (iso: string, schedule = paris) =>
  slotOf({ fileName: 'stock.xlsx', modifiedAt: at(iso) }, schedule);
const byName = (fileName: string) => slotOf({ fileName, modifiedAt: 0 }, paris);

describe("a file's slot by its name", () => {
  it.each([
    ['inventory_2026-11-20_0600.xlsx', '2026-11-20', '0600'],
    ['inventory-20261120-1800.xlsx', '2026-11-20', '1800'],
    ['full-inventory_2026-11-20_0600.xlsx', '2026-11-20', '0600'],
    ['inventory_2026-11-20_0715.xlsx', '2026-11-20', '0600'],
    ['inventory_2026-11-20_2359.xlsx', '2026-11-20', '1800'],
    ['inventory_2026-01-01_0559.xlsx', '2025-12-31', '1800'],
  ])('%s is %s %s', (fileName, date, slot) => {
    expect(byName(fileName)).toEqual({ date, slot });
  });

  it.each([
    'inventory_2026-13-40_0600.xlsx',
    'inventory_20260230_0600.xlsx',
    'inventory_2026-11-20_2460.xlsx',
  ])('%s is refused', (fileName) => {
    expect(() => byName(fileName)).toThrow(
      expect.objectContaining({ code: 'DropNameInvalid', value: fileName }),
    );
  });

  it('follows a pattern of the client', () => {
    const pattern = '^(?<slot>\\d{4})h (?<date>\\d{8})';
    expect(slotOf({ fileName: '1800h 20261120.xlsx', modifiedAt: 0 }, paris, pattern)).toEqual({
      date: '2026-11-20',
      slot: '1800',
    });
  });

  it.each(['(', 'inventory.xlsx', '(?<date>.+)'])('the pattern %s is refused', (pattern) => {
    expect(() => slotOf({ fileName: 'a', modifiedAt: 0 }, paris, pattern)).toThrow(
      expect.objectContaining({ code: 'FileNamePatternInvalid' }),
    );
  });
});

describe("a file's slot by its modification time", () => {
  it.each([
    ['2026-11-20T05:00:00Z', '2026-11-20', '0600'],
    ['2026-11-20T04:59:59.999Z', '2026-11-19', '1800'],
    ['2026-11-20T16:59:59Z', '2026-11-20', '0600'],
    ['2026-11-20T17:00:00Z', '2026-11-20', '1800'],
    ['2026-11-20T23:30:00Z', '2026-11-20', '1800'],
    // Summer time: one hour earlier in UTC.
    ['2026-07-01T04:00:00Z', '2026-07-01', '0600'],
    ['2026-07-01T03:59:59Z', '2026-06-30', '1800'],
    // The morning after each change of the clocks.
    ['2026-03-29T04:00:00Z', '2026-03-29', '0600'],
    ['2026-03-29T03:59:59Z', '2026-03-28', '1800'],
    ['2026-10-25T05:00:00Z', '2026-10-25', '0600'],
    ['2026-10-25T04:59:59Z', '2026-10-24', '1800'],
  ])('%s in Paris is %s %s', (iso, date, slot) => {
    expect(byTime(iso)).toEqual({ date, slot });
  });

  it('a slot in the hour that the clocks jump over begins when they jump', () => {
    const schedule = { timeZone: 'Europe/Paris', slots: ['0100', '0230'] };
    expect(byTime('2026-03-29T00:59:59Z', schedule)).toEqual({ date: '2026-03-29', slot: '0100' });
    expect(byTime('2026-03-29T01:00:00Z', schedule)).toEqual({ date: '2026-03-29', slot: '0230' });
  });

  it('a slot in the hour that comes twice begins the first time and stays', () => {
    const schedule = { timeZone: 'Europe/Paris', slots: ['0100', '0230'] };
    expect(byTime('2026-10-25T00:29:59Z', schedule)).toEqual({ date: '2026-10-25', slot: '0100' });
    expect(byTime('2026-10-25T00:30:00Z', schedule)).toEqual({ date: '2026-10-25', slot: '0230' });
    // 02:05 for the second time.
    expect(byTime('2026-10-25T01:05:00Z', schedule)).toEqual({ date: '2026-10-25', slot: '0230' });
  });

  it('a zone that skipped a whole day has the slots of the day before it', () => {
    const apia = { timeZone: 'Pacific/Apia', slots: ['0600'] };
    expect(byTime('2011-12-30T10:00:00Z', apia).slot).toBe('0600');
  });

  it('is the last slot that had begun, in any zone at any time', () => {
    const zones = fc.constantFrom(
      'Europe/Paris',
      'America/New_York',
      'Australia/Lord_Howe',
      'Asia/Kolkata',
      'UTC',
    );
    fc.assert(
      fc.property(
        zones,
        fc.integer({ min: at('2000-01-01'), max: at('2037-01-01') }),
        (timeZone, modifiedAt) => {
          const schedule = { timeZone, slots: ['0130', '0230', '1800'] };
          const found = slotOf({ fileName: 'x', modifiedAt }, schedule);
          const begin = slotInstant(found, timeZone);
          expect(begin).toBeLessThanOrEqual(modifiedAt);
          const days = [0, 1].map((d) =>
            new Date(at(found.date) + d * 86_400_000).toISOString().slice(0, 10),
          );
          const later = days
            .flatMap((date) => schedule.slots.map((slot) => slotInstant({ date, slot }, timeZone)))
            .filter((instant) => instant > begin);
          expect(Math.min(...later)).toBeGreaterThan(modifiedAt);
        },
      ),
    );
  });
});

describe('a schedule of slots', () => {
  it('is sorted', () => {
    expect(slotSchedule({ timeZone: 'UTC', slots: ['1800', '0600'] }).slots).toEqual(['0600', '1800']);
  });

  it.each([
    { timeZone: 'Europe/Atlantis', slots: ['0600'] },
    { timeZone: 'UTC', slots: [] },
    { timeZone: 'UTC', slots: ['0600', '0600'] },
    { timeZone: 'UTC', slots: ['6:00'] },
    { timeZone: 'UTC', slots: ['2400'] },
  ])('%j is refused', (schedule) => {
    expect(() => slotSchedule(schedule)).toThrow(expect.objectContaining({ code: 'SlotScheduleInvalid' }));
  });
});

const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
/** From few values, so that equal dates, slots, times and hashes are frequent. */
const drop: fc.Arbitrary<Drop> = fc.record({
  date: fc.constantFrom('0999-12-31', '2026-11-19', '2026-11-20'),
  slot: fc.constantFrom('0600', '1800'),
  modifiedAt: fc.oneof(fc.constantFrom(0, 9, 10, 1_763_618_400_000), fc.nat(253_402_300_799_999)),
  sha256: fc.oneof(fc.constantFrom('0'.repeat(64), 'f'.repeat(64)), hash),
  fileName: fc.constant('inventory.xlsx'),
});
const tuple = (d: Drop) => [d.date, d.slot, d.modifiedAt, d.sha256] as const;
function compareTuples(a: Drop, b: Drop): number {
  const [left, right] = [tuple(a), tuple(b)];
  for (let i = 0; i < left.length; i++) {
    const [x, y] = [left[i], right[i]] as [string, string];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}

describe('the order of drops', () => {
  it('as bytes of dropOrder is that of (date, slot, modification time, hash)', () => {
    fc.assert(
      fc.property(drop, drop, (a, b) => {
        expect(compareDrops(a, b)).toBe(compareTuples(a, b));
        expect(Math.sign(Buffer.compare(Buffer.from(dropOrder(a)), Buffer.from(dropOrder(b))))).toBe(
          compareTuples(a, b),
        );
      }),
    );
  });

  it('is total: antisymmetric and transitive', () => {
    fc.assert(
      fc.property(drop, drop, drop, (a, b, c) => {
        expect(Math.sign(compareDrops(a, b)) + Math.sign(compareDrops(b, a))).toBe(0);
        if (compareDrops(a, b) <= 0 && compareDrops(b, c) <= 0)
          expect(compareDrops(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it('is found again from any permutation', () => {
    const shuffled = fc
      .array(drop, { maxLength: 12 })
      .chain((drops) =>
        fc.tuple(fc.constant(drops), fc.shuffledSubarray(drops, { minLength: drops.length })),
      );
    fc.assert(
      fc.property(shuffled, ([drops, permuted]) => {
        const orders = (each: Drop[]) => [...each].sort(compareDrops).map(dropOrder);
        expect(orders(permuted)).toEqual(orders(drops));
      }),
    );
  });

  it.each([
    { date: '2026-02-30' },
    { slot: '2500' },
    { modifiedAt: -1 },
    { modifiedAt: 1.5 },
    { sha256: 'F'.repeat(64) },
    { fileName: '' },
  ])('a drop with %j is refused', (change) => {
    const good = {
      date: '2026-11-20',
      slot: '0600',
      modifiedAt: 1,
      sha256: 'f'.repeat(64),
      fileName: 'a.xlsx',
    };
    expect(() => dropOrder({ ...good, ...change })).toThrow(expect.objectContaining({ code: 'DropInvalid' }));
  });
});

describe('a load key', () => {
  it('reads back as what it was made of', () => {
    fc.assert(
      fc.property(drop, fc.stringMatching(/^[0-9]{1,3}$/), (d, transformVersion) => {
        const { date, slot, sha256 } = d;
        expect(parseLoadKey(loadKey(d, transformVersion))).toEqual({ date, slot, sha256, transformVersion });
      }),
    );
  });

  it('of anything else is refused', () => {
    expect(() => parseLoadKey('2026-11-20/0600/abc/v1')).toThrow(
      expect.objectContaining({ code: 'LoadKeyInvalid' }),
    );
    const name = { date: '2026-11-20', slot: '0600', sha256: 'a'.repeat(64) };
    expect(() => loadKey(name, '1/2')).toThrow(expect.objectContaining({ code: 'LoadKeyInvalid' }));
  });
});
