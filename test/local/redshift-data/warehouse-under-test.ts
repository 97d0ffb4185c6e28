import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BatchExecuteStatementCommand,
  DescribeStatementCommand,
  type DescribeStatementResponse,
  ExecuteStatementCommand,
  type Field,
  GetStatementResultCommand,
  RedshiftDataClient,
  type SqlParameter,
} from '@aws-sdk/client-redshift-data';
import { type Postgres, startPostgres } from '../../../local/core/postgres.ts';
import { openRunDirectory } from '../../../local/core/run-directory.ts';
import {
  type AuthorizationRequest,
  type RedshiftDataOptions,
  type RedshiftDataServer,
  ServiceError,
  startRedshiftData,
} from '../../../local/redshift-data/server.ts';
import { startObjectStore } from './object-store.ts';

export const workgroup = 'labs';
export const adminSecret = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:admin';
export const copyRole = 'arn:aws:iam::123456789012:role/copy';

/**
 * A warehouse with its own PostgreSQL, object store and server. The path of the endpoint says who calls:
 * `/admin`, or `/as/<role>`, whose database roles are in `rolesOf`.
 */
export async function startWarehouse(extra: Partial<RedshiftDataOptions> = {}) {
  const scratch = mkdtempSync(join(tmpdir(), 'labs-test-'));
  const runDirectory = await openRunDirectory({ root: scratch });
  const postgres: Postgres = await startPostgres({ runDirectory });
  const store = await startObjectStore();
  const requests: AuthorizationRequest[] = [];
  const rolesOf: Record<string, string[]> = {};
  const deniedActions = new Set<string>();
  const options: RedshiftDataOptions = {
    postgres,
    region: 'eu-west-1',
    account: '123456789012',
    workgroups: [{ name: workgroup, databases: ['dev', 'other'] }],
    s3For: async () => store.client,
    authorize: async (request) => {
      requests.push(request);
      const refused = request.actions.find(({ action }) => deniedActions.has(action));
      if (refused) {
        throw new ServiceError(
          'AccessDeniedException',
          `User: caller is not authorized to perform: ${refused.action} on resource: ${refused.resource}`,
        );
      }
      const role = /^\/as\/([^/]+)/.exec(request.path)?.[1];
      return {
        principalArn: `arn:aws:sts::123456789012:assumed-role/${role ?? 'admin'}/test`,
        userId: `AROA${role ?? 'ADMIN'}:test`,
        databaseUser: role ? `IAMR:${role}` : 'admin',
        databaseRoles: (role && rolesOf[role]) || [],
        admin: !role,
      };
    },
    ...extra,
  };
  let server: RedshiftDataServer = await startRedshiftData(options);
  const clients: RedshiftDataClient[] = [];
  const clientFor = (path: string) => {
    const client = new RedshiftDataClient({
      endpoint: `${server.url}${path}`,
      region: 'eu-west-1',
      maxAttempts: 1,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
    clients.push(client);
    return client;
  };

  /** Someone who calls: runs statements to their end. */
  function caller(path: string) {
    const client = clientFor(path);
    const target = {
      WorkgroupName: workgroup,
      Database: 'dev',
      ...(path.startsWith('/admin') ? { SecretArn: adminSecret } : {}),
    };
    const finished = async (id: string | undefined): Promise<DescribeStatementResponse> => {
      for (;;) {
        const description = await client.send(new DescribeStatementCommand({ Id: id }));
        if (['FINISHED', 'FAILED', 'ABORTED'].includes(description.Status ?? '')) return description;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    const run = async (sql: string | string[], parameters?: SqlParameter[], database = 'dev') => {
      const request = { ...target, Database: database, Parameters: parameters };
      const { Id } = Array.isArray(sql)
        ? await client.send(new BatchExecuteStatementCommand({ ...request, Sqls: sql }))
        : await client.send(new ExecuteStatementCommand({ ...request, Sql: sql }));
      return finished(Id);
    };
    return {
      client,
      target,
      run,
      finished,
      /** Runs it and expects it to succeed. */
      async ok(sql: string | string[], parameters?: SqlParameter[]) {
        const description = await run(sql, parameters);
        if (description.Status !== 'FINISHED') throw new Error(`${description.Error} in ${sql}`);
        return description;
      },
      /** Runs it, expects it to fail, and returns the error. */
      async error(sql: string | string[], parameters?: SqlParameter[]): Promise<string> {
        const description = await run(sql, parameters);
        if (description.Status !== 'FAILED') throw new Error(`${description.Status}: ${sql}`);
        return description.Error ?? '';
      },
      /** Values of all rows. */
      async rows(sql: string, parameters?: SqlParameter[]): Promise<unknown[][]> {
        const description = await run(sql, parameters);
        if (description.Status !== 'FINISHED') throw new Error(`${description.Error} in ${sql}`);
        const { Records } = await client.send(new GetStatementResultCommand({ Id: description.Id }));
        return (Records ?? []).map((record) => record.map(plain));
      },
    };
  }

  return {
    postgres,
    store,
    requests,
    rolesOf,
    deniedActions,
    clientFor,
    caller,
    admin: caller('/admin'),
    get server() {
      return server;
    },
    async restart() {
      await server.close();
      server = await startRedshiftData(options);
    },
    async close() {
      for (const client of clients) client.destroy();
      await server.close();
      await store.close();
      await postgres.stop();
      await runDirectory.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

export type TestWarehouse = Awaited<ReturnType<typeof startWarehouse>>;

function plain(field: Field): unknown {
  if (field.isNull) return null;
  return field.stringValue ?? field.longValue ?? field.doubleValue ?? field.booleanValue;
}
