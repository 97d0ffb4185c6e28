/** The load on our Redshift Data API over PostgreSQL, after the migrations, as the loader's and the reader's roles. */
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { GetStatementResultCommand } from '@aws-sdk/client-redshift-data';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import { copyManifest } from '../../../domain/shared/copy-manifest.ts';
import { rowsKey } from '../../../domain/stocks/keys.ts';
import { rowColumns, rowsCsv, type TrendRow } from '../../../domain/stocks/rows.ts';
import {
  changesPart,
  loadId,
  loadStatements,
  mostObjects,
  mostObjectsToPublish,
} from '../../../domain/stocks/sql.ts';
import type { Trade } from '../../../domain/stocks/trade.ts';
import { type Statistics, SymbolTrend } from '../../../domain/stocks/trend.ts';
import { splitStatements } from '../../../domain/warehouse/migrations.ts';
import { connect } from '../../../local/redshift-data/warehouse.ts';
import {
  copyRole,
  startWarehouse,
  type TestWarehouse,
} from '../../local/redshift-data/warehouse-under-test.ts';
import { hostileTexts } from '../shared/hostile-texts.ts';
import { feed, open, sequenceOf, trade, trades } from './trades.ts';

jest.setTimeout(600_000);

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

/** The same under a key that says the days of its rows, or others. */
function dated(name: number, rows: readonly TrendRow[], said: readonly string[] = daysOf(rows)) {
  const days = { from: said[0] as string, to: said.at(-1) as string };
  return object(rowsKey({ shard: 's', days, first: `${name}`, last: `${name}`, arrived: 0 }), rows);
}
const daysOf = (rows: readonly TrendRow[]) => rows.map((row) => row.trade.tradingDay).sort();

function statementsOf(objects: readonly RowsObject[], replaces = false): string[] {
  const manifest = `manifest/${loadId(objects)}.json`;
  warehouse.store.put(`${bucket}/${manifest}`, copyManifest(bucket, objects));
  return loadStatements({
    objects,
    manifestUrl: `s3://${bucket}/${manifest}`,
    copyRoleArn: copyRole,
    replaces,
  });
}
const load = (...objects: RowsObject[]) => loader.ok(statementsOf(objects));
/** @returns how many ticks there are in the objects, how many of them replaced a row, and how many are new */
const publish = async (...objects: RowsObject[]) => {
  const { Id } = await loader.ok(statementsOf(objects, true));
  const { Records } = await loader.client.send(new GetStatementResultCommand({ Id: `${Id}:${changesPart}` }));
  return Records?.[0]?.map(({ longValue }) => longValue);
};

