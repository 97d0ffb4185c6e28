import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { jest } from '@jest/globals';
import { startWarehouse, type TestWarehouse, workgroup } from './warehouse-under-test.ts';

jest.setTimeout(120_000);

const python = process.env.LABS_PYTHON ?? '.local/python/bin/python';
const program = `
import json, os, sys, time, boto3
client = boto3.client('redshift-data', endpoint_url=sys.argv[1], region_name='eu-west-1',
                      aws_access_key_id='test', aws_secret_access_key='test')
target = dict(WorkgroupName=sys.argv[2], Database='dev')
def wait(id):
    while True:
        described = client.describe_statement(Id=id)
        if described['Status'] in ('FINISHED', 'FAILED', 'ABORTED'):
            return described
        time.sleep(0.02)
out = {}
batch = client.batch_execute_statement(Sqls=['create table boto (a int, b varchar(5))', "insert into boto values (1, 'x'), (2, null)"], **target)
described = wait(batch['Id'])
out['batch'] = [described['Status'], [part['Status'] for part in described['SubStatements']]]
query = client.execute_statement(Sql='select a, b from boto where a >= :a order by a', Parameters=[dict(name='a', value='1')], **target)
wait(query['Id'])
pages = list(client.get_paginator('get_statement_result').paginate(Id=query['Id']))
out['records'] = [record for page in pages for record in page['Records']]
out['created'] = query['CreatedAt'].year
failed = wait(client.execute_statement(Sql='create index i on boto (a)', **target)['Id'])
out['failed'] = [failed['Status'], failed['Error']]
try:
    client.execute_statement(Sql='select 1', WorkgroupName='nowhere', Database='dev')
except client.exceptions.ValidationException as error:
    out['refused'] = error.response['Error']['Message']
try:
    client.describe_statement(Id='00000000-0000-0000-0000-000000000000')
except client.exceptions.ResourceNotFoundException as error:
    out['missing'] = [error.response['Error']['Message'], error.response['ResourceId']]
try:
    client.list_schemas(**target)
except client.exceptions.ClientError as error:
    out['unknown'] = error.response['Error']['Code']
out['listed'] = len(client.list_statements()['Statements'])
print(json.dumps(out))
`;

let warehouse: TestWarehouse;
beforeAll(async () => {
  if (!existsSync(python)) {
    throw new Error(
      `no Python with boto3 at ${python}: run npm test, which makes it, or name one in LABS_PYTHON`,
    );
  }
  warehouse = await startWarehouse({ pageRows: 1 });
});
afterAll(() => warehouse?.close());

it('boto3 drives it: batch, parameters, pages, errors', async () => {
  const child = spawn(python, ['-c', program, `${warehouse.server.url}/as/analyst`, workgroup]);
  let [output, errors] = ['', ''];
  child.stdout.on('data', (piece) => {
    output += piece;
  });
  child.stderr.on('data', (piece) => {
    errors += piece;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect([code, errors]).toEqual([0, '']);
  expect(JSON.parse(output)).toEqual({
    batch: ['FINISHED', ['FINISHED', 'FINISHED']],
    records: [
      [{ longValue: 1 }, { stringValue: 'x' }],
      [{ longValue: 2 }, { isNull: true }],
    ],
    created: expect.any(Number) as unknown,
    failed: ['FAILED', 'ERROR: SQL command "create index" not supported on Redshift tables.'],
    refused: "Redshift endpoint doesn't exist in this region.",
    missing: ['Query does not exist.', '00000000-0000-0000-0000-000000000000'],
    unknown: 'UnknownOperationException',
    listed: 3,
  });
});
