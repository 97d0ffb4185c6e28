/** The caller of the Data API against our own server, which refuses where Redshift refuses. */
import { jest } from '@jest/globals';
import { DataApi } from '../../../lambdas/shared/data-api.ts';
import { adminSecret, startWarehouse, workgroup } from '../../local/redshift-data/warehouse-under-test.ts';

jest.setTimeout(300_000); // starts processes on a machine that may be busy

const patience = 240_000;
const set = {
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: 'eu-west-1',
  AWS_ENDPOINT_URL_REDSHIFT_DATA: '',
};
const before = Object.fromEntries(Object.keys(set).map((name) => [name, process.env[name]]));
let warehouse: Awaited<ReturnType<typeof startWarehouse>>;
let api: DataApi;

beforeAll(async () => {
  warehouse = await startWarehouse();
  Object.assign(process.env, { ...set, AWS_ENDPOINT_URL_REDSHIFT_DATA: `${warehouse.server.url}/admin` });
  api = new DataApi({ workgroupName: workgroup, database: 'dev', secretArn: adminSecret });
  await finish(['CREATE TABLE calls (n BIGINT)'], 'table');
});
afterAll(async () => {
  await warehouse?.close();
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

async function finish(sqls: string[], ...token: (string | number)[]) {
  const id = await api.submit(sqls, ...token);
  const state = await api.wait(id, patience);
  if (state.status !== 'finished') throw new Error(JSON.stringify(state));
  return state;
}
const count = async () => {
  const { id } = await finish(['SELECT COUNT(*) AS n FROM calls'], 'count', crypto.randomUUID());
  return (await api.rows(id))[0]?.n;
};

it('a statement handed in twice under one token runs once', async () => {
  const insert = ['INSERT INTO calls VALUES (1)'];
  const [first, second] = [
    await api.submit(insert, 'run', 'stage', 0),
    await api.submit(insert, 'run', 'stage', 0),
  ];
  expect(second).toBe(first);
  await api.wait(first, patience);
  expect(await count()).toBe(1);
});

it('each part of a token makes another statement of it', async () => {
  const start = Number(await count());
  const insert = ['INSERT INTO calls VALUES (1)'];
  const ids = [
    (await finish(insert, 'a', 'bc', 0)).id,
    (await finish(insert, 'ab', 'c', 0)).id,
    (await finish(insert, 'a', 'bc', 1)).id,
  ];
  expect(new Set(ids).size).toBe(3);
  expect(await count()).toBe(start + 3);
});

it('a batch is one transaction: what fails in it takes all of it back, and the error says why', async () => {
  const start = await count();
  const id = await api.submit(['INSERT INTO calls VALUES (7)', 'SELECT 1 / 0'], 'batch', 1);
  const state = await api.wait(id, patience);
  expect(state).toMatchObject({
    status: 'failed',
    id,
    error: expect.stringMatching(/division by zero|divide by zero/i),
  });
  expect(await count()).toBe(start);
});

it('rows of one part of a batch, with their types; a NULL is null', async () => {
  const { id, subStatements } = await finish(
    ["SELECT 1 AS n, 'x' AS t, CAST(NULL AS VARCHAR(3)) AS nothing, TRUE AS yes", 'SELECT 2 AS n'],
    'typed',
  );
  expect(subStatements).toBe(2);
  expect(await api.rows(id, 1)).toEqual([{ n: 1, t: 'x', nothing: null, yes: true }]);
  expect(await api.rows(id, 2)).toEqual([{ n: 2 }]);
});

it('all pages of a result are read', async () => {
  await finish(['CREATE TABLE wide (n BIGINT, t VARCHAR(1000))'], 'wide');
  await finish(
    [
      `INSERT INTO wide VALUES ${Array.from({ length: 80 }, (_, n) => `(${n}, '${'x'.repeat(1000)}')`).join(',')}`,
    ],
    'fill',
  );
  const { id } = await finish(['SELECT a.n AS n, b.n AS m, a.t AS t FROM wide a CROSS JOIN wide b'], 'pages');
  const rows = await api.rows(id);
  expect(rows).toHaveLength(6400);
  expect(new Set(rows.map(({ n, m }) => `${n}/${m}`)).size).toBe(6400);
});

it('who runs out of patience is told that it runs, and may look again', async () => {
  const { host, port, user, password } = warehouse.postgres;
  const { default: pg } = await import('pg');
  const other = new pg.Client({ host, port, user, password, database: 'dev' });
  await other.connect();
  try {
    await other.query('BEGIN; LOCK TABLE calls IN ACCESS EXCLUSIVE MODE');
    const id = await api.submit(['SELECT COUNT(*) AS n FROM calls'], 'patience');
    expect(await api.wait(id, 50)).toEqual({ status: 'running', id });
    await other.query('COMMIT');
    expect(await api.wait(id, patience)).toMatchObject({ status: 'finished', id, subStatements: 0 });
  } finally {
    await other.end();
  }
});
