import { gzipSync } from 'node:zlib';
import { CancelStatementCommand, ExecuteStatementCommand } from '@aws-sdk/client-redshift-data';
import { jest } from '@jest/globals';
import { copyRole, startWarehouse, type TestWarehouse } from './warehouse-under-test.ts';

jest.setTimeout(120_000);

let warehouse: TestWarehouse;
let admin: TestWarehouse['admin'];

beforeAll(async () => {
  warehouse = await startWarehouse();
  admin = warehouse.admin;
});
afterAll(() => warehouse.close());

let table = 0;
/** A new table, so that no test sees another's rows. */
async function tableOf(columns: string): Promise<string> {
  table++;
  await admin.ok(`create table load_${table} (${columns})`);
  return `load_${table}`;
}
const copy = (target: string, key: string, options = '') =>
  `copy ${target} from 's3://bucket/${key}' iam_role '${copyRole}' csv ${options}`;
const put = (key: string, body: string | Buffer) => warehouse.store.put(`bucket/${key}`, body);

describe('COPY', () => {
  it('loads every object whose key begins with the path, and counts the rows', async () => {
    const target = await tableOf('a int, b varchar(20)');
    for (const part of [1, 2, 3, 4, 5]) put(`prefix/part-${part}.csv`, `${part},x\n`);
    put('prefix/other.csv', '99,x\n');
    const loaded = await admin.ok([
      copy(target, 'prefix/part-'),
      'select pg_last_copy_count()',
      `select count(*) from ${target}`,
    ]);
    expect(loaded.SubStatements?.[0]).toMatchObject({ HasResultSet: false, ResultRows: 5 });
    expect(await admin.rows(`select a from ${target} order by a`)).toEqual([[1], [2], [3], [4], [5]]);
    expect(await admin.rows('select pg_last_copy_count()')).toEqual([[0]]);
  });

  it('reads quotes, doubled quotes, newlines in quotes, CRLF, another delimiter, and skips header lines', async () => {
    const target = await tableOf('a int, b varchar(40), c varchar(40)');
    put('quotes.csv', 'a|b|c\r\n1|"say ""hi"""|"two\r\nlines"\r\n2|tab\there|back\\slash\r\n3|\'|"|"');
    await admin.ok(copy(target, 'quotes.csv', "delimiter '|' ignoreheader 1"));
    expect(await admin.rows(`select * from ${target} order by a`)).toEqual([
      [1, 'say "hi"', 'two\r\nlines'],
      [2, 'tab\there', 'back\\slash'],
      [3, "'", '|'],
    ]);
  });

  it("an empty text field loads as '', quoted or not, and any other empty field as NULL; EMPTYASNULL makes both NULL", async () => {
    const target = await tableOf('a int, b varchar(5), c varchar(5), d date, e decimal(5,2)');
    put('empty.csv', ',,"",,\n');
    await admin.ok(copy(target, 'empty.csv'));
    await admin.ok(copy(target, 'empty.csv', 'emptyasnull'));
    expect(await admin.rows(`select * from ${target} order by b`)).toEqual([
      [null, '', '', null, null],
      [null, null, null, null, null],
    ]);
  });

  it('BLANKSASNULL and NULL AS make NULL', async () => {
    const target = await tableOf('a varchar(5), b varchar(5), c int');
    put('blank.csv', '  ,none,none\n');
    await admin.ok(copy(target, 'blank.csv', "blanksasnull null as 'none'"));
    expect(await admin.rows(`select * from ${target}`)).toEqual([[null, null, null]]);
  });

  it('cuts decimals to the scale of the column; ROUNDEC rounds', async () => {
    const target = await tableOf('a decimal(9,2), b decimal(9,0)');
    put('decimals.csv', '1.999,-.9\n');
    await admin.ok(copy(target, 'decimals.csv'));
    await admin.ok(copy(target, 'decimals.csv', 'roundec'));
    expect(await admin.rows(`select * from ${target} order by a`)).toEqual([
      ['1.99', '0'],
      ['2.00', '-1'],
    ]);
  });

  it('dates and times are read in ISO form', async () => {
    const target = await tableOf('a date, b timestamp, c timestamptz');
    put('times.csv', '2026-11-21,2026-11-21 06:00:00,2026-11-21 06:00:00+01\n');
    put('times-auto.csv', '2026-11-22,2026-11-22T06:00:00.5Z,2026-11-22T06:00:00Z\n');
    await admin.ok(copy(target, 'times.csv', "dateformat 'YYYY-MM-DD'"));
    await admin.ok(copy(target, 'times-auto.csv', "dateformat as 'auto' timeformat 'auto'"));
    expect(await admin.rows(`select * from ${target} order by a`)).toEqual([
      ['2026-11-21', '2026-11-21 06:00:00', '2026-11-21 05:00:00+00'],
      ['2026-11-22', '2026-11-22 06:00:00.5', '2026-11-22 06:00:00+00'],
    ]);
    for (const bad of ['today', '2026-11', 'infinity']) {
      put('bad-date.csv', `${bad},,\n`);
      expect(await admin.error(copy(target, 'bad-date.csv'))).toContain('sys_load_error_detail');
    }
  });

  it('reads GZIP and a column list; columns left out take their default', async () => {
    const target = await tableOf("id bigint identity(1,1), a int, b varchar(5) default 'd', c int");
    put('zipped.csv.gz', gzipSync('1,2\n3,4\n'));
    await admin.ok(
      copy(`${target} (c, a)`, 'zipped', "gzip region 'eu-west-1' compupdate off statupdate on maxerror 0"),
    );
    expect(await admin.rows(`select id, a, b, c from ${target} order by id`)).toEqual([
      [1, 2, 'd', 1],
      [2, 4, 'd', 3],
    ]);
    put('broken.gz', gzipSync('1,2\n3,4\n').subarray(0, 15));
    expect(await admin.error(copy(`${target} (c, a)`, 'broken.gz', 'gzip'))).toContain(
      'Error reading a GZIP file',
    );
    expect(await admin.error(copy(target, 'zipped', 'gzip'))).toContain('IDENTITY');
  });

  it('reads many objects of a manifest, each in its turn; one that is missing in the middle is named, and nothing is loaded', async () => {
    const target = await tableOf('id bigint identity(1,1), a int');
    const numbers = Array.from({ length: 30 }, (_, index) => index);
    for (const number of numbers) put(`part-${number}.csv`, `${number}\n`.repeat(number === 7 ? 50_000 : 1));
    const manifest = (last: string) => {
      const parts = [...numbers.slice(0, 20).map(String), last, ...numbers.slice(20).map(String)];
      const entries = parts.map((part) => ({ url: `s3://bucket/part-${part}.csv`, mandatory: true }));
      put('many.manifest', JSON.stringify({ entries }));
    };
    manifest('gone');
    expect(await admin.error(copy(`${target} (a)`, 'many.manifest', 'manifest'))).toContain('part-gone.csv');
    expect(await admin.rows(`select a from ${target}`)).toEqual([]);
    manifest('0');
    await admin.ok(copy(`${target} (a)`, 'many.manifest', 'manifest'));
    const order = await admin.rows(`select a from ${target} group by a order by min(id)`);
    expect(order).toEqual(numbers.map((number) => [number]));
  });

  it('reads what a manifest lists; a missing mandatory entry fails, a missing optional one does not', async () => {
    const target = await tableOf('a int');
    put('listed-1.csv', '1\n');
    put('listed-10.csv', '10\n');
    const manifest = (entries: object[]) => put('the.manifest', JSON.stringify({ entries }));
    const present = { url: 's3://bucket/listed-1.csv', mandatory: true, meta: { content_length: 999 } };
    manifest([present, { url: 's3://bucket/gone.csv' }]);
    expect((await admin.ok(copy(target, 'the.manifest', 'manifest'))).ResultRows).toBe(1);
    manifest([present, { url: 's3://bucket/gone.csv', mandatory: true }]);
    expect(await admin.error(copy(target, 'the.manifest', 'manifest'))).toMatch(
      /NoSuchKey|specified key does not exist/,
    );
    manifest([{ url: 's3://bucket/gone.csv' }]);
    expect(await admin.error(copy(target, 'the.manifest', 'manifest'))).toContain('No files were found');
    manifest([{ mandatory: true }]);
    expect(await admin.error(copy(target, 'the.manifest', 'manifest'))).toContain(
      'Mandatory url is not present in manifest file.',
    );
    put('the.manifest', 'not json');
    expect(await admin.error(copy(target, 'the.manifest', 'manifest'))).toContain(
      'Problem reading manifest file',
    );
    expect(await admin.rows(`select a from ${target}`)).toEqual([[1]]);
  });

  it('fails when nothing is under the path, when the table is missing, and with the words of S3 when it denies', async () => {
    const target = await tableOf('a int');
    expect(await admin.error(copy(target, 'nothing/'))).toBe(
      "ERROR: The specified S3 prefix 'nothing/' does not exist",
    );
    expect(await admin.error(copy('nowhere', 'nothing/'))).toBe('ERROR: relation "nowhere" does not exist');
    for (const action of ['s3:ListBucket', 's3:GetObject']) {
      put('denied.csv', '1\n');
      warehouse.store.denied.add(action);
      expect(await admin.error(copy(target, 'denied.csv'))).toContain(
        `S3ServiceException:User: copy-role is not authorized to perform: ${action}`,
      );
      warehouse.store.denied.clear();
    }
  });

  it('one bad row fails all of it, and SYS_LOAD_ERROR_DETAIL says which file, line and column', async () => {
    const target = await tableOf('a int not null, b varchar(4), c decimal(5,2), d char(2)');
    put('bad/1.csv', 'a,b,c,d\n1,"x\ny",1,z\n2,x,1,z\n');
    const cases: [string, number, string, number, string][] = [
      ['1,x,1,z\nx1,x,1,z\n', 3, 'a', 1207, 'invalid input syntax for type integer: "x1"'],
      ['1,x,1,z\n"3",ééx,1,z\n', 3, 'b', 1204, 'String length exceeds DDL length'],
      ['9999999999,x,1,z\n', 2, 'a', 1216, 'value "9999999999" is out of range for type integer'],
      ['1,x,99999,z\n', 2, 'c', 1216, 'numeric field overflow'],
      ['1,x,NaN,z\n', 2, 'c', 1207, "Invalid digit, Value 'N', Pos 0, Type: Decimal"],
      ['1,x,1,é\n', 2, 'd', 1220, 'String contains invalid or unsupported UTF8 codepoints.'],
      [',x,1,z\n', 2, 'a', 1213, 'Missing data for not-null field'],
      ['1,x,1\n', 2, 'c', 1214, 'Delimiter not found'],
      ['1,x,1,z,5\n', 2, 'd', 1202, 'Extra column(s) found'],
      ['1,x"x,1,z\n', 2, '', 1212, 'Invalid quote formatting for CSV'],
      ['1,"x,1,z\n', 2, '', 1214, 'Delimited value missing end quote'],
      ['1,x,1,z\r\n2,x,1,z\nx3,x,1,z\n', 4, 'a', 1207, 'invalid input syntax for type integer: "x3"'],
      ['1,"x\n\ny",1,z\nx2,"\n",1,z\n', 5, 'a', 1207, 'invalid input syntax for type integer: "x2"'],
      [
        `${'1,x,1,z\n'.repeat(20_000)}x,x,1,z\n`,
        20_002,
        'a',
        1207,
        'invalid input syntax for type integer: "x"',
      ],
    ];
    for (const [body, line, column, code, message] of cases) {
      put('bad/2.csv', `a,b,c,d\n${body}`);
      const failed = await admin.run(copy(target, 'bad/', 'ignoreheader 1'));
      expect(failed.Error).toBe(
        `ERROR: Load into table '${target}' failed.  Check 'sys_load_error_detail' system table for details.`,
      );
      expect(
        await admin.rows(
          `select file_name, line_number, column_name, error_code, error_message from sys_load_error_detail
            where query_id = ${failed.RedshiftQueryId}`,
        ),
      ).toEqual([['s3://bucket/bad/2.csv', line, column, code, message]]);
    }
    for (const [field, line] of [
      ['y', 2],
      ['"y\n"', 2],
    ] as const) {
      put('bad/2.csv', Buffer.concat([Buffer.from(`1,x,1,z\n2,${field},1,`), Buffer.from([0xff, 0x0a])]));
      const failed = await admin.run(copy(target, 'bad/2'));
      expect(
        await admin.rows(
          `select line_number, error_code, error_message from sys_load_error_detail where query_id = ${failed.RedshiftQueryId}`,
        ),
      ).toEqual([[line, 1220, 'String contains invalid or unsupported UTF8 codepoints.']]);
    }
    expect(await admin.rows(`select count(*) from ${target}`)).toEqual([[0]]);
    expect(await warehouse.caller('/as/nosy').rows('select * from sys_load_error_detail')).toEqual([]);
  });

  it('runs inside the transaction of its batch', async () => {
    const target = await tableOf('a int');
    put('inside.csv', '1\n2\n');
    await admin.error([copy(target, 'inside.csv'), 'select 1 / 0']);
    expect(await admin.rows(`select * from ${target}`)).toEqual([]);
  });

  it('needs INSERT on the table', async () => {
    const target = await tableOf('a int');
    put('rights.csv', '1\n');
    const loader = warehouse.caller('/as/loader');
    expect(await loader.error(copy(target, 'rights.csv'))).toBe(
      `ERROR: permission denied for table ${target}`,
    );
    await admin.ok(`grant insert on ${target} to "IAMR:loader"`);
    await loader.ok(copy(target, 'rights.csv'));
  });

  it.each(['', 'manifest'])('that waits for S3 is ended by CancelStatement (%s)', async (option) => {
    const target = await tableOf('a int');
    put('stuck.csv', '1\n');
    warehouse.store.stuck.add('bucket/stuck.csv');
    const { Id } = await admin.client.send(
      new ExecuteStatementCommand({ ...admin.target, Sql: copy(target, 'stuck.csv', option) }),
    );
    while (!warehouse.store.streaming.has('bucket/stuck.csv'))
      await new Promise((resolve) => setTimeout(resolve, 10));
    await admin.client.send(new CancelStatementCommand({ Id }));
    expect((await admin.finished(Id)).Status).toBe('ABORTED');
    while (warehouse.store.streaming.size > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await admin.rows(`select * from ${target}`)).toEqual([]);
  });

  it('loads a file larger than any piece of it', async () => {
    const target = await tableOf('a int, b varchar(100), c decimal(12,4)');
    const rows = Array.from(
      { length: 60_000 },
      (_, index) => `${index},"näme ""${index}"" \n x",${index}.5\r\n`,
    );
    put('large.csv', rows.join(''));
    expect((await admin.ok(copy(target, 'large.csv'))).ResultRows).toBe(60_000);
    expect(await admin.rows(`select count(distinct a), sum(c), max(octet_length(b)) from ${target}`)).toEqual(
      [[60_000, ((59_999 * 60_000) / 2 + 30_000).toFixed(4), 17]],
    );
  });

  it('rows that PostgreSQL would read otherwise, among those that it reads as they are', async () => {
    const target = await tableOf('a int, b varchar(20), c decimal(9,2), d date');
    const rows = Array.from(
      { length: 3000 },
      (_, n) =>
        [`${n},plain ${n},${n}.25,2026-11-21`, `${n},"two\nlines",${n}.259,`, `${n},"",${n},2026-11-21\r`][
          n % 3
        ],
    );
    put('mixed.csv', `a,b,c,d\n${rows.join('\n')}`);
    expect((await admin.ok(copy(target, 'mixed.csv', 'ignoreheader 1 emptyasnull'))).ResultRows).toBe(3000);
    expect(
      await admin.rows(
        `select a % 3, count(*), count(distinct a), count(b), count(d), max(b) from ${target}
          where c = a + 0.25 or a % 3 = 2 and c = a group by 1 order by 1`,
      ),
    ).toEqual([
      [0, 1000, 1000, 1000, 1000, 'plain 999'],
      [1, 1000, 1000, 1000, 0, 'two\nlines'],
      [2, 1000, 1000, 0, 1000, null],
    ]);
    for (const options of ['', 'emptyasnull', "null as 'none'", 'blanksasnull']) {
      const marks = await tableOf('a varchar(5), b varchar(5), c int');
      put('marks.csv', '\\N,\\.,\n,"\\N",1\nnone,  ,\n');
      await admin.ok(copy(marks, 'marks.csv', options));
      const empty = options === 'emptyasnull' ? null : '';
      const none = options.startsWith('null') ? null : 'none';
      const blank = options === 'blanksasnull' ? null : '  ';
      expect(await admin.rows(`select * from ${marks} order by c, b desc`)).toEqual(
        expect.arrayContaining([
          ['\\N', '\\.', null],
          [empty, '\\N', 1],
          [none, blank, null],
        ]),
      );
    }
  });

  it.each([
    ['json', 'COPY option JSON'],
    ['format as parquet', 'COPY format PARQUET'],
    ['csv escape', 'COPY option ESCAPE'],
    ['csv maxerror 5', 'MAXERROR above 0'],
    ['csv acceptinvchars', 'COPY option ACCEPTINVCHARS'],
    ['csv truncatecolumns', 'COPY option TRUNCATECOLUMNS'],
    ['', 'COPY in a format other than CSV'],
    ["csv dateformat 'DD.MM.YYYY'", "DATEFORMAT 'DD.MM.YYYY'"],
    ['csv sideways', 'syntax error at or near "sideways"'],
  ])('COPY options that are not served are refused by name: %s', async (options, message) => {
    const target = await tableOf('a int');
    expect(
      await admin.error(`copy ${target} from 's3://bucket/k' iam_role '${copyRole}' ${options}`),
    ).toContain(message);
  });
});
