/** The statements of a load on our Redshift Data API over PostgreSQL, after the migrations, as the loader's and the reader's roles. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { jest } from '@jest/globals';
import { csvLine } from '../../../domain/fashion/csv.ts';
import { type Drop, loadKey } from '../../../domain/fashion/drop.ts';
import type { Transformed } from '../../../domain/fashion/events.ts';
import { inventoryLayout as layout } from '../../../domain/fashion/inventory-layout.ts';
import { csvKey, workbookKey } from '../../../domain/fashion/keys.ts';
import {
  checkStatement,
  discardStatement,
  publishStatements,
  reconcileStatement,
  stageStatements,
} from '../../../domain/fashion/sql.ts';
import { copyManifest } from '../../../domain/shared/copy-manifest.ts';
import { splitStatements } from '../../../domain/warehouse/migrations.ts';
import {
  copyRole,
  startWarehouse,
  type TestWarehouse,
} from '../../local/redshift-data/warehouse-under-test.ts';

jest.setTimeout(600_000);

const folder = 'stacks/fashion/migrations';
const migrations = readdirSync(folder)
  .sort()
  .map((file) => splitStatements(readFileSync(`${folder}/${file}`, 'utf8')));

let warehouse: TestWarehouse;
let loader: ReturnType<TestWarehouse['caller']>;
let reader: ReturnType<TestWarehouse['caller']>;

beforeAll(async () => {
  warehouse = await startWarehouse();
  warehouse.rolesOf.loader = ['fashion_loader'];
  warehouse.rolesOf.reader = ['fashion_reader'];
  for (const migration of migrations) await warehouse.admin.ok(migration);
  loader = warehouse.caller('/as/loader');
  reader = warehouse.caller('/as/reader');
});
afterAll(() => warehouse.close());
beforeEach(() =>
  warehouse.admin.ok(
    ['current_positions', 'position_history', 'load_ledger', 'current_drop'].map(
      (table) => `DELETE FROM fashion.${table}`,
    ),
  ),
);

const bucket = 'archive';
const header = layout.columns.map(({ name }) => name);
/** One article at one place, as the transform writes it. */
const position = (sku: string, onHand: number, location = 'PARIS', description = '') =>
  `${sku},S1,${description},Shoes,,,${location},${onHand},1,19.90,,false\n`;

/** A drop as the transform describes it, its CSV in the archive. @param rows lines of CSV */
function drop(o: {
  date?: string;
  slot?: string;
  minutes?: number;
  workbook?: string;
  rows: string[];
}): Transformed {
  const { date = '2026-11-20', slot = '0600', minutes = 1, rows } = o;
  const csv = csvLine(header) + rows.join('');
  const sha256 = createHash('sha256')
    .update(o.workbook ?? csv)
    .digest('hex');
  const named: Drop = {
    date,
    slot,
    modifiedAt: Date.parse(`${date}T${slot.slice(0, 2)}:00:00Z`) + minutes * 60_000,
    sha256,
    fileName: 'inventory.xlsx',
  };
  warehouse.store.put(`${bucket}/${csvKey(named)}`, csv);
  return {
    drop: named,
    transformVersion: '1',
    loadKey: loadKey(named, '1'),
    csvKey: csvKey(named),
    csvBytes: Buffer.byteLength(csv),
    csvSha256: createHash('sha256').update(csv).digest('hex'),
    rejectedKey: null,
    rowsIn: rows.length,
    rowsOut: rows.length,
    rowsRejected: 0,
    collectedAt: '2026-11-20T05:02:00.000Z',
    transformedAt: '2026-11-20T05:03:00.000Z',
  };
}

async function stage(transformed: Transformed, run = 'run-1'): Promise<void> {
  const manifest = `manifest/${run}.json`;
  const entries = [{ key: transformed.csvKey, bytes: transformed.csvBytes }];
  warehouse.store.put(`${bucket}/${manifest}`, copyManifest(bucket, entries));
  await loader.ok(
    stageStatements({ layout, run, manifestUrl: `s3://${bucket}/${manifest}`, copyRoleArn: copyRole }),
  );
}

