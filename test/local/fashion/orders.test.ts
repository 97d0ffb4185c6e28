import {
  type Content,
  dropsOfAnOrder,
  type MadeDrop,
  makeDrops,
} from '../../../local/fashion/orders/client.ts';
import {
  differences,
  doubledRows,
  expectedTables,
  line,
  lostRows,
  type Tables,
} from '../../../local/fashion/orders/expected.ts';
import { faultNames, needsSftp } from '../../../local/fashion/orders/faults.ts';
import { makePlan } from '../../../local/fashion/orders/plan.ts';
import { transformed } from '../../domain/fashion/workbooks.ts';

const seeds = Array.from({ length: 20 }, (_, index) => index + 1);
let orders: MadeDrop[][];
beforeAll(async () => {
  orders = await Promise.all(seeds.map(makeDrops));
});
const key = ({ date, slot, modifiedAt }: MadeDrop) => `${date} ${slot} ${modifiedAt}`;

describe('the drops of a seed', () => {
  it('are the same, byte for byte, for the same seed, and others for another', async () => {
    const [first, again, other] = await Promise.all([makeDrops(7), makeDrops(7), makeDrops(8)]);
    expect(again).toEqual(first);
    expect(other.map(({ sha256 }) => sha256)).not.toEqual(first.map(({ sha256 }) => sha256));
  });

  it('are read by the transform as what they were made up of', async () => {
    for (const { content } of orders.slice(0, 5).flat()) {
      if (content.refused) {
        await expect(transformed(content.bytes)).rejects.toMatchObject({ code: content.refused });
        continue;
      }
      const { rowsIn, rowsOut, bad } = await transformed(content.bytes);
      expect({ rowsIn, rowsOut }).toEqual({
        rowsIn: content.good.length + content.bad.length,
        rowsOut: content.good.length,
      });
      expect(bad.map(({ row, cell, reason }) => ({ row: Number(row), cell, reason }))).toEqual(content.bad);
    }
  });

  it('have corrections, stocks that come back within a slot and over slots, ties, bad rows and refused workbooks', () => {
    const some = (found: (drop: MadeDrop, before: MadeDrop[]) => boolean) =>
      orders.some((drops) => drops.some((drop, index) => found(drop, drops.slice(0, index))));
    const sameSlot = (a: MadeDrop, b: MadeDrop) => a.date === b.date && a.slot === b.slot;
    expect(orders.every(({ length }) => length === dropsOfAnOrder)).toBe(true);
    expect(
      some((drop, before) =>
        before.some((one) => one.fileName === drop.fileName && one.sha256 !== drop.sha256),
      ),
    ).toBe(true);
    expect(
      some((drop, before) => before.some((one) => sameSlot(one, drop) && one.sha256 === drop.sha256)),
    ).toBe(true);
    expect(
      some((drop, before) => before.some((one) => !sameSlot(one, drop) && one.sha256 === drop.sha256)),
    ).toBe(true);
    expect(
      some((drop, before) => before.some((one) => key(one) === key(drop) && one.sha256 !== drop.sha256)),
    ).toBe(true);
    expect(some(({ content }) => content.refused === undefined && content.bad.length > 0)).toBe(true);
    for (const code of ['WorkbookUnreadable', 'ColumnMissing', 'ReportEmpty', 'AllRowsRejected'])
      expect([code, some(({ content }) => content.refused === code)]).toEqual([code, true]);
  });
});

describe('the order of a seed', () => {
  it('is the same for the same seed; another permutation is another order, without faults', async () => {
    const drops = await makeDrops(3);
    expect(makePlan(3, drops)).toEqual(makePlan(3, drops));
    expect(makePlan(3, drops, 1)).not.toEqual(makePlan(3, drops));
    expect(makePlan(3, drops, 1).flatMap(({ faults }) => faults)).toEqual([]);
  });

  it('lets every drop arrive once, and come again only after it arrived', () => {
    for (const [index, drops] of orders.entries()) {
      const seed = seeds[index] as number;
      const arrived = new Set<number>();
      for (const { actions } of makePlan(seed, drops)) {
        const now = actions.filter(({ what }) => what === 'arrives').map(({ drop }) => drop);
        for (const { what, drop } of actions) if (what !== 'arrives') expect(arrived.has(drop)).toBe(true);
        for (const drop of now) {
          expect(arrived.has(drop)).toBe(false);
          arrived.add(drop);
        }
      }
      expect(arrived.size).toBe(drops.length);
    }
  });

  it('puts no two files of one name on the server at once, and no file that only was touched', () => {
    for (const [index, drops] of orders.entries()) {
      const seed = seeds[index] as number;
      const served = new Map<string, string>();
      for (const { actions } of makePlan(seed, drops)) {
        const files = actions.flatMap((action) =>
          action.what === 'arrives' && action.by === 'sftp' ? [drops[action.drop] as MadeDrop] : [],
        );
        expect(new Set(files.map(({ fileName }) => fileName)).size).toBe(files.length);
        for (const { fileName, sha256 } of files) {
          expect(served.get(fileName)).not.toBe(sha256);
          served.set(fileName, sha256);
        }
      }
    }
  });

  it('has every kind of arrival and every fault in the hundred orders of a soak; those of the collector where it runs', () => {
    const kinds = new Set<string>();
    for (let seed = 1; seed <= 100; seed += 1) {
      const drops = Array.from({ length: dropsOfAnOrder }, (_, index) =>
        made({ minutes: index, name: `${index}` }),
      );
      for (const { actions, faults } of makePlan(seed, drops)) {
        for (const action of actions) {
          kinds.add(action.what === 'arrives' ? `arrives by ${action.by}` : action.what);
          if (action.what === 'is replayed') kinds.add(`is replayed from ${action.from}`);
        }
        for (const fault of faults) {
          kinds.add(fault);
          if (needsSftp(fault)) expect(actions).toContainEqual(expect.objectContaining({ by: 'sftp' }));
        }
      }
    }
    expect([...kinds].sort()).toEqual(
      [
        'arrives by sftp',
        'arrives by archive',
        'is put back',
        'is told again',
        'is replayed',
        'is replayed from xlsx',
        'is replayed from csv',
        ...faultNames,
      ].sort(),
    );
  });
});

