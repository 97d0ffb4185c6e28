/** The function that migrates, as Lambda gets it, against our own Data API server. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { startWarehouse, workgroup } from '../../local/redshift-data/warehouse-under-test.ts';
import { type Bundle, bundlesOf, runBeside } from '../bundles.ts';

jest.setTimeout(300_000); // starts processes on a machine that may be busy

let warehouse: Awaited<ReturnType<typeof startWarehouse>>;
let migrate: Bundle;
let remove: () => void;

beforeAll(async () => {
  warehouse = await startWarehouse();
  const made = await bundlesOf('FashionInventory');
  remove = made.remove;
  migrate = made.bundles.find(({ name }) => name === 'SchemaMigrate') as Bundle;
  cpSync(join(migrate.directory, 'migrations'), join(migrate.directory, 'of-the-lab'), { recursive: true });
});
afterAll(async () => {
  remove?.();
  await warehouse?.close();
});

/** Puts these files beside the function and calls it as CloudFormation does. */
async function deploy(ledger: string, files: Record<string, string>, RequestType = 'Update') {
  const folder = join(migrate.directory, 'migrations');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(folder, name), sql);
  return call(ledger, RequestType);
}

async function call(ledger: string, RequestType: string) {
  const event = { RequestType, ResourceProperties: { Ledger: ledger, Namespace: 'id', Checksum: 'x' } };
  const { output, errors } = await runBeside(
    migrate,
    `const answer = await bundle.handler(${JSON.stringify(event)}).catch(({ name, message }) => ({ name, message }));
     console.log(JSON.stringify(answer));
     process.exit(0);`,
    {
      ...migrate.environment,
      WORKGROUP_NAME: workgroup,
      DATABASE_NAME: 'dev',
      AWS_ENDPOINT_URL_REDSHIFT_DATA: `${warehouse.server.url}/admin`,
    },
  );
  expect(errors).toBe('');
  return JSON.parse(output);
}

const rows = (sql: string) => warehouse.admin.rows(sql);
const ledgerOf = (name: string) => rows(`SELECT version, name FROM public.${name} ORDER BY version`);

it("the lab's own migrations run on an empty warehouse, and never again", async () => {
  const folder = join(migrate.directory, 'migrations');
  rmSync(folder, { recursive: true });
  cpSync(join(migrate.directory, 'of-the-lab'), folder, { recursive: true });
  const first = await call('lab_ledger', 'Create');
  expect(first).toMatchObject({ PhysicalResourceId: 'migrations-lab_ledger' });
  expect(first.Data.Applied).toMatch(/^0001/);
  expect(await rows('SELECT COUNT(*) FROM fashion.current_positions')).toEqual([[0]]);
  expect(await call('lab_ledger', 'Update')).toMatchObject({ Data: { Applied: '' } });
});

it('a new migration is applied after those that are there', async () => {
  const files = { '0001_first.sql': 'CREATE TABLE one (n BIGINT);' };
  expect(await deploy('added', files, 'Create')).toMatchObject({ Data: { Applied: '0001' } });
  const more = { ...files, '0002_second.sql': 'CREATE TABLE two (n BIGINT); INSERT INTO two VALUES (2);' };
  expect(await deploy('added', more)).toMatchObject({ Data: { Applied: '0002' } });
  expect(await ledgerOf('added')).toEqual([
    ['0001', 'first'],
    ['0002', 'second'],
  ]);
  expect(await rows('SELECT n FROM two')).toEqual([[2]]);
});

it('one that fails is taken back whole; those before it stay, and the next deploy goes on there', async () => {
  const files = { '0001_good.sql': 'CREATE TABLE good (n BIGINT);' };
  const failed = await deploy('halved', {
    ...files,
    '0002_bad.sql': 'CREATE TABLE half (n BIGINT); INSERT INTO nowhere VALUES (1);',
  });
  expect(failed).toMatchObject({ name: 'MigrationFailed', message: expect.stringContaining('nowhere') });
  expect(await ledgerOf('halved')).toEqual([['0001', 'good']]);
  const mended = { ...files, '0002_bad.sql': 'CREATE TABLE half (n BIGINT);' };
  expect(await deploy('halved', mended)).toMatchObject({ Data: { Applied: '0002' } });
});

it('a deploy that is rolled back leaves what its migration made, and the next deploy takes it as done', async () => {
  const before = { '0001_first.sql': 'CREATE TABLE stays (n BIGINT);' };
  const after = { ...before, '0002_second.sql': 'ALTER TABLE stays ADD COLUMN more BIGINT;' };
  await deploy('rolled', before, 'Create');
  await deploy('rolled', after);
  expect(await deploy('rolled', before)).toEqual({
    PhysicalResourceId: 'migrations-rolled',
    Data: { Applied: '' },
  });
  expect(await ledgerOf('rolled')).toEqual([
    ['0001', 'first'],
    ['0002', 'second'],
  ]);
  expect(await rows('SELECT COUNT(more) FROM stays')).toEqual([[0]]);
  expect(await deploy('rolled', after)).toMatchObject({ Data: { Applied: '' } });
  const next = { ...after, '0003_third.sql': 'CREATE TABLE added_later (n BIGINT);' };
  expect(await deploy('rolled', next)).toMatchObject({ Data: { Applied: '0003' } });
});

it.each([
  ['a changed one', { '0001_first.sql': 'CREATE TABLE other (n BIGINT);' }, 'MigrationChanged'],
  ['a missing one', { '0002_second.sql': 'SELECT 1;' }, 'MigrationMissing'],
  ['a file with another name', { '1_first.sql': 'SELECT 1;' }, 'MigrationNameInvalid'],
  [
    'one too long for a transaction',
    { '0001_first.sql': 'CREATE TABLE kept (n BIGINT);', '0002_long.sql': 'SELECT 1;'.repeat(40) },
    'MigrationTooLong',
  ],
])('%s is refused by name, and nothing changes', async (_what, files, code) => {
  await deploy('strict', { '0001_first.sql': 'CREATE TABLE kept (n BIGINT);' });
  expect(await deploy('strict', files)).toMatchObject({ name: code });
  expect(await ledgerOf('strict')).toEqual([['0001', 'first']]);
});

it('deleting the resource touches no table', async () => {
  await deploy('deleted', { '0001_first.sql': 'CREATE TABLE survivor (n BIGINT);' });
  expect(await call('deleted', 'Delete')).toEqual({ PhysicalResourceId: 'migrations-deleted' });
  expect(await rows('SELECT COUNT(*) FROM survivor')).toEqual([[0]]);
});
