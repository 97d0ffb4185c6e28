/** Who calls the Data API of the laptop, and what IAM has to allow for it. */
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { dataApiCallers } from '../../../local/data-api-caller.ts';

const owner = { accessKeyId: 'OWNER', secretAccessKey: 'x', sessionToken: "the owner's" };
const denied = new Set<string>();
const tags: Record<string, string> = { loader: 'fashion_loader:extra', analyst: 'fashion_reader' };

const caller = dataApiCallers({
  account: '123456789012',
  owner,
  judge: {
    allows: async (_role, action) => !denied.has(action),
    tag: async (role) => tags[role],
  },
  secrets: new SecretsManagerClient({ region: 'eu-west-1' }),
  roleAt: async (host) => ({ 'localhost:1': 'loader', 'localhost:2': 'migrate' })[host],
  readerRole: async () => 'analyst',
});

const ask = (host: string, operation = 'ExecuteStatement', token?: string) =>
  caller({
    operation,
    headers: { host, ...(token ? { 'x-amz-security-token': token } : {}) },
    path: '/',
    body: Buffer.from(''),
    actions: [{ action: `redshift-data:${operation}`, resource: '*' }],
  });

beforeEach(() => denied.clear());

it('a function is the role whose port it calls through, whatever its credentials', async () => {
  expect(await ask('localhost:1', 'ExecuteStatement', 'of a function')).toMatchObject({
    databaseUser: 'IAMR:loader',
    databaseRoles: ['fashion_loader', 'extra'],
    admin: false,
  });
});

it('whoever calls directly is the owner of the machine; with a session that is not his own, the reader', async () => {
  expect(await ask('localhost:9')).toMatchObject({ databaseUser: 'IAM:root', admin: true });
  expect(await ask('localhost:9', 'ExecuteStatement', owner.sessionToken)).toMatchObject({ admin: true });
  expect(await ask('localhost:9', 'ExecuteStatement', 'of an assumed role')).toMatchObject({
    databaseUser: 'IAMR:analyst',
    databaseRoles: ['fashion_reader'],
    admin: false,
  });
});

it.each(['tag:GetResources', 'tag:GetTagKeys'])(
  'whoever has database roles by tag cannot do without %s',
  async (action) => {
    denied.add(action);
    await expect(ask('localhost:1')).rejects.toThrow(`not authorized to perform: ${action} on resource: *`);
    await expect(ask('localhost:1', 'BatchExecuteStatement')).rejects.toThrow(action);
    // Without a tag nothing is asked for, nor by who only looks at a statement.
    expect(await ask('localhost:2')).toMatchObject({ databaseRoles: [] });
    expect(await ask('localhost:1', 'DescribeStatement')).toMatchObject({ databaseRoles: [] });
  },
);
