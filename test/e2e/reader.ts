import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeStatementCommand,
  ExecuteStatementCommand,
  RedshiftDataClient,
} from '@aws-sdk/client-redshift-data';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import pg from 'pg';
import type { DrivenLab } from '../../local/driven-lab.ts';
import { readerAccess } from '../../local/warehouse.ts';

/** Everything in the warehouse of a lab that can be read, the migrations' ledger included. */
const relations = `
  SELECT n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'v') AND n.nspname !~ '^(pg_|information_schema|redshift_system)' ORDER BY 1`;

/**
 * Tests of who may ask the warehouse, the same for every lab: its reader sees what is published, and nothing else.
 *
 * @param published tables and views, by schema and name
 */
export function describeReader(lab: () => DrivenLab, published: readonly string[]): void {
  describe('whoever assumes the role for reading', () => {
    let owner: RedshiftDataClient;
    let reader: RedshiftDataClient;
    let target: { WorkgroupName: string; Database: string };
    beforeAll(async () => {
      const { laptop, lab: deployed, output } = lab();
      target = { WorkgroupName: output('WorkgroupName'), Database: output('DatabaseName') };
      owner = new RedshiftDataClient(deployed.dataApi);
      const sts = new STSClient(laptop.clients);
      const { Credentials } = await sts.send(
        new AssumeRoleCommand({ RoleArn: output('ReaderRoleArn'), RoleSessionName: 'reader' }),
      );
      sts.destroy();
      reader = new RedshiftDataClient({
        ...deployed.dataApi,
        credentials: {
          accessKeyId: Credentials?.AccessKeyId ?? '',
          secretAccessKey: Credentials?.SecretAccessKey ?? '',
          sessionToken: Credentials?.SessionToken,
        },
      });
    });
    afterAll(() => {
      owner?.destroy();
      reader?.destroy();
    });

    /** @returns the error of a statement, or that there was none */
    async function outcome(Sql: string): Promise<string> {
      const { Id } = await reader.send(new ExecuteStatementCommand({ ...target, Sql }));
      for (;;) {
        const { Status, Error: error } = await reader.send(new DescribeStatementCommand({ Id }));
        if (Status === 'FINISHED') return 'no error';
        if (Status === 'FAILED' || Status === 'ABORTED') return error ?? Status;
        await sleep(20);
      }
    }

    it('reads what is published, and of all else nothing', async () => {
      const all = await lab().query<{ name: string }>(relations);
      const readable: string[] = [];
      for (const { name } of all) {
        const answer = await outcome(`SELECT COUNT(*) FROM ${name}`);
        if (answer === 'no error') readable.push(name);
        else expect(answer).toContain('permission denied');
      }
      expect(readable).toEqual([...published].sort());
      expect(all.length).toBeGreaterThan(readable.length);
    });

    it('changes nothing of it, and makes nothing beside it', async () => {
      const schemas = [...new Set(published.map((name) => name.split('.')[0]))];
      const [first] = published;
      for (const sql of [
        ...published.map((name) => `DELETE FROM ${name}`),
        `INSERT INTO ${first} SELECT * FROM ${first}`,
        'CREATE TABLE public.mine (n BIGINT)',
        ...schemas.flatMap((schema) => [
          `CREATE TABLE ${schema}.mine (n BIGINT)`,
          `CREATE TABLE ${schema}_staging.mine (n BIGINT)`,
        ]),
      ]) {
        // A view of more than one table takes no change of anybody.
        const refused = expect.stringMatching(/permission denied|cannot delete from view/);
        expect([sql, await outcome(sql)]).toEqual([sql, refused]);
      }
    });

    it("has no use of the administrator's secret, and does not see statements of others", async () => {
      const asAdmin = new ExecuteStatementCommand({
        ...target,
        Sql: 'SELECT 1',
        SecretArn: lab().output('AdminSecretName'),
      });
      await expect(reader.send(asAdmin)).rejects.toThrow(
        'not authorized to perform: secretsmanager:GetSecretValue',
      );
      const { Id } = await owner.send(asAdmin);
      await expect(reader.send(new DescribeStatementCommand({ Id }))).rejects.toThrow(
        'not authorized to perform: redshift-data:DescribeStatement',
      );
    });
  });

  it('who logs in to PostgreSQL by the line that is printed may do what the reader may', async () => {
    const { laptop, lab: deployed } = lab();
    const client = new pg.Client(await readerAccess(laptop, deployed));
    await client.connect();
    try {
      const { rows } = await client.query(
        `SELECT name, has_table_privilege(name, 'SELECT') AS reads,
                has_table_privilege(name, 'INSERT, UPDATE, DELETE, TRUNCATE') AS writes FROM (${relations}) AS r`,
      );
      expect(rows.filter(({ reads }) => reads).map(({ name }) => name)).toEqual([...published].sort());
      expect(rows.filter(({ writes }) => writes)).toEqual([]);
    } finally {
      await client.end();
    }
  });
}