/** Stages and publishes. @returns what the last statement says: [is_current, is_unchanged] */
async function load(transformed: Transformed, o: { run?: string; force?: boolean } = {}): Promise<unknown[]> {
  const { run = 'run-1', force = false } = o;
  await stage(transformed, run);
  const statements = publishStatements({
    layout,
    run,
    drop: transformed,
    archiveKey: workbookKey(transformed.drop),
    stagedAt: '2026-11-20T05:04:00.000Z',
    force,
  });
  const last = statements.pop() as string;
  await loader.ok(statements);
  const [row = []] = await loader.rows(last);
  return row;
}

const loads = async (transformed: Transformed) => (await loader.rows(checkStatement(transformed)))[0]?.[0];
/** [rows, positions] of what a run has staged. */
const reconciled = async () => (await loader.rows(reconcileStatement(layout, 'run-1'))).flat().map(Number);
const current = () =>
  reader.rows('SELECT sku, location, on_hand FROM fashion.current_positions ORDER BY 1, 2');
const history = () =>
  reader.rows(
    'SELECT drop_date::VARCHAR, drop_slot, drop_sha256, load_key, sku, on_hand FROM fashion.position_history ORDER BY 1, 2, 3, 5',
  );
const ledger = (columns: string) =>
  reader.rows(`SELECT ${columns} FROM fashion.load_ledger ORDER BY drop_order`);
const historyOf = (
  { drop: { date, slot, sha256 }, loadKey: key }: Transformed,
  ...rows: [string, number][]
) => rows.map((row) => [date, slot, sha256, key, ...row]);

describe('a drop', () => {
  it('is current, in the history and in the ledger, with the values of its CSV', async () => {
    const one = drop({ rows: [position('A', 3, 'PARIS', '"Boot, ""high"""'), position('B', 5)] });
    expect(await load(one)).toEqual([true, false]);
    const values =
      'sku, style, description, category, colour, size, location, on_hand, reserved, unit_price::VARCHAR, available_from::VARCHAR, discontinued';
    const row = (sku: string, description: string | null, onHand: number) => [
      ...[sku, 'S1', description, 'Shoes', null, null, 'PARIS', onHand, 1, '19.90', null, false],
    ];
    const both = [row('A', 'Boot, "high"', 3), row('B', null, 5)];
    for (const table of ['current_positions', 'position_history'])
      expect(await reader.rows(`SELECT ${values} FROM fashion.${table} ORDER BY sku`)).toEqual(both);
    expect(await history()).toEqual(historyOf(one, ['A', 3], ['B', 5]));
    expect(
      await ledger(
        'load_key, drop_date::VARCHAR, drop_slot, drop_sha256, modified_at_ms, transform_version, csv_key',
      ),
    ).toEqual([[one.loadKey, '2026-11-20', '0600', one.drop.sha256, one.drop.modifiedAt, '1', one.csvKey]]);
    expect(
      await ledger('archive_key, csv_sha256, run, forced, outcome, rows_in, rows_loaded, rows_rejected'),
    ).toEqual([[workbookKey(one.drop), one.csvSha256, 'run-1', false, 'current', 2, 2, 0]]);
  });

  it('leaves no staging table, and the one of a run that is discarded goes', async () => {
    const staged = () =>
      warehouse.admin.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'fashion_staging'");
    await load(drop({ rows: [position('A', 3)] }));
    expect(await staged()).toEqual([]);
    await stage(drop({ rows: [position('A', 3)] }), 'run-2');
    expect(await staged()).toHaveLength(1);
    await loader.ok(discardStatement('run-2'));
    expect(await staged()).toEqual([]);
  });

  it('staged twice by one run is staged once', async () => {
    const one = drop({ rows: [position('A', 3), position('B', 5)] });
    await stage(one);
    await stage(one);
    expect(await reconciled()).toEqual([2, 2]);
  });

  it('with a position twice has fewer positions than rows; its place is part of a position', async () => {
    await stage(
      drop({ rows: [position('A', 3), position('A', 4), position('A', 5, 'ROME'), position('B', 6)] }),
    );
    expect(await reconciled()).toEqual([4, 3]);
  });

  it('loaded again, by another run, leaves the same tables', async () => {
    const one = drop({ rows: [position('A', 3)] });
    await load(one);
    const before = [await current(), await history()];
    expect(await load(one, { run: 'run-2' })).toEqual([true, false]);
    expect([await current(), await history()]).toEqual(before);
    expect(await ledger('run')).toEqual([['run-2']]);
  });
});

