import { jest } from '@jest/globals';
import pg from 'pg';
import { differences } from '../../../local/redshift-data/differences.ts';
import { startWarehouse, type TestWarehouse } from './warehouse-under-test.ts';

jest.setTimeout(120_000);

let warehouse: TestWarehouse;
let admin: TestWarehouse['admin'];

beforeAll(async () => {
  warehouse = await startWarehouse();
  admin = warehouse.admin;
});
afterAll(() => warehouse.close());

describe('tables', () => {
  it('primary, unique and foreign keys are accepted and not enforced; a primary key is NOT NULL', async () => {
    await admin.ok('create table keys_a (id int primary key, code varchar(10) unique)');
    await admin.ok(
      'create table keys_b (id int, a int references keys_a (id), constraint p primary key (id), unique (a), foreign key (a) references keys_a (id))',
    );
    await admin.ok("insert into keys_a values (1, 'x'), (1, 'x')");
    await admin.ok('insert into keys_b values (7, 99), (7, 99)');
    expect(await admin.rows('select count(*) from keys_a')).toEqual([[2]]);
    expect(await admin.error("insert into keys_a values (null, 'x')")).toMatch(/null value in column "id"/);
    expect(await admin.error('insert into keys_b values (null, 1)')).toMatch(/null value in column "id"/);
    expect(await admin.error('create table keys_c (a int references nowhere (id))')).toBe(
      'ERROR: relation "nowhere" does not exist',
    );
  });

  it('distribution, sort key, encoding and backup clauses are accepted, a text or a column of that name is kept', async () => {
    await admin.ok(`create table if not exists storage (
        id bigint encode az64 distkey sortkey, -- distkey here
        encode varchar(30) encode zstd default 'distkey(id), encode raw' not null,
        price decimal(9,2) encode raw
      ) backup no diststyle key distkey (id) compound sortkey (id, encode)`);
    await admin.ok('insert into storage (id) values (1)');
    expect(await admin.rows('select encode from storage')).toEqual([['distkey(id), encode raw']]);
    await admin.ok('create table storage_copy diststyle even sortkey (id) as select id, price from storage');
    await admin.ok('create table storage_auto (a int) diststyle auto sortkey auto encode auto');
    expect(await admin.error('create table bad (a int encode sideways)')).toBe(
      'ERROR: invalid encoding type specified: sideways',
    );
    expect(await admin.error('create table bad (a int) diststyle round')).toMatch(
      /syntax error at or near "round"/,
    );
  });

  it('IDENTITY(seed, step) counts and takes no value', async () => {
    await admin.ok('create table counted (id bigint identity(10, 5), name varchar(5))');
    await admin.ok("insert into counted (name) values ('a'), ('b')");
    expect(await admin.rows('select id, name from counted order by id')).toEqual([
      [10, 'a'],
      [15, 'b'],
    ]);
    expect(await admin.error("insert into counted (id, name) values (1, 'c')")).toMatch(
      /cannot insert a non-DEFAULT value/,
    );
  });

  it('tables are not logged, however they are made', async () => {
    await admin.ok('/* one */ create table unlogged_1 (a int)');
    await admin.ok('create table unlogged_2 (like unlogged_1)');
    await admin.ok('-- three\ncreate table unlogged_3 as select a from unlogged_1');
    await admin.ok(['create temp table unlogged_4 (a int)', 'insert into unlogged_4 values (1)']);
    const { host, port, user, password } = warehouse.postgres;
    const client = new pg.Client({ host, port, user, password, database: 'dev' });
    await client.connect();
    try {
      const { rows } = await client.query(
        "select relname, relpersistence from pg_class where relname like 'unlogged%' order by 1",
      );
      expect(rows.map(({ relpersistence }) => relpersistence)).toEqual(['u', 'u', 'u']);
    } finally {
      await client.end();
    }
  });

  it('VARCHAR(n) counts bytes on INSERT, UPDATE, CREATE TABLE AS, LIKE and ALTER TABLE', async () => {
    const tooLong = 'ERROR: value too long for type character varying(4)';
    await admin.ok("create table bytes (a varchar(4), b varchar(4) default 'x')");
    await admin.ok("insert into bytes values ('éé', 'abcd')");
    expect(await admin.error("insert into bytes values ('ééx')")).toBe(tooLong);
    expect(await admin.error("update bytes set b = 'ééx'")).toBe(tooLong);
    await admin.ok('create table bytes_like (like bytes)');
    expect(await admin.error("insert into bytes_like values ('ééx')")).toBe(tooLong);
    await admin.ok('create table bytes_as as select a from bytes');
    expect(await admin.error("insert into bytes_as values ('ééx')")).toBe(tooLong);
    await admin.ok('alter table bytes add column c varchar(4)');
    expect(await admin.error("update bytes set c = 'ééx'")).toBe(tooLong);
    await admin.ok('alter table bytes alter column c type varchar(5)');
    await admin.ok("update bytes set c = 'ééx'");
    expect(await admin.error("update bytes set c = 'ééxx'")).toBe(
      'ERROR: value too long for type character varying(5)',
    );
    expect(await admin.error(['select 1', 'alter table bytes alter column c type varchar(9)'])).toMatch(
      /cannot run inside a transaction block/,
    );
  });

  it('CHAR holds ASCII only', async () => {
    await admin.ok('create table letters (a char(3), b char)');
    await admin.ok("insert into letters values ('ab', 'c')");
    expect(await admin.error("insert into letters values ('é')")).toBe(
      'ERROR: CHAR string contains invalid ASCII character',
    );
  });

  it('TEXT and bare VARCHAR are VARCHAR(256), bare NUMERIC is NUMERIC(18,0)', async () => {
    await admin.ok('create table defaults (a text, b varchar, c numeric)');
    await admin.ok('insert into defaults values (:long, :long, 2.5)', [
      { name: 'long', value: 'x'.repeat(256) },
    ]);
    expect(await admin.rows('select c from defaults')).toEqual([['3']]);
    const longer = [{ name: 'long', value: 'x'.repeat(257) }];
    expect(await admin.error('insert into defaults (a) values (:long)', longer)).toMatch(
      /character varying\(256\)/,
    );
    expect(await admin.error('insert into defaults (b) values (:long)', longer)).toMatch(
      /character varying\(256\)/,
    );
  });

  it('a cast to VARCHAR(n) keeps whole characters within n bytes', async () => {
    expect(
      await admin.rows("select 'aéé'::varchar(4), cast('abc' as varchar(2)), 12345::varchar(3)"),
    ).toEqual([['aé', 'ab', '123']]);
  });

  it('integers have their widths', async () => {
    await admin.ok('create table widths (a smallint, b int, c bigint)');
    expect(await admin.error('insert into widths (a) values (40000)')).toMatch(/smallint out of range/);
    expect(await admin.error('insert into widths (b) values (3000000000)')).toMatch(/integer out of range/);
    await admin.ok('insert into widths (c) values (9007199254740993)');
  });

  it.each([
    ['json', 'unsupported type "json"'],
    ['jsonb', 'unsupported type "jsonb"'],
    ['uuid', 'unsupported type "uuid"'],
    ['bytea', 'unsupported type "bytea"'],
    ['serial', 'unsupported type "serial"'],
    ['int[]', 'unsupported type "int4[]"'],
    ['money', 'unsupported type "money"'],
    ['xml', 'unsupported type "xml"'],
    ['inet', 'unsupported type "inet"'],
    ['mood', 'unsupported type "mood"'],
    ['super', 'type SUPER is valid in Redshift but not served'],
    ['varbyte', 'type VARBYTE is valid in Redshift but not served'],
    ['varchar(65536)', 'cannot exceed 65535'],
    ['numeric(39,2)', 'precision 39 must be between 1 and 38'],
  ])('a column of type %s is refused', async (type, message) => {
    expect(await admin.error(`create table refused (a ${type})`)).toContain(message);
  });
});

