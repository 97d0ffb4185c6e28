import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeStatementCommand,
  ExecuteStatementCommand,
  GetStatementResultCommand,
  RedshiftDataClient,
} from '@aws-sdk/client-redshift-data';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import type { DrivenLab } from '../../local/driven-lab.ts';
import { createStack } from '../../local/stacks.ts';
import { FunctionCaller } from './function-caller.ts';
import { type Resources, referredId, rolesOf } from './grants.ts';
import type { Scenario } from './grants-suite.ts';

/** Of every lab with a warehouse: its migrations, by way of the CDK's provider framework, and who reads it. */
export class SchemaScenarios {
  private readonly lab: DrivenLab;
  private readonly resources: Resources;
  private readonly functions: FunctionCaller;

  constructor(lab: DrivenLab, resources: Resources) {
    this.lab = lab;
    this.resources = resources;
    this.functions = new FunctionCaller(lab.laptop, lab.lab);
  }

  /** None without migrations. */
  get of(): Readonly<Record<string, readonly Scenario[]>> {
    const resource = Object.values(this.resources).find(({ Type }) => Type === 'Custom::WarehouseMigrations');
    if (!resource) return {};
    const ledger = String(resource.Properties?.Ledger);
    const framework = referredId(resource.Properties?.ServiceToken);
    const role = referredId(this.resources[framework]?.Properties?.Role);
    const frameworkRole = rolesOf(this.resources).find(({ logicalId }) => logicalId === role);
    return {
      Migrate: [
        { name: 'look for migrations that are not applied', run: () => this.migrate(ledger) },
        { name: 'hand in migrations', run: () => this.handIn() },
      ],
      WarehouseReaderRole: [{ name: 'read the warehouse', run: () => this.read() }],
      [frameworkRole?.name ?? '']: [
        { name: 'a deploy calls the migrations', run: () => this.deploy(framework, ledger) },
      ],
    };
  }

  close(): void {
    this.functions.close();
  }

  /** As the CDK's provider framework calls it. */
  private migrate(ledger: string): Promise<unknown> {
    return this.functions.invoke('Migrate', {
      RequestType: 'Update',
      ResourceProperties: properties(ledger),
    });
  }

  /** A ledger that knows nothing: all migrations run, and end at once, for what they make is there already. */
  private async handIn(): Promise<void> {
    await this.migrate(`grants_${randomUUID().replaceAll('-', '')}`).catch((error: Error) => {
      if (!/MigrationFailed: .*already exists/.test(error.message)) throw error;
    });
  }

  /** A stack with nothing but the migrations, which were all applied. */
  private async deploy(framework: string, ledger: string): Promise<void> {
    const { account, region, clients } = this.lab.laptop;
    const ServiceToken = `arn:aws:lambda:${region}:${account}:function:${this.lab.lab.resources.get(framework)}`;
    const Properties = { ...properties(ledger), ServiceToken };
    await createStack(clients, {
      StackName: `Migrations-${randomUUID()}`,
      TemplateBody: JSON.stringify({
        Resources: { Migrations: { Type: 'Custom::WarehouseMigrations', Properties } },
      }),
      DisableRollback: true,
    });
  }

  /** As a person who assumed the role. @throws Error with what the Data API or the warehouse said */
  private async read(): Promise<void> {
    const { laptop, lab, output } = this.lab;
    const sts = new STSClient(laptop.clients);
    const assumed = sts.send(
      new AssumeRoleCommand({ RoleArn: output('ReaderRoleArn'), RoleSessionName: 'reader' }),
    );
    const { Credentials } = await assumed.finally(() => sts.destroy());
    const { AccessKeyId: accessKeyId = '', SecretAccessKey: secretAccessKey = '' } = Credentials ?? {};
    const sessionToken = Credentials?.SessionToken;
    const credentials = { accessKeyId, secretAccessKey, sessionToken };
    const data = new RedshiftDataClient({ ...lab.dataApi, credentials });
    try {
      const where = { WorkgroupName: output('WorkgroupName'), Database: output('DatabaseName') };
      const { Id } = await data.send(new ExecuteStatementCommand({ ...where, Sql: 'SELECT 1' }));
      for (;;) {
        const { Status, Error: error } = await data.send(new DescribeStatementCommand({ Id }));
        if (Status === 'FAILED' || Status === 'ABORTED') throw new Error(error);
        if (Status === 'FINISHED') break;
        await sleep(20);
      }
      await data.send(new GetStatementResultCommand({ Id }));
    } finally {
      data.destroy();
    }
  }
}

const properties = (Ledger: string) => ({ Ledger, Namespace: 'any', Checksum: 'changed' });
