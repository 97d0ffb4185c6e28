/** The load on our Redshift Data API over PostgreSQL, after the migrations, as the loader's and the reader's roles. */
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import { copyManifest } from '../../../domain/shared/copy-manifest.ts';
import { rowColumns, rowsCsv, type TrendRow } from '../../../domain/stocks/rows.ts';
import { loadId, loadStatements, mostObjects } from '../../../domain/stocks/sql.ts';
import type { Trade } from '../../../domain/stocks/trade.ts';
import { type Statistics, SymbolTrend } from '../../../domain/stocks/trend.ts';
import { splitStatements } from '../../../domain/warehouse/migrations.ts';
import {
  copyRole,
  startWarehouse,
  type TestWarehouse,
} from '../../local/redshift-data/warehouse-under-test.ts';
import { hostileTexts } from '../shared/hostile-texts.ts';
import { feed, open, sequenceOf, trade, trades } from './trades.ts';

jest.setTimeout(120_000);

const folder = 'stacks/stocks/migrations';
const migrations = readdirSync(folder)
  .sort()
  .flatMap((file) => splitStatements(readFileSync(`${folder}/${file}`, 'utf8')));

let warehouse: TestWarehouse;
let loader: ReturnType<TestWarehouse['caller']>;
let reader: ReturnType<TestWarehouse['caller']>;

beforeAll(async () => {
  warehouse = await startWarehouse();
  warehouse.rolesOf.loader = ['stocks_loader'];
  warehouse.rolesOf.reader = ['stocks_reader'];
  await warehouse.admin.ok(migrations);
  loader = warehouse.caller('/as/loader');
  reader = warehouse.caller('/as/reader');
});
afterAll(() => warehouse.close());
beforeEach(async () => {
  await warehouse.admin.ok([
    'DELETE FROM stocks.ticks',
    'DELETE FROM stocks.load_ledger',
    'DELETE FROM stocks.object_ledger',
  ]);
});

const bucket = 'archive';

/** Puts rows into the bucket. */
function object(key: string, rows: readonly TrendRow[]) {
  const body = gzipSync(rowsCsv(rows));
  warehouse.store.put(`${bucket}/${key}`, body);
  return { key, bytes: body.length };
}
type RowsObject = ReturnType<typeof object>;

function statementsOf(objects: readonly RowsObject[]): string[] {
  const manifest = `manifest/${loadId(objects)}.json`;
  warehouse.store.put(`${bucket}/${manifest}`, copyManifest(bucket, objects));
  return loadStatements({ objects, manifestUrl: `s3://${bucket}/${manifest}`, copyRoleArn: copyRole });
}
const load = (...objects: RowsObject[]) => loader.ok(statementsOf(objects));

/** What a load must leave the same whenever it is repeated: all but its own times. */
const allTicks = () =>
  warehouse.admin.rows(
    `SELECT ${rowColumns.join(', ')}, traded_at FROM stocks.ticks ORDER BY symbol, at_ns, venue, trade_id, trading_day`,
  );
const column = async (sql: string) => (await reader.rows(sql)).map(([value]) => value);

function rowsOf(list: readonly Trade[]): TrendRow[] {
  const bySymbol = new Map<string, SymbolTrend>();
  return list.flatMap((each, index) => {
    const trend = bySymbol.get(each.symbol) ?? new SymbolTrend(each.symbol);
    bySymbol.set(each.symbol, trend);
    const { statistics } = trend.apply(each, sequenceOf(index));
    return statistics ? [{ trade: each, feed, statistics }] : [];
  });
}
const walk = (count: number, symbol = 'AAPL') =>
  Array.from({ length: count }, (_, index) =>
    trade({
      symbol,
      tradeId: String(index),
      price: 200 + ((index * 7) % 5) / 100,
      size: 10 + index,
      at: open + BigInt(index) * 20_000_000_001n,
    }),
  );
const late: Statistics = {
  trend: 'late',
  score: null,
  change: null,
  changePercent: null,
  simpleReturn: null,
  volatility: null,
  vwap: null,
  ticksPerSecond: null,
};
const asLate = (row: TrendRow): TrendRow => ({ ...row, statistics: late });

