import { randomUUID } from 'node:crypto';
import type { DrivenLab } from '../../local/driven-lab.ts';
import { createStack } from '../../local/stacks.ts';
import { FunctionCaller } from './function-caller.ts';
import { type Resources, referredId, rolesOf } from './grants.ts';
import type { Scenario } from './grants-suite.ts';

/** What runs at deploy in every lab with a warehouse: the migrations, by way of the CDK's provider framework. */
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
}

const properties = (Ledger: string) => ({ Ledger, Namespace: 'any', Checksum: 'changed' });