describe('what Redshift has not is refused by name', () => {
  beforeAll(() => admin.ok('create table s (a int, b varchar(20), c timestamp)'));

  it.each([
    ['insert into s values (1) on conflict do nothing', 'ON CONFLICT'],
    ['insert into s values (1) returning a', 'RETURNING'],
    ['update s set a = 1 returning a', 'RETURNING'],
    ['create index i on s (a)', 'SQL command "create index" not supported on Redshift tables.'],
    ['create unique index i on s (a)', 'create index'],
    ['select array[1, 2]', 'an array'],
    ['select array(select a from s)', 'an array'],
    ["select '{1}'::int[]", 'an array type'],
    ["select '{}'::json", 'type "json"'],
    ["select b -> 'x' from s", 'operator ->'],
    ['select a from s where a = any(array[1])', 'ANY (array)'],
    ['select distinct on (a) a, b from s', 'DISTINCT ON'],
    ['select * from s, lateral (select 1) x', 'LATERAL'],
    ['select * from generate_series(1, 3)', 'a function in FROM'],
    ['select * from (values (1)) v', 'VALUES in FROM'],
    ['values (1)', 'VALUES as a statement'],
    ['select count(*) filter (where a > 1) from s', 'FILTER'],
    ['select a from s for update', 'FOR UPDATE'],
    ['select a is distinct from 1 from s', 'IS DISTINCT FROM'],
    ['select gen_random_uuid()', 'function gen_random_uuid() does not exist'],
    ['select array_agg(a) from s', 'function array_agg() does not exist'],
    ['select pg_sleep(1)', 'function pg_sleep() does not exist'],
    ["select set_config('a.b', 'c', false)", 'function set_config() does not exist'],
    ['with x as (delete from s returning a) select * from x', 'data-modifying common table expression'],
    ['with x as (select 1 as a) insert into s (a) select a from x', 'WITH before INSERT'],
    ['delete from s t where t.a = 1', 'an alias on the target of DELETE'],
    ['update s set (a, b) = (1, b)', 'UPDATE ... SET (columns)'],
    ['select sum(a) over (order by b) from s', 'require a frame clause'],
    ["create type mood as enum ('ok')", 'CREATE TYPE ... AS ENUM'],
    ['create domain d as int', 'CREATE DOMAIN'],
    ['create sequence q', 'CREATE SEQUENCE'],
    ['create extension pgcrypto', 'CREATE EXTENSION'],
    ['create trigger t before insert on s for each row execute function f()', 'CREATE TRIGGER'],
    ["create function f() returns int language plpgsql as 'begin return 1; end'", 'CREATE FUNCTION'],
    ['do $$ begin null; end $$', 'DO'],
    ['create table g (a int, b int generated always as (a * 2) stored)', 'a generated column'],
    ['create table g (a int check (a > 0))', 'CHECK'],
    ['create table g (a int) partition by range (a)', 'PARTITION BY'],
    ['create table g () inherits (s)', 'INHERITS'],
    ['create unlogged table g (a int)', 'UNLOGGED'],
    ['alter table s add column d int, add column e int', 'more than one action'],
    ['alter table s alter column a set default 3', 'ALTER TABLE'],
    ['alter table s alter column a type bigint', 'ALTER COLUMN TYPE'],
    ["select '\\n'", 'a backslash in a plain literal'],
    ['select 1; select 2', 'multiple commands'],
    ['set role admin', 'SET role'],
    ['set session authorization postgres', 'SET session_authorization'],
    ['reset session authorization', 'SET session_authorization'],
    ['select * from pg_authid', 'catalogue table pg_authid'],
    ['select * from redshift_system.load_errors', 'does not exist'],
    ['copy s to stdout', 'syntax error'],
    ['alter role admin superuser', 'ALTER USER or ALTER ROLE'],
  ])('%s', async (sql, message) => {
    expect(await admin.error(sql)).toContain(message);
  });
});