it('by another version of the transform, the drop that is current is replaced, and its rows in the history too', async () => {
  const one = drop({ workbook: 'the same', rows: [position('A', 3)] });
  await load(one);
  const again = drop({ workbook: 'the same', rows: [position('A', 4)] });
  const newer = { ...again, transformVersion: '2', loadKey: loadKey(again.drop, '2') };
  expect(await load(newer)).toEqual([true, false]);
  expect(await current()).toEqual([['A', 'PARIS', 4]]);
  expect(await history()).toEqual(historyOf(newer, ['A', 4]));
  expect(await ledger('transform_version')).toHaveLength(2);
});

describe('a repetition', () => {
  it.each([
    ['of the same time is known', 1, 1],
    ['that is older is known', 0, 1],
    ['that was written later is not', 2, 0],
  ])('%s', async (_what, minutes, known) => {
    const rows = [position('A', 3)];
    await load(drop({ rows }));
    expect(await loads(drop({ rows, minutes }))).toBe(known);
  });

  it('of another version of the transform, or of another slot, is not known', async () => {
    const one = drop({ rows: [position('A', 3)] });
    await load(one);
    expect(await loads({ ...one, loadKey: loadKey(one.drop, '2') })).toBe(0);
    expect(await loads(drop({ rows: [position('A', 3)], slot: '1800' }))).toBe(0);
  });

  it('written later takes the ledger over; one that is older does not', async () => {
    const rows = [position('A', 3)];
    const times = () => ledger('modified_at_ms, run');
    const [first, later, older] = [5, 9, 1].map((minutes) => drop({ rows, minutes }));
    if (!first || !later || !older) throw new Error('three drops');
    await load(first, { run: 'run-1' });
    await load(later, { run: 'run-2' });
    expect(await times()).toEqual([[later.drop.modifiedAt, 'run-2']]);
    await load(older, { run: 'run-3' });
    expect(await times()).toEqual([[later.drop.modifiedAt, 'run-2']]);
  });

  it('from another place keeps where its content was first loaded from, and other content takes it over', async () => {
    const one = drop({ rows: [position('A', 3)] });
    const elsewhere = { ...one, csvKey: csvKey(one.drop, 'replay-1') };
    await load(one);
    warehouse.store.put(`${bucket}/${elsewhere.csvKey}`, csvLine(header) + position('A', 3));
    await load(elsewhere, { run: 'run-2' });
    expect(await ledger('csv_key')).toEqual([[one.csvKey]]);
    await load({ ...elsewhere, csvSha256: 'ef'.repeat(32) }, { run: 'run-3' });
    expect(await ledger('csv_key, csv_sha256')).toEqual([[elsewhere.csvKey, 'ef'.repeat(32)]]);
  });
});