describe('the tables', () => {
  /** `name TYPE [NOT NULL]` of each column. */
  const columnsOf = (table: string) =>
    (migrations.find((each) => each.startsWith(`CREATE TABLE stocks.${table} (`)) ?? '')
      .split('\n')
      .flatMap((line) =>
        /^ {2}[a-z]/.test(line) ? [line.trim().replace(/\s+/g, ' ').replace(/,$/, '')] : [],
      );

  it('of staging and ticks have the columns of a rows object, in its order', () => {
    const template = columnsOf('row_template');
    expect(template.map((each) => each.split(' ')[0])).toEqual([...rowColumns]);
    expect(columnsOf('ticks').slice(0, template.length)).toEqual(template);
  });
});

describe('a load', () => {
  it('puts each tick with its trend into SQL, to the last digit', async () => {
    await load(object('rows/a', rowsOf(walk(4))));
    expect(
      await reader.rows(
        'SELECT symbol, venue, trading_day, trade_id, at_ns - 1795185000000000000, price, size, trend, score, change, source, feed_token, received_ns - 1795185000000000000, rule_version, traded_at FROM stocks.ticks WHERE trade_id = 3',
      ),
    ).toEqual([
      [
        'AAPL',
        'D',
        '2026-11-20',
        3,
        60_000_000_003,
        '200.010000',
        '13.000000',
        'down',
        -1,
        '-0.030000',
        'stream',
        3,
        4_000_000_000,
        '1',
        '2026-11-20 14:31:00',
      ],
    ]);
  });

  it('of late ticks and of the first of a symbol leaves NULL where nothing is known', async () => {
    const rows = rowsOf(walk(2));
    await load(object('rows/a', [rows[0] as TrendRow, asLate(rows[1] as TrendRow)]));
    expect(
      await reader.rows(
        'SELECT trend, score, change, change_percent, simple_return, volatility, ticks_per_second FROM stocks.ticks ORDER BY trade_id',
      ),
    ).toEqual([
      ['warming-up', null, null, null, null, null, null],
      ['late', null, null, null, null, null, null],
    ]);
  });

  it('says what it read, and which objects, in the ledgers', async () => {
    const objects = [object('rows/a', rowsOf(walk(3))), object('rows/b', rowsOf(walk(2, 'MSFT')))];
    const { Id, SubStatements } = await load(...objects);
    expect(SubStatements?.map(({ Status }) => Status)).toEqual(SubStatements?.map(() => 'FINISHED'));
    expect(Id).toBeDefined();
    expect(
      await reader.rows('SELECT load_id, rows_staged, newest_at_ns - oldest_at_ns FROM stocks.load_ledger'),
    ).toEqual([[loadId(objects), 5, 40_000_000_002]]);
    expect(await reader.rows('SELECT * FROM stocks.object_ledger ORDER BY object_key')).toEqual(
      objects.map(({ key, bytes }) => [key, bytes, loadId(objects)]),
    );
  });

  it('knows how fresh a tick was: from its time to its load, in milliseconds', async () => {
    await load(object('rows/a', rowsOf(walk(3))));
    const [[differs, earliest, latest]] = (await reader.rows(
      'SELECT SUM(CASE WHEN freshness_ms = DATEDIFF(millisecond, traded_at, loaded_at) THEN 0 ELSE 1 END), MIN(DATEDIFF(second, loaded_at, SYSDATE)), MAX(DATEDIFF(second, loaded_at, SYSDATE)) FROM stocks.ticks',
    )) as [[number, number, number]];
    expect(differs).toBe(0);
    expect(earliest).toBeGreaterThanOrEqual(0);
    expect(latest).toBeLessThan(120);
  });

  it('of an object without rows is a load of none', async () => {
    await load(object('rows/a', []));
    expect(await reader.rows('SELECT rows_staged, oldest_at_ns FROM stocks.load_ledger')).toEqual([
      [0, null],
    ]);
  });

  it('repeated leaves the same tables', async () => {
    const objects = [object('rows/a', rowsOf(walk(30))), object('rows/b', rowsOf(walk(20, 'MSFT')))];
    await load(...objects);
    const ticks = await allTicks();
    expect(ticks).toHaveLength(50);
    await load(...objects);
    await load(...objects.reverse());
    expect(await allTicks()).toEqual(ticks);
    expect(await column('SELECT COUNT(*) FROM stocks.load_ledger')).toEqual([1]);
    expect(await column('SELECT COUNT(*) FROM stocks.object_ledger')).toEqual([2]);
  });

  it('takes a tick that its objects hold more than once, once, and not as a late one', async () => {
    const rows = rowsOf(walk(5));
    await load(object('rows/a', [...rows.map(asLate), ...rows]), object('rows/b', rows));
    expect(await column('SELECT trend FROM stocks.ticks ORDER BY trade_id')).toEqual(
      rows.map(({ statistics }) => statistics.trend),
    );
  });

  it('replaces a late tick by the one that was in time, whichever object is loaded first', async () => {
    const rows = rowsOf(walk(5));
    const inTime = object('rows/a', rows);
    const again = object('rows/b', rows.map(asLate));
    await load(again);
    await load(inTime);
    const ticks = await allTicks();
    expect(await column("SELECT COUNT(*) FROM stocks.ticks WHERE trend = 'late'")).toEqual([0]);
    await load(again);
    expect(await allTicks()).toEqual(ticks);
  });

  it('in pieces, overlapping, repeated and in any order ends in the same ticks', async () => {
    await fc.assert(
      fc.asyncProperty(
        trades(40),
        fc.array(fc.tuple(fc.nat({ max: 39 }), fc.integer({ min: 1, max: 20 })), {
          minLength: 1,
          maxLength: 4,
        }),
        async (list, pieces) => {
          await warehouse.admin.ok('DELETE FROM stocks.ticks');
          const rows = rowsOf(list);
          await load(object('rows/whole', rows));
          const ticks = await allTicks();
          await warehouse.admin.ok('DELETE FROM stocks.ticks');
          const parts = [...pieces, [0, rows.length] as const].map(([from, length], index) =>
            object(`rows/part-${index}`, rows.slice(from, from + length)),
          );
          await load(...parts.slice(0, 2));
          for (const part of parts) await load(part);
          expect(await allTicks()).toEqual(ticks);
        },
      ),
      { numRuns: 4 },
    );
  });

  it('side by side with another one of the same objects waits for it', async () => {
    const objects = [object('rows/a', rowsOf(walk(30))), object('rows/b', rowsOf(walk(20, 'MSFT')))];
    const [a, b] = objects as [RowsObject, RowsObject];
    await Promise.all([load(a, b), load(a), load(b), load(b, a)]);
    expect(await allTicks()).toHaveLength(50);
  });

  it('that fails leaves nothing, and loads when its cause is gone', async () => {
    const good = object('rows/a', rowsOf(walk(3)));
    const missing = { key: 'rows/missing', bytes: 1 };
    const failed = await loader.run(statementsOf([good, missing]));
    expect(failed.Status).toBe('FAILED');
    expect(await allTicks()).toEqual([]);
    expect(await column('SELECT COUNT(*) FROM stocks.object_ledger')).toEqual([0]);
    await load(good, object('rows/missing', rowsOf(walk(3, 'MSFT'))));
    expect(await allTicks()).toHaveLength(6);
  });

  it('leaves no staging table behind', async () => {
    const objects = [object('rows/a', rowsOf(walk(3)))];
    await load(...objects);
    const [, name = ''] = /CREATE TABLE (\S+)/.exec(statementsOf(objects).join('\n')) ?? [];
    expect(await warehouse.admin.error(`SELECT * FROM ${name}`)).toMatch(/does not exist/);
  });

  it('takes a time that no clock shows, to 2261', async () => {
    const at = BigInt(Date.UTC(2261, 11, 31, 23, 59, 59, 999)) * 1_000_000n + 999_999n;
    await load(object('rows/a', rowsOf([trade({ at }), trade({ at: 0n, tradeId: '2' })])));
    expect(await column('SELECT traded_at FROM stocks.ticks ORDER BY at_ns DESC')).toEqual([
      '2261-12-31 23:59:59.999999',
      '1970-01-01 00:00:00',
    ]);
  });
});