describe('what Redshift has and this server has not is refused by name', () => {
  it.each([
    ["unload ('select 1') to 's3://b/k' iam_role 'arn:aws:iam::123456789012:role/r'", 'UNLOAD'],
    ["create external schema e from data catalog database 'x' iam_role default", 'CREATE EXTERNAL'],
    ['create materialized view m auto refresh yes as select 1 as a', 'CREATE MATERIALIZED'],
    ['vacuum', 'VACUUM'],
    ['begin', 'BEGIN'],
    ['commit', 'COMMIT'],
    ['explain select 1', 'EXPLAIN'],
    ['call p()', 'CALL'],
    ['alter table s append from t', 'ALTER TABLE APPEND'],
    ['alter table s alter diststyle even', 'ALTER TABLE of distribution'],
    ["create user u password 'Secret1'", 'CREATE USER with a password'],
    ['grant select on s to group g', 'GROUP'],
    ['select avg(a) from s', 'AVG without a cast'],
    ['select * from stl_load_errors', 'system table stl_load_errors'],
    ['merge into s using t on s.a = t.a remove duplicates', 'REMOVE DUPLICATES'],
    ['create view v as select 1 as a with no schema binding', 'WITH NO SCHEMA BINDING'],
  ])('%s', async (sql, message) => {
    expect(await admin.error(sql)).toMatch(
      new RegExp(`^ERROR: .*${message.replace(/[()]/g, '.')}.* not served by`),
    );
  });
});

