import {
  BatchExecuteStatementCommand,
  CancelStatementCommand,
  DescribeStatementCommand,
  ExecuteStatementCommand,
  GetStatementResultCommand,
  GetStatementResultV2Command,
  ListStatementsCommand,
  ListTablesCommand,
} from '@aws-sdk/client-redshift-data';
import { jest } from '@jest/globals';
import pg from 'pg';
import { adminSecret, startWarehouse, type TestWarehouse, workgroup } from './warehouse-under-test.ts';

jest.setTimeout(120_000);

let warehouse: TestWarehouse;
let admin: TestWarehouse['admin'];

beforeAll(async () => {
  warehouse = await startWarehouse({ pageRows: 3, concurrency: 4 });
  admin = warehouse.admin;
});
afterAll(() => warehouse.close());

it('announces no end of an idle connection: only the client closes one, so none is closed under a call', async () => {
  const answered = await fetch(warehouse.server.url, { method: 'POST' });
  await answered.text();
  expect(answered.headers.get('connection')).toBe('keep-alive');
  expect(answered.headers.get('keep-alive')).toBeNull();
});

describe('a statement', () => {
  it('gets an id at once, ends as FINISHED and describes itself', async () => {
    const submitted = await admin.client.send(
      new ExecuteStatementCommand({ ...admin.target, Sql: 'select 1 as one' }),
    );
    expect(submitted).toMatchObject({
      Database: 'dev',
      WorkgroupName: workgroup,
      SecretArn: adminSecret,
      DbUser: 'admin',
    });
    expect(submitted.Id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(submitted.CreatedAt).toBeInstanceOf(Date);
    const description = await admin.finished(submitted.Id);
    expect(description).toMatchObject({
      Status: 'FINISHED',
      HasResultSet: true,
      ResultRows: 1,
      ResultSize: 1,
      QueryString: 'select 1 as one',
    });
    expect(description.Duration).toBeGreaterThan(0);
    expect(description.RedshiftPid).toBeGreaterThan(0);
    expect(description.RedshiftQueryId).toBeGreaterThan(0);
    expect(description.SubStatements).toBeUndefined();
  });

  it('that fails shows the error and has no result', async () => {
    const { Id, Status, Error: error, HasResultSet } = await admin.run('select 1 / 0');
    expect([Status, error, HasResultSet]).toEqual(['FAILED', 'ERROR: division by zero', false]);
    await expect(admin.client.send(new GetStatementResultCommand({ Id }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      ResourceId: Id,
    });
  });

  it('counts the rows it changed', async () => {
    await admin.ok('create table counted (a int)');
    const inserted = await admin.ok('insert into counted values (1), (2)');
    expect(inserted).toMatchObject({ HasResultSet: false, ResultRows: 2 });
    expect((await admin.ok('delete from counted where a = 1')).ResultRows).toBe(1);
  });

  it('returns each type as the Data API does, with its metadata', async () => {
    await admin.ok(
      'create table typed (i int not null, b bigint, n decimal(9,2), d date, t timestamp, f float8, o boolean, v varchar(9))',
    );
    await admin.ok(
      "insert into typed values (1, 9007199254740993, 1.50, '2026-11-21', '2026-11-21 06:00:00', 0.5, true, 'é\"'), (2, null, null, null, null, null, null, '')",
    );
    const { Id } = await admin.ok('select * from typed order by i');
    const { Records, ColumnMetadata, TotalNumRows } = await admin.client.send(
      new GetStatementResultCommand({ Id }),
    );
    expect(TotalNumRows).toBe(2);
    expect(Records?.[0]).toMatchObject([
      { longValue: 1 },
      {},
      { stringValue: '1.50' },
      { stringValue: '2026-11-21' },
      { stringValue: '2026-11-21 06:00:00' },
      { doubleValue: 0.5 },
      { booleanValue: true },
      { stringValue: 'é"' },
    ]);
    expect(Records?.[1]?.slice(1)).toEqual([...Array(6).fill({ isNull: true }), { stringValue: '' }]);
    expect(
      ColumnMetadata?.map(({ name, typeName, nullable, precision, scale, tableName, schemaName }) => [
        name,
        typeName,
        nullable,
        precision,
        scale,
        tableName,
        schemaName,
      ]),
    ).toEqual([
      ['i', 'int4', 0, 10, 0, 'typed', 'public'],
      ['b', 'int8', 1, 19, 0, 'typed', 'public'],
      ['n', 'numeric', 1, 9, 2, 'typed', 'public'],
      ['d', 'date', 1, 0, 0, 'typed', 'public'],
      ['t', 'timestamp', 1, 0, 0, 'typed', 'public'],
      ['f', 'float8', 1, 0, 0, 'typed', 'public'],
      ['o', 'bool', 1, 0, 0, 'typed', 'public'],
      ['v', 'varchar', 1, 9, 0, 'typed', 'public'],
    ]);
  });

  it('pages its result by NextToken', async () => {
    await admin.ok([
      'create table paged (a int)',
      'insert into paged values (1), (2), (3), (4), (5), (6), (7)',
    ]);
    const { Id } = await admin.ok('select a from paged order by a');
    const pages: number[][] = [];
    let token: string | undefined;
    do {
      const page = await admin.client.send(new GetStatementResultCommand({ Id, NextToken: token }));
      expect(page.TotalNumRows).toBe(7);
      pages.push((page.Records ?? []).map((record) => Number(record[0]?.longValue)));
      token = page.NextToken;
    } while (token);
    expect(pages).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
    await expect(
      admin.client.send(new GetStatementResultCommand({ Id, NextToken: 'bad' })),
    ).rejects.toMatchObject({ name: 'ValidationException' });
  });

  it('answers when it has ended if WaitTimeSeconds asks for it', async () => {
    const done = await admin.client.send(
      new ExecuteStatementCommand({ ...admin.target, Sql: 'select 1', WaitTimeSeconds: 30 }),
    );
    expect(done).toMatchObject({ Status: 'FINISHED', HasResultSet: true });
  });
});

describe('parameters', () => {
  it('are bound as values and take their type from where they stand', async () => {
    await admin.ok('create table people (id int, name varchar(40), born date)');
    const evil = "x'); drop table people; --";
    await admin.ok('insert into people values (:id, :name, :born)', [
      { name: 'id', value: '7' },
      { name: 'name', value: evil },
      { name: 'born', value: '1990-01-02' },
    ]);
    const id = [{ name: 'id', value: '7' }];
    expect(
      await admin.rows("select name, born, ':id', :id || '' from people where id = :id -- :nothing", id),
    ).toEqual([[evil, '1990-01-02', ':id', '7']]);
    expect(
      await admin.error('select * from people where id = :id', [{ name: 'id', value: 'seven' }]),
    ).toMatch(/invalid input syntax for type integer/);
  });

  it('that are missing or unused fail the statement', async () => {
    expect(await admin.error('select :a', [{ name: 'b', value: '1' }])).toBe(
      'ERROR: Cannot find parameter: a',
    );
    expect(await admin.error('select 1', [{ name: 'b', value: '1' }])).toMatch(
      /unused parameters. Unused parameters: \[b\]/,
    );
    expect(await admin.error('select $1')).toBe('ERROR: there is no parameter $1');
  });

  it('of a batch serve all its statements', async () => {
    await admin.ok(
      ['select :a', 'select :b, :a'],
      [
        { name: 'a', value: '1' },
        { name: 'b', value: '2' },
      ],
    );
  });

  it('are refused in DDL and COPY, and taken in CREATE TABLE AS', async () => {
    const value = [{ name: 'a', value: '1' }];
    const message = 'a parameter in a statement other than';
    expect(await admin.error('create table p (a int default :a)', value)).toContain(message);
    const copy = "copy p from 's3://b/k' iam_role 'arn:aws:iam::123456789012:role/r' csv null as :a";
    expect(await admin.error(copy, value)).toContain('a parameter in COPY');
    await admin.ok('create table p as select :a::int as a', value);
    expect(await admin.rows('select a from p')).toEqual([[1]]);
  });
});

describe('a batch', () => {
  it('a batch is one transaction: one failure rolls all of it back and aborts the rest', async () => {
    await admin.ok('create table whole (a int)');
    const failed = await admin.run([
      'insert into whole values (1)',
      'select 1 / 0',
      'insert into whole values (2)',
    ]);
    expect(failed.Error).toBe('Query #2 failed with ERROR: division by zero');
    expect(failed.SubStatements?.map(({ Id, Status, Error: error }) => [Id, Status, error])).toEqual([
      [`${failed.Id}:1`, 'FINISHED', undefined],
      [`${failed.Id}:2`, 'FAILED', 'ERROR: division by zero'],
      [`${failed.Id}:3`, 'ABORTED', undefined],
    ]);
    expect(await admin.rows('select * from whole')).toEqual([]);
  });

  it('has results by <id>:<n>', async () => {
    const { Id, HasResultSet, SubStatements } = await admin.ok([
      'create table pair (a int)',
      'select 2 as two',
      'select 3',
    ]);
    expect(HasResultSet).toBe(true);
    expect(SubStatements?.map((part) => part.HasResultSet)).toEqual([false, true, true]);
    const { Records } = await admin.client.send(new GetStatementResultCommand({ Id: `${Id}:2` }));
    expect(Records).toEqual([[{ longValue: 2 }]]);
    await expect(admin.client.send(new GetStatementResultCommand({ Id }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
    const part = await admin.client.send(new DescribeStatementCommand({ Id: `${Id}:3` }));
    expect(part).toMatchObject({ Id: `${Id}:3`, QueryString: 'select 3', Status: 'FINISHED' });
  });

  it('a statement that is refused is found before the first one runs', async () => {
    const failed = await admin.run(['create table early (a int)', 'truncate early', 'vacuum']);
    expect(failed.Error).toMatch(/^Query #3 failed with ERROR: VACUUM/);
    expect(await admin.error('select * from early')).toMatch(/does not exist/);
  });

  it('of 41 statements, or with one above 100 kB, is refused', async () => {
    const send = (Sqls: string[]) =>
      admin.client.send(new BatchExecuteStatementCommand({ ...admin.target, Sqls }));
    await expect(send(Array(41).fill('select 1'))).rejects.toMatchObject({ name: 'ValidationException' });
    await expect(send([`select '${'x'.repeat(100_000)}'`])).rejects.toThrow(
      'Cannot process query string larger than 100kB',
    );
    await admin.ok(Array(40).fill('select 1'));
    await admin.ok(`select '${'x'.repeat(99_900)}'`);
  });
});

describe('ClientToken', () => {
  it('the same ClientToken runs once and returns the same id, also when both come at once', async () => {
    await admin.ok('create table once (a int)');
    const send = () =>
      admin.client.send(
        new ExecuteStatementCommand({
          ...admin.target,
          Sql: 'insert into once values (1)',
          ClientToken: 'token-1',
        }),
      );
    const answers = [...(await Promise.all([send(), send(), send()])), await send()];
    expect(new Set(answers.map((answer) => answer.Id)).size).toBe(1);
    await admin.finished(answers[0]?.Id);
    expect(await admin.rows('select count(*) from once')).toEqual([[1]]);
  });

  it('with another statement is refused; another caller may use it', async () => {
    const request = { ...admin.target, ClientToken: 'token-2' };
    await admin.client.send(new ExecuteStatementCommand({ ...request, Sql: 'select 1' }));
    await expect(
      admin.client.send(new ExecuteStatementCommand({ ...request, Sql: 'select 2' })),
    ).rejects.toMatchObject({ name: 'ValidationException' });
    const other = warehouse.caller('/as/other');
    await other.client.send(
      new ExecuteStatementCommand({ ...other.target, Sql: 'select 2', ClientToken: 'token-2' }),
    );
  });
});

describe('requests', () => {
  it('of an unknown workgroup are refused, of an unknown database fail', async () => {
    await expect(
      admin.client.send(
        new ExecuteStatementCommand({ ...admin.target, WorkgroupName: 'nowhere', Sql: 'select 1' }),
      ),
    ).rejects.toMatchObject({
      name: 'ValidationException',
      message: "Redshift endpoint doesn't exist in this region.",
    });
    expect((await admin.run('select 1', undefined, 'nowhere')).Error).toBe(
      'FATAL: database "nowhere" does not exist',
    );
    expect((await admin.run('select current_database()', undefined, 'other')).Status).toBe('FINISHED');
  });

  it('for operations that are not served are refused by name', async () => {
    await expect(admin.client.send(new ListTablesCommand({ ...admin.target }))).rejects.toMatchObject({
      name: 'UnknownOperationException',
      message: 'operation RedshiftData.ListTables is not served by the local Redshift Data API',
    });
    await expect(admin.client.send(new GetStatementResultV2Command({ Id: 'x' }))).rejects.toThrow(
      'RedshiftData.GetStatementResultV2',
    );
  });

  it('members that are not served are refused by name', async () => {
    const send = (extra: object) =>
      admin.client.send(new ExecuteStatementCommand({ ...admin.target, Sql: 'select 1', ...extra }));
    await expect(send({ SessionKeepAliveSeconds: 5 })).rejects.toThrow('SessionKeepAliveSeconds');
    await expect(send({ WithEvent: true })).rejects.toThrow('WithEvent');
    await expect(send({ ResultFormat: 'CSV' })).rejects.toThrow('ResultFormat CSV');
    await expect(
      admin.client.send(
        new BatchExecuteStatementCommand({
          ...admin.target,
          Sqls: ['select 1'],
          ExecutionMode: 'AUTO_COMMIT',
        }),
      ),
    ).rejects.toThrow('ExecutionMode AUTO_COMMIT');
  });

  it('that are not JSON, or for an unknown statement, get an AWS error', async () => {
    const answer = await fetch(warehouse.server.url, {
      method: 'POST',
      headers: { 'x-amz-target': 'RedshiftData.ExecuteStatement' },
      body: 'nonsense',
    });
    expect([answer.status, answer.headers.get('x-amzn-errortype')]).toEqual([400, 'SerializationException']);
    const Id = '00000000-0000-0000-0000-000000000000';
    await expect(admin.client.send(new DescribeStatementCommand({ Id }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
    await expect(admin.client.send(new DescribeStatementCommand({ Id: 'x' }))).rejects.toMatchObject({
      name: 'ValidationException',
    });
  });

  it("ListStatements lists the caller's own, newest first, in pages", async () => {
    const lister = warehouse.caller('/as/lister');
    for (const name of ['load-1', 'load-2', 'other']) {
      const { Id } = await lister.client.send(
        new ExecuteStatementCommand({ ...lister.target, Sql: 'select 1', StatementName: name }),
      );
      await lister.finished(Id);
    }
    const first = await lister.client.send(
      new ListStatementsCommand({ StatementName: 'load', MaxResults: 1 }),
    );
    expect(first.Statements?.map((statement) => statement.StatementName)).toEqual(['load-2']);
    const second = await lister.client.send(
      new ListStatementsCommand({ StatementName: 'load', MaxResults: 1, NextToken: first.NextToken }),
    );
    expect(second.Statements?.map((statement) => statement.StatementName)).toEqual(['load-1']);
    expect(second.NextToken).toBeUndefined();
  });
});

describe('what runs', () => {
  /** Three thousand billion rows: hours, longer than any test takes on any machine. */
  const long = 'select count(*) from many a, many b, many c, many d';
  beforeAll(async () => {
    await admin.ok('create table many (a int)');
    await admin.ok('insert into many values (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11)');
    await admin.ok('insert into many select a.a from many a, many b, many c');
  });
  const started = async (sql: string) => {
    const { Id } = await admin.client.send(new ExecuteStatementCommand({ ...admin.target, Sql: sql }));
    for (;;) {
      const description = await admin.client.send(new DescribeStatementCommand({ Id }));
      if (description.Status === 'STARTED' && description.RedshiftPid)
        return { Id, pid: description.RedshiftPid };
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const backends = async (pid: number) => {
    const client = new pg.Client({ ...warehouse.postgres, database: 'postgres' });
    await client.connect();
    const { rows } = await client.query('select state from pg_stat_activity where pid = $1', [pid]);
    await client.end();
    return rows.length;
  };

  it('is ABORTED by CancelStatement, and its session with it; what has ended cannot be cancelled', async () => {
    const { Id, pid } = await started(long);
    expect(await admin.client.send(new CancelStatementCommand({ Id }))).toMatchObject({ Status: true });
    const description = await admin.finished(Id);
    expect([description.Status, description.Error]).toEqual(['ABORTED', undefined]);
    expect(await backends(pid)).toBe(0);
    await expect(admin.client.send(new CancelStatementCommand({ Id }))).rejects.toThrow(
      /already in ABORTED state/,
    );
  });

  it('waits as SUBMITTED above the limit, and can be cancelled there', async () => {
    const running = await Promise.all([1, 2, 3, 4].map(() => started(long)));
    const { Id } = await admin.client.send(new ExecuteStatementCommand({ ...admin.target, Sql: 'select 1' }));
    expect((await admin.client.send(new DescribeStatementCommand({ Id }))).Status).toBe('SUBMITTED');
    await admin.client.send(new CancelStatementCommand({ Id }));
    expect((await admin.finished(Id)).Status).toBe('ABORTED');
    for (const { Id: id } of running) await admin.client.send(new CancelStatementCommand({ Id: id }));
    for (const { Id: id } of running) await admin.finished(id);
    await admin.ok('select 1');
  });

  it('ends with the server: close leaves no session behind, and the data is there for the next one', async () => {
    await admin.ok('create table durable (a int)');
    const { pid } = await started(long);
    await warehouse.restart();
    expect(await backends(pid)).toBe(0);
    const again = warehouse.caller('/admin');
    expect(await again.rows('select count(*) from durable')).toEqual([[0]]);
  });
});
