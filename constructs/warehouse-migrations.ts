import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CustomResource, Duration, Stack } from 'aws-cdk-lib';
import type { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import { Provider } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import {
  type MigrationProperties,
  type migrateEnvironment,
  migrationsFolder,
} from '../domain/warehouse/contract.ts';
import { acknowledge } from './acknowledge.ts';
import { LabFunction } from './lab-function.ts';
import { labLog } from './lab-log.ts';
import type { Warehouse } from './warehouse.ts';

export interface WarehouseMigrationsProps {
  readonly warehouse: Warehouse;
  /** Folder of `NNNN_name.sql` files, applied in that order, each once and each in one transaction. */
  readonly folder: string;
  /** Schema of the ledger of migrations; one per lab, so that labs can share a warehouse. */
  readonly ledger: string;
}

/**
 * Versioned migrations, run at deploy through the Data API as the administrator. Whatever needs the tables depends on
 * this construct. A migration that was applied may never change: the deploy fails and names it. A rollback takes none back:
 * each is written so that the programs of the deploy before go on with what it leaves.
 */
export class WarehouseMigrations extends Construct {
  constructor(scope: Construct, id: string, props: WarehouseMigrationsProps) {
    super(scope, id);
    const handler = new LabFunction<(typeof migrateEnvironment)[number]>(this, 'Migrate', {
      handler: 'warehouse/migrate.ts',
      description: 'Applies the warehouse migrations of this deploy',
      // A first statement may have to wake the warehouse, which takes up to a minute or so.
      timeout: Duration.minutes(14),
      environment: {
        WORKGROUP_NAME: props.warehouse.workgroupName,
        DATABASE_NAME: props.warehouse.databaseName,
        ADMIN_SECRET: props.warehouse.adminSecretName,
      },
      commandHooks: {
        beforeInstall: () => [],
        beforeBundling: () => [],
        afterBundling: (_input, output) => [
          process.platform === 'win32'
            ? `xcopy /E /I "${props.folder}" "${join(output, migrationsFolder)}"`
            : `cp -R '${props.folder}' '${join(output, migrationsFolder)}'`,
        ],
      },
    });
    props.warehouse.grantAdminStatements(handler);
    const provider = new Provider(this, 'Provider', {
      onEventHandler: handler,
      logGroup: labLog(this, 'ProviderLog'),
    });
    acknowledge(
      provider,
      'the function of the CDK framework writes its own log and calls any version of one function of ours',
      'IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]',
      `IAM5[Resource::<${Stack.of(this).getLogicalId(handler.node.defaultChild as CfnFunction)}.Arn>:*]`,
    );
    const properties: MigrationProperties = {
      Ledger: props.ledger,
      Namespace: props.warehouse.namespaceId,
      Checksum: checksum(props.folder),
    };
    const resource = new CustomResource(this, 'Migrations', {
      resourceType: 'Custom::WarehouseMigrations',
      serviceToken: provider.serviceToken,
      properties,
    });
    resource.node.addDependency(props.warehouse.workgroup);
  }
}

/** SHA-256 over names and contents, in order of the names. */
function checksum(folder: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder).sort())
    hash
      .update(name)
      .update('\0')
      .update(readFileSync(join(folder, name)));
  return hash.digest('hex');
}