describe('statements', () => {
  it('MERGE takes a table, no alias on the target, and both WHEN clauses', async () => {
    await admin.ok(['create table target (id int, n int)', 'create table source (id int, n int)']);
    await admin.ok(['insert into target values (1, 1)', 'insert into source values (1, 10), (2, 20)']);
    const both =
      'when matched then update set n = x.n when not matched then insert (id, n) values (x.id, x.n)';
    await admin.ok(`merge into target using source as x on target.id = x.id ${both}`);
    expect(await admin.rows('select id, n from target order by id')).toEqual([
      [1, 10],
      [2, 20],
    ]);
    const refused: [string, string][] = [
      [`merge into target t using source x on t.id = x.id ${both}`, 'an alias on the target of MERGE'],
      [
        `merge into target using (select * from source) x on target.id = x.id ${both}`,
        'a query as source of MERGE',
      ],
      [
        'merge into target using source x on target.id = x.id when matched then delete',
        'without exactly one WHEN MATCHED',
      ],
      [
        'merge into target using source x on target.id = x.id when matched and x.n > 1 then delete when not matched then insert values (x.id, x.n)',
        'WHEN MATCHED AND condition',
      ],
    ];
    for (const [sql, message] of refused) expect(await admin.error(sql)).toContain(message);
  });

  it('TRUNCATE commits what ran before it in the batch, and itself', async () => {
    await admin.ok([
      'create table kept (a int)',
      'create table emptied (a int)',
      'insert into emptied values (1)',
    ]);
    const { Error: error, SubStatements } = await admin.run([
      'insert into kept values (1)',
      'truncate table emptied',
      'insert into kept values (2)',
      'select 1 / 0',
    ]);
    expect(error).toBe('Query #4 failed with ERROR: division by zero');
    expect(SubStatements?.map((part) => part.Status)).toEqual(['FINISHED', 'FINISHED', 'FINISHED', 'FAILED']);
    expect(await admin.rows('select a from kept')).toEqual([[1]]);
    expect(await admin.rows('select a from emptied')).toEqual([]);
  });

  it('temporary tables live as long as the call', async () => {
    await admin.ok([
      'create temp table passing (a varchar(3))',
      "insert into passing values ('é')",
      'select a from passing',
    ]);
    expect(await admin.error('select * from passing')).toBe('ERROR: relation "passing" does not exist');
  });

  it('identifiers fold to lower case, quoted ones do not', async () => {
    await admin.ok('CREATE TABLE Folded (Id int, "Two" int)');
    await admin.ok('insert into FOLDED values (1, 2)');
    expect(await admin.rows('select ID, "Two" from folded')).toEqual([[1, 2]]);
    expect(await admin.error('select Two from folded')).toMatch(/column "two" does not exist/);
  });

  it('text sorts by bytes and upper-cases by Unicode', async () => {
    await admin.ok([
      'create table words (a varchar(10))',
      "insert into words values ('é'), ('z'), ('Z'), ('a')",
    ]);
    expect((await admin.rows('select a from words order by a')).flat()).toEqual(['Z', 'a', 'z', 'é']);
    expect(await admin.rows("select upper('é')")).toEqual([['É']]);
  });

  it('an empty text is not NULL', async () => {
    expect(await admin.rows("select '' is null, len('')")).toEqual([[false, 0]]);
  });

  it('GETDATE, SYSDATE, NVL, NVL2, DATEADD, DATEDIFF, LISTAGG, CONCAT, LEN and SHA2 have their Redshift meaning', async () => {
    const [[getdate, sysdate]] = (await admin.rows('select getdate(), sysdate')) as [[string, string]];
    expect(getdate).toMatch(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/);
    expect(sysdate).toMatch(/^\d{4}-\d{2}-\d{2} /);
    expect(
      await admin.rows(`select nvl(null, 1), nvl2(null, 1, 2), dateadd(month, 1, '2026-01-31'::timestamp),
        datediff(day, '2026-01-01 23:00'::timestamp, '2026-01-02 01:00'::timestamp), concat('a', null), len('é'),
        datediff(week, '2026-11-21'::date, '2026-11-22'::date), extract(year from '2026-05-01'::date)`),
    ).toEqual([[1, 2, '2026-02-28 00:00:00', 1, null, 1, 1, 2026]]);
    await admin.ok([
      'create table parts (a varchar(3), n int)',
      "insert into parts values ('b', 2), ('a', 1)",
    ]);
    expect(await admin.rows("select listagg(a, ',') within group (order by n) from parts")).toEqual([
      ['a,b'],
    ]);
    expect(await admin.rows("select sha2('a', 256)")).toEqual([
      ['ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'],
    ]);
    expect(
      await admin.rows(
        "select avg(n::decimal(9,2)) > 1, current_timestamp > sysdate - interval '1 hour' from parts",
      ),
    ).toEqual([[true, true]]);
  });

  it('CREATE TABLE (LIKE ...), views, schemas, ALTER, ANALYZE and LOCK work', async () => {
    await admin.ok([
      'create schema if not exists shop',
      "create table shop.a (id int not null, name varchar(10) default 'n')",
      'create table shop.b (like shop.a including defaults)',
      'lock table shop.a',
      'lock shop.b',
      'insert into shop.b (id) values (1)',
      'alter table shop.b add column more varchar(5)',
      'alter table shop.b rename column more to extra',
      'create or replace view shop.v as select id, nvl(extra, name) as best from shop.b',
      'alter table shop.a rename to old',
      'analyze shop.b',
      "comment on table shop.b is 'stock'",
    ]);
    expect(await admin.rows('select id, best from shop.v')).toEqual([[1, 'n']]);
    expect(await admin.error('insert into shop.b (id) values (null)')).toMatch(/null value/);
    await admin.ok('drop table if exists shop.old, shop.none');
    await admin.ok('drop schema shop cascade');
  });

  it('two transactions that change the same row: the later one fails with 1023', async () => {
    await admin.ok([
      'create table contested (id int, n int)',
      'insert into contested values (1, 0)',
      'create table busy (a int)',
    ]);
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, () =>
        admin.run(['select n from contested', 'update contested set n = n + 1', 'select count(*) from busy']),
      ),
    );
    const finished = outcomes.filter(({ Status }) => Status === 'FINISHED').length;
    const failed = outcomes.filter(({ Status }) => Status === 'FAILED');
    expect(await admin.rows('select n from contested')).toEqual([[finished]]);
    for (const { Error: error } of failed)
      expect(error).toMatch(/1023 Detail: Serializable isolation violation/);
  });

  it('a transaction that takes LOCK first sees what the one before it committed', async () => {
    await admin.ok(['create table ledger (n int)', 'insert into ledger values (0)']);
    await Promise.all(
      Array.from({ length: 6 }, () => admin.ok(['lock ledger', 'update ledger set n = n + 1'])),
    );
    expect(await admin.rows('select n from ledger')).toEqual([[6]]);
  });
});

it('every difference names a test that exists', async () => {
  const { readFile, readdir } = await import('node:fs/promises');
  const folder = new URL('.', import.meta.url);
  const files = (await readdir(folder)).filter((name) => name.endsWith('.test.ts'));
  const text = (await Promise.all(files.map((name) => readFile(new URL(name, folder), 'utf8')))).join('\n');
  for (const difference of differences) {
    if (difference.test) expect(text).toContain(difference.test);
  }
});
