import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DescribeStatementCommand,
  ExecuteStatementCommand,
  RedshiftDataClient,
} from '@aws-sdk/client-redshift-data';
import { jest } from '@jest/globals';
import { makeCertificate, trusting } from '../../../local/core/certificate.ts';
import { startRedshiftData } from '../../../local/redshift-data/server.ts';
import { adminSecret, startWarehouse, type TestWarehouse } from './warehouse-under-test.ts';

jest.setTimeout(120_000);

const python = process.env.LABS_PYTHON ?? '.local/python/bin/python';

let warehouse: TestWarehouse;
let admin: TestWarehouse['admin'];

beforeAll(async () => {
  warehouse = await startWarehouse();
  admin = warehouse.admin;
});
afterAll(() => warehouse.close());

const workgroupArn = 'arn:aws:redshift-serverless:eu-west-1:123456789012:workgroup/labs';

describe('IAM', () => {
  it('is asked for the actions and resources the real service evaluates', async () => {
    const loader = warehouse.caller('/as/loader');
    await loader.ok('select 1');
    await loader.ok(['select 1']);
    await admin.ok('select 1');
    const asked = (operation: string, path: string) =>
      warehouse.requests.findLast(
        (request) => request.operation === operation && request.path.startsWith(path),
      );
    expect(asked('ExecuteStatement', '/as/loader')).toMatchObject({
      secretArn: undefined,
      actions: [
        { action: 'redshift-data:ExecuteStatement', resource: workgroupArn },
        { action: 'redshift-serverless:GetCredentials', resource: workgroupArn },
      ],
    });
    expect(asked('BatchExecuteStatement', '/as/loader')?.actions[0]?.action).toBe(
      'redshift-data:BatchExecuteStatement',
    );
    expect(asked('DescribeStatement', '/as/loader')?.actions).toEqual([
      {
        action: 'redshift-data:DescribeStatement',
        resource: '*',
        context: { 'redshift-data:statement-owner-iam-userid': 'AROAloader:test' },
      },
    ]);
    expect(asked('ExecuteStatement', '/admin')).toMatchObject({
      secretArn: adminSecret,
      actions: [
        { action: 'redshift-data:ExecuteStatement', resource: workgroupArn },
        { action: 'secretsmanager:GetSecretValue', resource: adminSecret },
      ],
    });
  });

  it('that denies an action fails the call with the action in the message', async () => {
    const loader = warehouse.caller('/as/loader');
    warehouse.deniedActions.add('redshift-serverless:GetCredentials');
    await expect(loader.run('select 1')).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining(
        'not authorized to perform: redshift-serverless:GetCredentials',
      ) as unknown,
    });
    warehouse.deniedActions.clear();
  });

  it('a caller sees the statements of his own role only', async () => {
    const { Id } = await admin.ok('select 1');
    const other = warehouse.caller('/as/stranger');
    await expect(other.client.send(new DescribeStatementCommand({ Id }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });
});

describe('the database', () => {
  it('gives an IAM user what his roles have, as long as the tag names them', async () => {
    await admin.ok([
      'create role reader',
      'create schema stock',
      'create table stock.items (a int)',
      'insert into stock.items values (1)',
      'grant usage on schema stock to role reader',
      'grant select on stock.items to role reader',
    ]);
    const viewer = warehouse.caller('/as/viewer');
    expect(await viewer.error('select a from stock.items')).toBe('ERROR: permission denied for schema stock');
    warehouse.rolesOf.viewer = ['reader', 'no-such-role', 'admin', 'pg_read_all_data', 'postgres'];
    expect(await viewer.rows('select a from stock.items')).toEqual([[1]]);
    expect(await viewer.error('insert into stock.items values (2)')).toBe(
      'ERROR: permission denied for table items',
    );
    expect(await viewer.error('create role mine')).toMatch(/permission denied to create role/);
    expect(await viewer.rows('select current_user')).toEqual([['IAMR:viewer']]);
    warehouse.rolesOf.viewer = [];
    expect(await viewer.error('select a from stock.items')).toBe('ERROR: permission denied for schema stock');
  });

  it('shows each user the roles that he holds, and the admin those of all', async () => {
    await admin.ok(['create role sold', 'create role bought']);
    warehouse.rolesOf.seller = ['sold', 'bought'];
    warehouse.rolesOf.buyer = ['bought'];
    const mine = 'select user_name, role_name from svv_user_grants order by role_name';
    const seller = warehouse.caller('/as/seller');
    expect(await warehouse.caller('/as/buyer').rows(mine)).toEqual([['IAMR:buyer', 'bought']]);
    expect(await seller.rows(mine)).toEqual([
      ['IAMR:seller', 'bought'],
      ['IAMR:seller', 'sold'],
    ]);
    warehouse.rolesOf.seller = [];
    expect(await seller.rows(mine)).toEqual([]);
    expect(
      await admin.rows("select user_name from svv_user_grants where role_name in ('sold', 'bought')"),
    ).toEqual([['IAMR:buyer']]);
  });

  it('default privileges reach tables made later; roles can be granted to roles and users', async () => {
    await admin.ok([
      'create role loaders',
      'create role auditors',
      'create schema later',
      'grant usage, create on schema later to role loaders',
      'alter default privileges in schema later grant select, insert on tables to role loaders',
      'create table later.t (a int)',
      'create user "IAMR:known" password disable',
      'grant role loaders to "IAMR:known"',
      'grant role loaders to role auditors',
    ]);
    await warehouse.caller('/as/known').ok('insert into later.t values (1)');
    warehouse.rolesOf.audit = ['auditors'];
    expect(await warehouse.caller('/as/audit').rows('select a from later.t')).toEqual([[1]]);
    await admin.ok('revoke role loaders from "IAMR:known"');
    expect(await warehouse.caller('/as/known').error('select a from later.t')).toMatch(/permission denied/);
    await admin.ok('revoke all on schema later from role loaders');
  });

  it('anybody may make tables in the schema public until PUBLIC may not', async () => {
    const maker = warehouse.caller('/as/maker');
    await maker.ok('CREATE TABLE public.mine (n BIGINT)');
    await admin.ok('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
    expect(await maker.error('CREATE TABLE public.mine_too (n BIGINT)')).toMatch(
      /permission denied for schema public/,
    );
    await admin.ok('GRANT CREATE ON SCHEMA public TO PUBLIC');
  });

  it('anybody may make temporary tables until PUBLIC may not', async () => {
    warehouse.rolesOf.stager = ['staging'];
    await admin.ok('create role staging');
    const stager = warehouse.caller('/as/stager');
    const make = 'create temp table staged (a int)';
    await stager.ok(make);
    await admin.ok('revoke temp on database dev from public');
    expect(await stager.error(make)).toMatch(/permission denied to create temporary tables/);
    await admin.ok('grant temp on database dev to role staging');
    await stager.ok([make, 'insert into staged values (1)', 'drop table staged']);
    await admin.ok('grant temp on database dev to public');
  });

  it('a bare name is a user and ROLE a role: the wrong one does not exist', async () => {
    await admin.ok(['create role plain', 'create table granted (a int)']);
    expect(await admin.error('grant select on granted to plain')).toBe('ERROR: user "plain" does not exist');
    await warehouse.caller('/as/someone').ok('select 1');
    expect(await admin.error('grant select on granted to role "IAMR:someone"')).toBe(
      'ERROR: role "IAMR:someone" does not exist',
    );
    await admin.ok('grant select on granted to "IAMR:someone"');
    expect(await warehouse.caller('/as/someone').rows('select a from granted')).toEqual([]);
    await admin.ok('grant select on granted to public');
    await admin.ok('drop table granted');
    await admin.ok('drop role plain');
  });

  it('the admin manages what a user owns', async () => {
    await warehouse.caller('/as/maker').ok('create table made (a int)');
    await admin.ok(['insert into made values (1)', 'drop table made']);
  });

  it('first calls of one user at the same time all succeed', async () => {
    warehouse.rolesOf.swarm = ['reader'];
    const swarm = warehouse.caller('/as/swarm');
    await Promise.all(Array.from({ length: 8 }, () => swarm.ok('select a from stock.items')));
  });

  it('keeps a statement from changing who runs it', async () => {
    const escaper = warehouse.caller('/as/escaper');
    for (const sql of [
      'reset role',
      'set role postgres',
      'reset all',
      "select set_config('role', 'postgres', false)",
      'alter default privileges for role admin grant select on tables to "IAMR:escaper"',
      'grant role admin to "IAMR:escaper"',
      'alter table redshift_system.load_errors rename to x',
      'drop schema redshift_system cascade',
      'create table redshift_system.t (a int)',
      "select pg_catalog.pg_read_file('x')",
      "select redshift_system.unit('x')",
    ]) {
      expect(await escaper.error(sql)).toMatch(/^ERROR: /);
    }
  });

  it('is asked by https too when a certificate is given', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'labs-test-'));
    const certificate = await makeCertificate({ directory: join(folder, 'tls'), python });
    const server = await startRedshiftData({
      postgres: warehouse.postgres,
      tls: { key: readFileSync(certificate.key, 'utf8'), cert: readFileSync(certificate.server, 'utf8') },
      region: 'eu-west-1',
      account: '123456789012',
      workgroups: [{ name: 'secure', databases: ['dev'] }],
      authorize: async () => ({
        principalArn: 'a',
        userId: 'A:b',
        databaseUser: 'admin',
        databaseRoles: [],
        admin: true,
      }),
      s3For: async () => warehouse.store.client,
    });
    const client = new RedshiftDataClient({
      endpoint: server.url,
      region: 'eu-west-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      ...trusting(certificate),
    });
    const request = { WorkgroupName: 'secure', Database: 'dev', Sql: 'select 1', WaitTimeSeconds: 20 };
    expect((await client.send(new ExecuteStatementCommand(request))).Status).toBe('FINISHED');
    client.destroy();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it('named by two workgroups is refused at the start', async () => {
    await expect(
      startRedshiftData({
        postgres: warehouse.postgres,
        region: 'eu-west-1',
        account: '123456789012',
        workgroups: [
          { name: 'one', databases: ['dev'] },
          { name: 'two', databases: ['dev'] },
        ],
        authorize: () => Promise.reject(new Error('not asked')),
        s3For: () => Promise.reject(new Error('not asked')),
      }),
    ).rejects.toMatchObject({ code: 'WarehouseDatabaseTwice' });
  });
});