describe('the statements of a load', () => {
  const objects = (count: number, key = (index: number) => `rows/${index}`) =>
    Array.from({ length: count }, (_, index) => ({ key: key(index), bytes: 1 }));
  const of = (list: { key: string; bytes: number }[]) =>
    loadStatements({ objects: list, manifestUrl: 's3://archive/manifest/x.json', copyRoleArn: copyRole });

  it('fit one batch of the Data API with the longest keys there are', () => {
    const statements = of(objects(mostObjects, (index) => `${index}`.padEnd(512, "'")));
    expect(statements.length).toBeLessThanOrEqual(40);
    for (const statement of statements) expect(Buffer.byteLength(statement)).toBeLessThanOrEqual(100_000);
  });

  it('take the lock before anything is read', () => {
    expect(of(objects(1))[0]).toBe('LOCK stocks.load_lock');
  });

  it('an object may have any name: it changes a value and no statement', async () => {
    const keys = hostileTexts.map((each) => `rows/${each}`).sort();
    const ledger = of(keys.map((key) => ({ key, bytes: 1 }))).filter((each) =>
      each.includes('object_ledger'),
    );
    await loader.ok(ledger);
    expect((await column('SELECT object_key FROM stocks.object_ledger')).sort()).toEqual(keys);
  });

  it('have the same name for the same objects in any order, and another for others', () => {
    expect(loadId(objects(3).reverse())).toBe(loadId([...objects(3), ...objects(2)]));
    expect(loadId(objects(3))).not.toBe(loadId(objects(4)));
  });
});