async function asSuperuser(sql: string): Promise<Record<string, unknown>[]> {
  const client = await connect(warehouse.postgres, 'dev');
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

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
/** The same tick received again, later: another record. */
const again = (row: TrendRow, after = 60_000_000_000n): TrendRow => ({
  ...row,
  feed: { ...row.feed, received: row.feed.received + after },
});
const lateAgain = (row: TrendRow) => asLate(again(row));
/** As another rule would have it. */
const otherwise = (row: TrendRow): TrendRow => ({
  ...row,
  statistics: { ...row.statistics, vwap: (row.statistics.vwap ?? 0) + 1 },
});

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
    const began = performance.now();
    await load(object('rows/a', rowsOf(walk(3))));
    const [[differs, earliest, latest]] = (await reader.rows(
      'SELECT SUM(CASE WHEN freshness_ms = DATEDIFF(millisecond, traded_at, loaded_at) THEN 0 ELSE 1 END), MIN(DATEDIFF(second, loaded_at, SYSDATE)), MAX(DATEDIFF(second, loaded_at, SYSDATE)) FROM stocks.ticks',
    )) as [[number, number, number]];
    expect(differs).toBe(0);
    expect(earliest).toBeGreaterThanOrEqual(0);
    // Borders of seconds that were crossed: one more than whole seconds at most.
    expect(latest).toBeLessThanOrEqual((performance.now() - began) / 1000 + 1);
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
    await load(object('rows/a', [...rows.map(lateAgain), ...rows]), object('rows/b', rows));
    expect(await column('SELECT trend FROM stocks.ticks ORDER BY trade_id')).toEqual(
      rows.map(({ statistics }) => statistics.trend),
    );
  });

  it('replaces a late tick by the one that was in time, whichever object is loaded first', async () => {
    const rows = rowsOf(walk(5));
    const inTime = object('rows/a', rows);
    const repeated = object('rows/b', rows.map(lateAgain));
    await load(repeated);
    await load(inTime);
    const ticks = await allTicks();
    expect(await column("SELECT COUNT(*) FROM stocks.ticks WHERE trend = 'late'")).toEqual([0]);
    await load(repeated);
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
          // Of the first release, whose keys say no days, and of later ones.
          const parts = [...pieces, [0, rows.length] as const].flatMap(([from, length], index) => {
            const part = rows.slice(from, from + length);
            return part.length > 0 && index % 2 ? dated(index, part) : object(`rows/part-${index}`, part);
          });
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

  it('leaves no table behind, done or failed, and needs the right to temporary ones alone', async () => {
    const tables = () =>
      asSuperuser(
        "SELECT relnamespace::regnamespace::text, relname FROM pg_class WHERE relkind = 'r' AND relname !~ '^(pg|sql)_'",
      );
    const before = await tables();
    const objects = [object('rows/a', rowsOf(walk(3)))];
    await warehouse.admin.ok([
      'REVOKE CREATE, USAGE ON SCHEMA stocks_staging FROM ROLE stocks_loader',
      'REVOKE TEMP ON DATABASE dev FROM PUBLIC',
    ]);
    try {
      expect(await loader.error(statementsOf(objects))).toMatch(/permission denied to create temporary/);
      await warehouse.admin.ok('GRANT TEMP ON DATABASE dev TO ROLE stocks_loader');
      await load(...objects);
      await loader.ok([...statementsOf(objects), ...statementsOf(objects)]); // in one session
      await loader.error(statementsOf([...objects, { key: 'rows/nowhere', bytes: 1 }]));
    } finally {
      await warehouse.admin.ok([
        'REVOKE TEMP ON DATABASE dev FROM ROLE stocks_loader',
        'GRANT TEMP ON DATABASE dev TO PUBLIC',
        'GRANT CREATE, USAGE ON SCHEMA stocks_staging TO ROLE stocks_loader',
      ]);
    }
    expect(await allTicks()).toHaveLength(3);
    expect(await tables()).toEqual(before);
  });

  it('of the first release, which makes a table in stocks_staging, runs after all migrations', async () => {
    await loader.ok([
      'DROP TABLE IF EXISTS stocks_staging.load_5f',
      'CREATE TABLE stocks_staging.load_5f (LIKE stocks.row_template)',
      'DROP TABLE stocks_staging.load_5f',
    ]);
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

describe('a load whose objects say their days', () => {
  const day = 86_400_000_000_000n;
  /** Thursday to Saturday, two ticks a day. */
  const rows = rowsOf(
    [-1n, 0n, 1n].flatMap((days) =>
      [1, 2].map((n) => trade({ tradeId: `${days + 5n}${n}`, at: open + days * day + BigInt(n) })),
    ),
  );
  const [thursday, friday, saturday] = ['2026-11-19', '2026-11-20', '2026-11-21'] as const;
  const ofFriday = rows.filter((row) => row.trade.tradingDay === friday);

  it('repeated, in pieces, by live loads and by a replay, leaves each tick of each day once', async () => {
    expect(daysOf(rows)).toEqual([thursday, thursday, friday, friday, saturday, saturday]);
    await load(dated(1, rows.map(lateAgain)));
    expect(await publish(dated(2, rows))).toEqual([6, 6, 0]);
    const ticks = await allTicks();
    expect(ticks).toHaveLength(6);
    await load(dated(1, rows));
    await load(dated(2, ofFriday), dated(3, rows.slice(0, 3)), dated(4, rows.slice(3)));
    expect(await publish(dated(5, rows.slice(0, 2)), dated(6, rows.slice(2)))).toEqual([6, 0, 0]);
    expect(await allTicks()).toEqual(ticks);
  });

  it('puts a tick that was in time in place of a late one, on each of its days', async () => {
    await load(object('rows/a', rows.map(lateAgain)));
    await load(dated(1, rows));
    expect(await column("SELECT COUNT(*) FROM stocks.ticks WHERE trend = 'late'")).toEqual([0]);
    expect(await allTicks()).toHaveLength(6);
  });

  it.each([
    ['the day before', [thursday]],
    ['the day after', [saturday]],
    ['from the day after on', [saturday, '2026-11-30']],
  ])('fails and changes nothing where they lie: %s', async (_which, said) => {
    await load(object('rows/a', ofFriday));
    const ticks = await allTicks();
    for (const replaces of [false, true])
      expect(await loader.error(statementsOf([dated(1, ofFriday, said)], replaces))).toMatch(
        /null value in column "rows_staged"/,
      );
    expect(await allTicks()).toEqual(ticks);
    expect(await column('SELECT object_key FROM stocks.object_ledger')).toEqual(['rows/a']);
  });

  it.each([
    ['more days than the rows have', [thursday, saturday]],
    ['the day of the rows', [friday]],
  ])('takes them as they are: %s', async (_which, said) => {
    await load(dated(1, ofFriday, said));
    await load(dated(2, ofFriday, said));
    expect(await allTicks()).toHaveLength(2);
  });

  it('of no rows is a load of none', async () => {
    await load(dated(1, [], [friday]));
    expect(await reader.rows('SELECT rows_staged, newest_at_ns FROM stocks.load_ledger')).toEqual([
      [0, null],
    ]);
  });

  it('reads ticks by literal days; where one object says none, by those of its rows', () => {
    // That Redshift then leaves out blocks is read: PostgreSQL has no zone maps.
    const readsOf = (objects: RowsObject[], replaces: boolean) =>
      statementsOf(objects, replaces).flatMap((each) => each.match(/trading_day BETWEEN .+? AND \S+/g) ?? []);
    const literal = "trading_day BETWEEN '2026-11-19' AND '2026-11-21'";
    for (const [replaces, reads] of [
      [false, 2],
      [true, 4],
    ] as const) {
      const found = readsOf([dated(1, rows.slice(0, 4)), dated(2, rows.slice(4))], replaces);
      expect(found.map((each) => each.slice(0, literal.length))).toEqual(Array(reads).fill(literal));
      const old = readsOf([dated(1, rows), object('rows/a', rows)], replaces);
      expect(old).toHaveLength(reads);
      expect(old.join()).not.toMatch(/'/);
    }
  });
});

describe('a publication of replayed rows', () => {
  const everything = () =>
    warehouse.admin.rows('SELECT * FROM stocks.ticks ORDER BY symbol, at_ns, trade_id');

  it('replaces what SQL has otherwise, brings what it lacks, and leaves the rest as it was', async () => {
    const rows = rowsOf(walk(10));
    await load(object('rows/a', [...rows.slice(0, 4), ...rows.slice(4, 6).map(otherwise)]));
    await load(object('rows/b', rowsOf(walk(3, 'MSFT'))));
    const before = await everything();
    expect(await publish(object('replay/run/rows/a', rows))).toEqual([10, 2, 4]);
    const after = await everything();
    expect(after.slice(0, 4)).toEqual(before.slice(0, 4)); // with the time of their load
    expect(after.slice(10)).toEqual(before.slice(6));
    const published = await allTicks();
    await warehouse.admin.ok('DELETE FROM stocks.ticks');
    await load(object('rows/c', rows), object('rows/b', rowsOf(walk(3, 'MSFT'))));
    expect(published).toEqual(await allTicks());
  });

  it('of what is there already changes nothing', async () => {
    const rows = rowsOf(walk(8));
    await load(object('rows/a', [...rows.slice(0, 6), lateAgain(rows[6] as TrendRow)]));
    await publish(object('replay/run/rows/a', rows));
    const before = await everything();
    expect(await publish(object('replay/run/rows/a', rows))).toEqual([8, 0, 0]);
    expect(await publish(object('replay/other/rows/a', rows))).toEqual([8, 0, 0]);
    expect(await everything()).toEqual(before);
  });

  it.each([
    ['the version of the rule alone', 'rule_version', "'0'"],
    ['a value that becomes NULL', 'score', 'NULL'],
    ['a value where there was NULL', 'volatility', '0.5'],
    ['the last digit of a fraction', 'vwap', 'vwap + 0.000001'],
    ['the price', 'price', 'price + 0.01'],
  ])('sees %s', async (_what, name, value) => {
    const [warming, ...rest] = rowsOf(walk(6));
    const row = (name === 'volatility' ? warming : rest.at(-1)) as TrendRow;
    await load(object('rows/a', [row]));
    await warehouse.admin.ok(`UPDATE stocks.ticks SET ${name} = ${value}`);
    expect(await publish(object('replay/run/rows/a', [row]))).toEqual([1, 1, 0]);
    expect(await publish(object('replay/run/rows/a', [row]))).toEqual([1, 0, 0]);
  });

  describe('of late rows', () => {
    const [row, other] = rowsOf(walk(2)) as [TrendRow, TrendRow];
    const trends = () => column('SELECT trend FROM stocks.ticks ORDER BY trade_id, trend');

    it('takes a tick as late whose very record it finds late, and a live load does not take that back', async () => {
      const live = object('rows/a', [row, other]);
      await load(live);
      expect(await publish(object('replay/run/rows/a', [row, asLate(other)]))).toEqual([2, 1, 0]);
      expect(await trends()).toEqual(['warming-up', 'late']);
      await load(live);
      expect(await trends()).toEqual(['warming-up', 'late']);
    });

    it('leaves a row that was in time where a later record repeats it', async () => {
      await load(object('rows/a', [row]));
      expect(await publish(object('replay/run/rows/a', [lateAgain(row)]))).toEqual([1, 0, 0]);
      expect(await trends()).toEqual(['warming-up']);
    });

    it('replaces a late row by the one that was in time', async () => {
      await load(object('rows/a', [lateAgain(row)]));
      expect(await publish(object('replay/run/rows/a', [row]))).toEqual([1, 1, 0]);
      expect(await trends()).toEqual(['warming-up']);
    });

    it('keeps the first of several late ones, whichever comes first', async () => {
      const first = object('replay/run/rows/a', [asLate(row)]);
      const second = object('replay/run/rows/b', [lateAgain(row)]);
      await publish(first);
      const ticks = await allTicks();
      expect(await publish(second)).toEqual([1, 0, 0]);
      expect(await allTicks()).toEqual(ticks);
      await warehouse.admin.ok('DELETE FROM stocks.ticks');
      await publish(second);
      expect(await publish(first)).toEqual([1, 1, 0]);
      expect(await allTicks()).toEqual(ticks);
    });
  });

  it('is not undone by live objects that are loaded again', async () => {
    const rows = rowsOf(walk(12));
    const live = object('rows/a', rows.map(otherwise));
    await load(live);
    await publish(object('replay/run/rows/a', rows));
    const ticks = await allTicks();
    await load(live);
    await load(object('rows/b', rows.map(lateAgain)));
    expect(await allTicks()).toEqual(ticks);
  });

  it('in pieces, repeated and in any order, over whatever was live, ends in what the replay wrote', async () => {
    const change = fc.constantFrom<(row: TrendRow) => TrendRow[]>(
      (row) => [row],
      (row) => [otherwise(row)],
      (row) => [asLate(row)],
      (row) => [again(row)],
      (row) => [lateAgain(row)],
      () => [],
    );
    const count = 24;
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: count, maxLength: count }),
        fc.array(fc.boolean(), { minLength: count, maxLength: count }),
        fc.array(fc.tuple(fc.nat({ max: count }), fc.integer({ min: 1, max: 12 })), { maxLength: 3 }),
        async (changes, isLate, pieces) => {
          await warehouse.admin.ok('DELETE FROM stocks.ticks');
          const inTime = rowsOf(walk(count));
          const rows = inTime.map((row, n) => (isLate[n] ? asLate(row) : row));
          const repetitions = rows.filter((_, n) => n % 3 === 0).map(lateAgain);
          await load(object('rows/whole', rows));
          const expected = await allTicks();
          await warehouse.admin.ok('DELETE FROM stocks.ticks');
          // Where the replay finds a late row, a live one that was in time is of that very record.
          const before = inTime.flatMap((row, n) =>
            isLate[n] ? [n % 2 ? row : asLate(row)] : (changes[n] as (of: TrendRow) => TrendRow[])(row),
          );
          await load(object('rows/live', before));
          const run = [...rows, ...repetitions];
          const parts = [...pieces, [0, run.length] as const].map(([from, length], n) =>
            object(`replay/run/rows/${n}`, run.slice(from, from + length)),
          );
          for (const part of parts) await publish(part);
          expect(await allTicks()).toEqual(expected);
          for (const part of parts.reverse()) expect((await publish(part))?.slice(1)).toEqual([0, 0]);
          await load(object('rows/live', before));
          expect(await allTicks()).toEqual(expected);
        },
      ),
      { numRuns: 6 },
    );
  });

  it('beside live loads and another publication leaves each tick once', async () => {
    const rows = rowsOf(walk(30));
    const live = [object('rows/a', rows.slice(0, 20).map(otherwise)), object('rows/b', rows.slice(10))];
    const replayed = [object('replay/a/rows/a', rows), object('replay/b/rows/a', rows)] as const;
    await Promise.all([
      load(...live),
      publish(replayed[0]),
      load(live[1] as RowsObject),
      publish(replayed[1]),
    ]);
    const ticks = await allTicks();
    await warehouse.admin.ok('DELETE FROM stocks.ticks');
    await load(object('rows/c', rows));
    expect(ticks).toEqual(await allTicks());
  });

  it('that fails leaves everything as it was', async () => {
    const rows = rowsOf(walk(3));
    await load(object('rows/a', rows.map(otherwise)));
    const before = await everything();
    const missing = { key: 'replay/run/rows/missing', bytes: 1 };
    const failed = await loader.run(statementsOf([object('replay/run/rows/a', rows), missing], true));
    expect(failed.Status).toBe('FAILED');
    expect(await everything()).toEqual(before);
  });

  it('says in the ledgers which objects of which replay it was', async () => {
    const objects = [object('replay/run/rows/a', rowsOf(walk(3)))];
    await publish(...objects);
    expect(await reader.rows('SELECT object_key, load_id FROM stocks.object_ledger')).toEqual([
      ['replay/run/rows/a', loadId(objects)],
    ]);
    expect(await column('SELECT rows_staged FROM stocks.load_ledger')).toEqual([3]);
  });
});

describe('the statements of a load', () => {
  const objects = (count: number, key = (index: number) => `rows/${index}`) =>
    Array.from({ length: count }, (_, index) => ({ key: key(index), bytes: 1 }));
  const of = (list: { key: string; bytes: number }[], replaces = false) =>
    loadStatements({
      objects: list,
      manifestUrl: 's3://archive/manifest/x.json',
      copyRoleArn: copyRole,
      replaces,
    });

  it.each([
    [mostObjects, false],
    [mostObjectsToPublish, true],
  ])('fit one batch of the Data API with the longest keys there are: %i objects', (count, replaces) => {
    const statements = of(
      objects(count, (index) => `${index}`.padEnd(512, "'")),
      replaces,
    );
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

describe('a condition on a view', () => {
  interface PlanNode {
    'Node Type': string;
    'Relation Name'?: string;
    Filter?: string;
    Plans?: PlanNode[];
  }
  const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

  // PostgreSQL's plan. Redshift's is made by its own planner, by the same rule (read), and is not shown here.
  it.each([
    ['per_minute', 'trading_day', "'2026-11-30'"],
    ['per_minute', 'symbol', "'AAPL'"],
    ['latest', 'symbol', "'AAPL'"],
  ])('%s: on %s reaches the scan of ticks, below each window', async (view, name, value) => {
    const [row] = (await asSuperuser(
      `EXPLAIN (FORMAT JSON) SELECT * FROM stocks.${view} WHERE ${name} = ${value}`,
    )) as [{ 'QUERY PLAN': [{ Plan: PlanNode }] }];
    const nodes = nodesOf(row['QUERY PLAN'][0].Plan);
    expect(nodes.map((node) => node['Node Type'])).toContain('WindowAgg');
    const filtered = nodes.filter(
      ({ Filter }) => Filter?.includes(`${name})::text = `) || Filter?.includes(`${name} = `),
    );
    expect(filtered.map((node) => [node['Node Type'], node['Relation Name']])).toEqual([
      ['Seq Scan', 'ticks'],
    ]);
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