describe('order', () => {
  const older = () => drop({ rows: [position('A', 3)] });
  const newer = () => drop({ rows: [position('A', 4)], slot: '1800' });

  it('a newer drop replaces the positions, and the history has both', async () => {
    const [first, second] = [older(), newer()];
    await load(first);
    expect(await load(second)).toEqual([true, false]);
    expect(await current()).toEqual([['A', 'PARIS', 4]]);
    expect(await history()).toEqual([...historyOf(first, ['A', 3]), ...historyOf(second, ['A', 4])]);
    expect(await ledger('outcome')).toEqual([['current'], ['current']]);
  });

  it('an older drop goes to the history alone, and says that it is not current', async () => {
    const [first, second] = [older(), newer()];
    await load(second);
    expect(await load(first)).toEqual([false, false]);
    expect(await current()).toEqual([['A', 'PARIS', 4]]);
    expect(await history()).toEqual([...historyOf(first, ['A', 3]), ...historyOf(second, ['A', 4])]);
    expect(await ledger('outcome, forced')).toEqual([
      ['history', false],
      ['current', false],
    ]);
    expect(await warehouse.admin.rows('SELECT load_key FROM fashion.current_drop')).toEqual([
      [second.loadKey],
    ]);
  });

  it('forced, it is current; what was current once stays that in the ledger', async () => {
    const [first, second] = [older(), newer()];
    await load(second);
    await load(first);
    expect(await load(first, { force: true })).toEqual([true, false]);
    expect(await current()).toEqual([['A', 'PARIS', 3]]);
    expect(await ledger('outcome, forced')).toEqual([
      ['current', true],
      ['current', false],
    ]);
    // The newer one is no longer current, and the older one may be loaded as it is.
    expect(await load(first)).toEqual([true, false]);
    expect(await load(second)).toEqual([true, false]);
    await load(first);
    expect(await ledger('outcome')).toEqual([['current'], ['current']]);
  });

  it('one workbook in two slots of a day, or on two days, is two sets of rows', async () => {
    const rows = [position('A', 3)];
    const drops = [drop({ rows }), drop({ rows, slot: '1800' }), drop({ rows, date: '2026-11-21' })];
    for (const each of drops) await load(each);
    for (const each of drops) await load(each, { run: 'again' });
    expect(await history()).toEqual(drops.flatMap((each) => historyOf(each, ['A', 3])));
  });

  it('a correction within a slot replaces the positions, and the history keeps both', async () => {
    const wrong = drop({ rows: [position('A', 3)] });
    const right = drop({ rows: [position('A', 4)], minutes: 30 });
    await load(wrong);
    await load(right);
    expect(await current()).toEqual([['A', 'PARIS', 4]]);
    expect(await load(wrong)).toEqual([false, false]);
    expect(await history()).toHaveLength(2);
  });
});

describe('an export that is stuck', () => {
  const rows = [position('A', 3)];
  const slots = (...contents: string[][]) =>
    contents.map((each, index) =>
      drop({
        rows: each,
        workbook: `workbook ${index}`,
        date: `2026-11-2${Math.floor(index / 2)}`,
        slot: index % 2 === 0 ? '0600' : '1800',
      }),
    );
  const unchanged = async (drops: Transformed[]) => {
    const said: unknown[] = [];
    for (const each of drops) said.push((await load(each))[1]);
    return said;
  };

  it('shows by the rows of the slot before it, not of an earlier one', async () => {
    expect(await unchanged(slots(rows, rows, [position('A', 4)], rows, rows))).toEqual([
      false,
      true,
      false,
      false,
      true,
    ]);
  });

  it('does not show by an earlier drop of the same slot: that is the same report, written again', async () => {
    const first = drop({ rows, workbook: 'as it came' });
    expect(await unchanged([first, drop({ rows, workbook: 'written again', minutes: 7 })])).toEqual([
      false,
      false,
    ]);
  });

  it('shows by the last drop of the slot before it, which is its correction', async () => {
    const wrong = drop({ rows: [position('A', 4)], workbook: 'wrong' });
    const right = drop({ rows, workbook: 'right', minutes: 7 });
    const next = drop({ rows, workbook: 'next', slot: '1800' });
    expect(await unchanged([wrong, right, next])).toEqual([false, false, true]);
  });
});

describe('who may', () => {
  it('a reader reads what is on sale: more on hand than reserved, and not discontinued', async () => {
    const line = (sku: string, onHand: number, reserved: number, discontinued: boolean) =>
      `${sku},S1,,Shoes,,,PARIS,${onHand},${reserved},19.90,,${discontinued}\n`;
    await load(
      drop({
        rows: [line('A', 3, 1, false), line('B', 2, 2, false), line('C', 1, 2, false), line('D', 9, 0, true)],
      }),
    );
    expect(await reader.rows('SELECT sku, available FROM fashion.stock_on_sale')).toEqual([['A', 2]]);
  });

  it.each(['current_drop', 'load_lock', 'report_template'])('a reader does not see %s', async (table) => {
    expect(await reader.error(`SELECT COUNT(*) FROM fashion.${table}`)).toContain('permission denied');
  });

  it.each(['current_positions', 'position_history', 'load_ledger'])(
    'a reader does not write %s',
    async (table) => {
      expect(await reader.error(`DELETE FROM fashion.${table}`)).toContain('permission denied');
    },
  );
});
