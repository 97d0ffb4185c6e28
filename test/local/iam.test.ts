/** What a role may do on the laptop, asked of the emulator's own IAM: nothing deployed, the emulator alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { jest } from '@jest/globals';
import { makeCertificate, trusting } from '../../local/core/certificate.ts';
import { openRunDirectory, type RunDirectory } from '../../local/core/run-directory.ts';
import { type Emulator, region, rootCredentials, startEmulator } from '../../local/emulator.ts';
import { RoleJudge } from '../../local/iam.ts';

jest.setTimeout(120_000); // starts processes on a machine that may be busy

const workgroup = 'arn:aws:redshift-serverless:us-east-1:000000000000:workgroup/labs';
const owner = 'redshift-data:statement-owner-iam-userid';
const results = 'redshift-data:GetStatementResult';
const mine = { 'aws:userid': 'Loader:laptop' };

let directory: string;
let runDirectory: RunDirectory;
let emulator: Emulator;
let iam: IAMClient;
let judge: RoleJudge;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'labs-test-'));
  const python = process.env.LABS_PYTHON ?? '.local/python/bin/python';
  runDirectory = await openRunDirectory({ root: directory });
  const certificate = await makeCertificate({ directory: join(runDirectory.path, 'certificate'), python });
  emulator = await startEmulator({ python, runDirectory, certificate });
  const config = { endpoint: emulator.url, region, credentials: rootCredentials, ...trusting(certificate) };
  iam = new IAMClient(config);
  judge = new RoleJudge(config);
  await role('Bare');
  await role('Loader', [
    { Effect: 'Allow', Action: ['redshift-data:ExecuteStatement'], Resource: workgroup },
    {
      Effect: 'Allow',
      Action: results,
      Resource: '*',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable, filled in by IAM
      Condition: { StringEquals: { [owner]: '${aws:userid}' } },
    },
  ]);
});
afterAll(async () => {
  judge?.close();
  iam?.destroy();
  await emulator?.stop();
  await runDirectory?.close();
  rmSync(directory, { recursive: true, force: true });
});

async function role(name: string, statements: unknown[] = [], tags: Record<string, string> = {}) {
  await iam.send(
    new CreateRoleCommand({
      RoleName: name,
      AssumeRolePolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: 'lambda.amazonaws.com' } },
        ],
      }),
      Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
    }),
  );
  if (statements.length === 0) return;
  await iam.send(
    new PutRolePolicyCommand({
      RoleName: name,
      PolicyName: 'Own',
      PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: statements }),
    }),
  );
}

it('a role may do what its policy allows, on that resource alone', async () => {
  expect(await judge.allows('Loader', 'redshift-data:ExecuteStatement', workgroup)).toBe(true);
  expect(await judge.allows('Loader', 'redshift-data:ExecuteStatement', `${workgroup}-other`)).toBe(false);
  expect(await judge.allows('Loader', 'redshift-data:BatchExecuteStatement', workgroup)).toBe(false);
});

it('a role without a policy may do nothing', async () => {
  expect(await judge.allows('Bare', 'redshift-data:ExecuteStatement', workgroup)).toBe(false);
});

it('a condition on a policy variable holds for the own statements and for no others', async () => {
  const ask = (userId: string) => judge.allows('Loader', results, '*', { [owner]: userId }, mine);
  expect(await ask('Loader:laptop')).toBe(true);
  expect(await ask('Migrate:laptop')).toBe(false);
});

it('a role all of whose statements are conditional on something else may do nothing', async () => {
  await role('Conditional', [
    { Effect: 'Allow', Action: results, Resource: '*', Condition: { StringEquals: { [owner]: 'someone' } } },
  ]);
  expect(await judge.allows('Conditional', results, '*', { [owner]: 'Loader:laptop' })).toBe(false);
  expect(await judge.allows('Conditional', results, '*', { [owner]: 'someone' })).toBe(true);
});

it('one of several values is enough', async () => {
  await role('Either', [
    { Effect: 'Allow', Action: results, Resource: '*', Condition: { StringEquals: { [owner]: ['a', 'b'] } } },
  ]);
  expect(await judge.allows('Either', results, '*', { [owner]: 'b' })).toBe(true);
  expect(await judge.allows('Either', results, '*', { [owner]: 'c' })).toBe(false);
});

it('a deny whose condition holds wins over an allow, and one whose condition does not hold says nothing', async () => {
  await role('Denied', [
    { Effect: 'Allow', Action: results, Resource: '*' },
    { Effect: 'Deny', Action: results, Resource: '*', Condition: { StringEquals: { [owner]: 'stranger' } } },
  ]);
  expect(await judge.allows('Denied', results, '*', { [owner]: 'stranger' })).toBe(false);
  expect(await judge.allows('Denied', results, '*', { [owner]: 'friend' })).toBe(true);
});

it('a tag of a role is read, and one that it has not is undefined', async () => {
  await role('Tagged', [], { RedshiftDbRoles: 'fashion_loader' });
  expect(await judge.tag('Tagged', 'RedshiftDbRoles')).toBe('fashion_loader');
  expect(await judge.tag('Bare', 'RedshiftDbRoles')).toBeUndefined();
});