describe('the views', () => {
  it('latest has the newest tick of each symbol, never a late one', async () => {
    const rows = [...rowsOf(walk(5)), ...rowsOf(walk(3, 'MSFT'))];
    const after = trade({ tradeId: '99', at: open + 3_600_000_000_000n });
    await load(object('rows/a', [...rows, asLate({ trade: after, feed, statistics: late })]));
    expect(
      await reader.rows('SELECT symbol, trade_id, price, trend, vwap FROM stocks.latest ORDER BY symbol'),
    ).toEqual([
      ['AAPL', 4, '200.030000', 'up', rows[4]?.statistics.vwap && expect.closeTo(rows[4].statistics.vwap, 6)],
      ['MSFT', 2, '200.040000', 'warming-up', expect.closeTo(rows[7]?.statistics.vwap as number, 6)],
    ]);
  });

  it('latest leaves out a symbol that was not traded for a week', async () => {
    const day = 86_400_000_000_000n;
    await load(
      object(
        'rows/a',
        rowsOf([
          trade({ symbol: 'MSFT' }),
          trade({ symbol: 'AMGN', at: open + day }),
          trade({ at: open + 7n * day }),
        ]),
      ),
    );
    expect(await column('SELECT symbol FROM stocks.latest ORDER BY symbol')).toEqual(['AAPL', 'AMGN']);
  });

  it('per_minute has open, high, low, close, volume and volatility of each minute, late ticks included', async () => {
    const list = walk(6); // three a minute
    const rows = rowsOf(list).map((row, index) => (index === 1 ? asLate(row) : row));
    await load(object('rows/a', rows));
    const found = await reader.rows(
      'SELECT minute_utc, open_price, high_price, low_price, close_price, volume, ticks, vwap, volatility FROM stocks.per_minute ORDER BY minute_utc',
    );
    const expected = [0, 3].map((from) => {
      const part = list.slice(from, from + 3);
      const prices = part.map(({ price }) => price);
      const volume = part.reduce((sum, { size }) => sum + size, 0);
      const squares = rows.slice(from, from + 3).map(({ statistics }) => (statistics.simpleReturn ?? 0) ** 2);
      const six = (value: number) => value.toFixed(6);
      return [
        `2026-11-20 14:3${from / 3}:00`,
        six(prices[0] as number),
        six(Math.max(...prices)),
        six(Math.min(...prices)),
        six(prices[2] as number),
        six(volume),
        3,
        expect.closeTo(part.reduce((sum, { price, size }) => sum + price * size, 0) / volume, 6),
        expect.closeTo(Math.sqrt(squares.reduce((sum, each) => sum + each, 0)), 8),
      ];
    });
    expect(found).toEqual(expected);
  });

  it('per_minute has no average price of a minute without whole shares', async () => {
    await load(object('rows/a', rowsOf([trade({ size: 0 })])));
    expect(await reader.rows('SELECT volume, vwap FROM stocks.per_minute')).toEqual([['0.000000', null]]);
  });
});

describe('the roles', () => {
  it.each(['ticks', 'latest', 'per_minute', 'load_ledger', 'object_ledger'])(
    'a reader reads %s',
    async (table) => {
      expect(await reader.rows(`SELECT COUNT(*) FROM stocks.${table}`)).toEqual([[0]]);
    },
  );

  it('a reader writes nothing and does not see how it is loaded', async () => {
    for (const sql of [
      'DELETE FROM stocks.ticks',
      'SELECT * FROM stocks.load_lock',
      'SELECT * FROM stocks.row_template',
    ])
      expect(await reader.error(sql)).toMatch(/permission denied/);
  });

  it('a loader does not change what was loaded', async () => {
    expect(await loader.error("UPDATE stocks.ticks SET trend = 'up'")).toMatch(/permission denied/);
  });
});
