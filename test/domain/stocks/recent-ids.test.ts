import fc from 'fast-check';
import { RecentIds, recentIdWindow } from '../../../domain/stocks/recent-ids.ts';

type Id = readonly [venue: string, tradingDay: string, id: number];
const ids = (most: number) =>
  fc.array(
    fc.tuple(
      fc.constantFrom('D', 'Q', 'N'),
      fc.constantFrom('2026-11-19', '2026-11-20'),
      fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat()),
    ),
    { maxLength: most, size: 'max' },
  );

/** What was new, as a list that is searched and cut. */
function naive(list: readonly Id[]): boolean[] {
  const window: string[] = [];
  return list.map((id) => {
    const text = id.join('|');
    if (window.includes(text)) return false;
    window.push(text);
    if (window.length > recentIdWindow) window.shift();
    return true;
  });
}

const add = (recent: RecentIds, list: readonly Id[]) => list.map((id) => recent.add(...id));

describe('the window of recent ids', () => {
  it('knows the last 512 of any ids, with packing in between', () => {
    fc.assert(
      fc.property(ids(1200), fc.nat({ max: 1200 }), (list, pause) => {
        const recent = new RecentIds();
        const first = add(recent, list.slice(0, pause));
        const second = add(new RecentIds(recent.pack()), list.slice(pause));
        expect([...first, ...second]).toEqual(naive(list));
      }),
      { numRuns: 10 },
    );
  });

  it('packed, read and packed again is the same', () => {
    fc.assert(
      fc.property(ids(700), (list) => {
        const recent = new RecentIds();
        add(recent, list);
        expect(new RecentIds(recent.pack()).pack()).toEqual(recent.pack());
      }),
      { numRuns: 20 },
    );
  });

  it('is the same however often it was packed on the way', () => {
    fc.assert(
      fc.property(ids(100), fc.nat({ max: 100 }), (list, pause) => {
        const once = new RecentIds();
        add(once, list);
        const often = new RecentIds();
        add(often, list.slice(0, pause));
        often.pack();
        add(often, list.slice(pause));
        expect(often.pack()).toEqual(once.pack());
      }),
    );
  });

  it('lasts for years of trading days', () => {
    const recent = new RecentIds();
    const list = Array.from({ length: 70_000 }, (_, day): Id => ['D', String(day), 7]);
    expect(new Set(add(recent, list))).toEqual(new Set([true]));
    expect(recent.add('D', '69999', 7)).toBe(false);
    expect(recent.pack().groups).toHaveLength(recentIdWindow);
  });

  it('does not take an empty place for the id 0', () => {
    const recent = new RecentIds();
    expect([recent.add('D', '2026-11-20', 0), recent.add('D', '2026-11-20', 0)]).toEqual([true, false]);
  });

  it.each([
    ['a group that it does not name', { groups: [], ids: Buffer.from([0, 1]).toString('base64') }],
    ['half a number', { groups: ['D|2026-11-20'], ids: Buffer.from([0, 128]).toString('base64') }],
    ['half an id', { groups: ['D|2026-11-20'], ids: Buffer.from([0]).toString('base64') }],
    ['too many ids', { groups: ['D|2026-11-20'], ids: Buffer.alloc(1026).toString('base64') }],
  ])('%s is refused', (_, packed) => {
    expect(() => new RecentIds(packed)).toThrow(/window of ids/);
  });
});