/** A drop of a few rows whose hash is its name. */
function made(o: { slot?: string; minutes?: number; name?: string; content?: Partial<Content> }): MadeDrop {
  const { slot = '0600', minutes = 0, name = 'a' } = o;
  const content: Content = { bytes: new Uint8Array(), sha256: name, good: [[name]], bad: [], ...o.content };
  return {
    date: '2026-11-20',
    slot,
    modifiedAt: minutes,
    sha256: name,
    fileName: `${name}.xlsx`,
    content,
  };
}

describe('the tables that drops alone say', () => {
  const tables = (...drops: MadeDrop[]) => expectedTables(drops, '1', (drop) => drop.fileName);
  const load = (slot: string, name: string) => `2026-11-20/${slot}/${name}/v1`;
  const order = (slot: string, minutes: number, name: string) =>
    `2026-11-20/${slot}/${String(minutes).padStart(15, '0')}/${name}`;

  it('the newest is current, by slot, then by time, then by hash; in whatever order they are given', () => {
    const [a, b, c] = [
      made({ slot: '1800', minutes: 1, name: 'a' }),
      made({ slot: '1800', minutes: 1, name: 'b' }),
      made({ slot: '0600', minutes: 9, name: 'c' }),
    ] as const;
    expect(tables(b, a, c).current_positions).toEqual([line(load('1800', 'b'), 'b')]);
    expect(tables(b, a, c).current_drop).toEqual([line(load('1800', 'b'), order('1800', 1, 'b'))]);
    expect(tables(c, a, b)).toEqual(tables(b, a, c));
    expect(tables(a, b, c).position_history).toHaveLength(3);
  });

  it('what goes A, B, A in one slot is two loads, A as it was written last', () => {
    const found = tables(
      made({ minutes: 1, name: 'a' }),
      made({ minutes: 2, name: 'b' }),
      made({ minutes: 3, name: 'a' }),
    );
    expect(found.load_ledger).toEqual([
      line(load('0600', 'a'), 3, order('0600', 3, 'a'), 'a.xlsx', 1, 1, 0),
      line(load('0600', 'b'), 2, order('0600', 2, 'b'), 'b.xlsx', 1, 1, 0),
    ]);
    expect(found.position_history).toHaveLength(2);
    expect(found.current_positions).toEqual([line(load('0600', 'a'), 'a')]);
  });

  it('the same content in two slots is two loads', () => {
    const found = tables(made({ slot: '0600' }), made({ slot: '1800' }));
    expect(found.position_history).toHaveLength(2);
    expect(found.load_ledger).toHaveLength(2);
  });

  it('a refused workbook is in no table, and what was set aside of it stays', () => {
    const bad = [{ row: 2, cell: 'H2', reason: 'OutOfRange' }];
    const refused = made({ minutes: 5, name: 'r', content: { good: [], bad, refused: 'AllRowsRejected' } });
    const found = tables(made({ name: 'a' }), refused);
    expect(found).toEqual({
      ...tables(made({ name: 'a' })),
      set_aside: [line(order('0600', 5, 'r'), 2, 'H2', 'OutOfRange')],
    });
  });
});

describe('what is said of tables that differ', () => {
  const none: Tables = {
    current_positions: [],
    position_history: [],
    load_ledger: [],
    current_drop: [],
    set_aside: [],
    staging_tables: [],
  };

  it('a row that is missing, one too many, and one that is there twice', () => {
    const expected = { ...none, position_history: ['a', 'b'], current_positions: ['a'] };
    const found = {
      ...none,
      position_history: ['a'],
      current_positions: ['a', 'a'],
      staging_tables: ['load_1'],
    };
    expect(differences(expected, found)).toEqual([
      'current_positions has 1 row, such as a that it should not have',
      'position_history lacks 1 row, such as b',
      'staging_tables has 1 row, such as load_1 that it should not have',
    ]);
    expect(lostRows(expected, found)).toBe(1);
    expect(doubledRows(found)).toBe(1);
  });

  it('nothing of equal ones', () => {
    const tables = { ...none, position_history: ['a', 'b'] };
    expect(differences(tables, { ...tables })).toEqual([]);
    expect([lostRows(tables, tables), doubledRows(tables)]).toEqual([0, 0]);
  });
});
