import { fileURLToPath } from 'node:url';
import type { Duration } from 'aws-cdk-lib';
import { ArchiveBucket, type ArchiveBucketProps } from './archive-bucket.ts';
import { LabStack, type LabStackProps } from './lab-stack.ts';
import { Warehouse } from './warehouse.ts';
import { WarehouseMigrations } from './warehouse-migrations.ts';

export interface SqlStackProps extends LabStackProps {
  /** @default 30 days */
  readonly archiveColdAfter?: Duration;
  /** @default 7 years */
  readonly archiveKeptFor?: Duration;
  /** Redshift Processing Units. @default 8 */
  readonly warehouseBaseCapacity?: number;
}

export interface SqlStackParts
  extends Pick<ArchiveBucketProps, 'archived' | 'shortLived' | 'announced' | 'told'> {
  /** Prefixes of the archive that COPY reads. */
  readonly copied: string[];
  /** Folder of migrations, as a URL. */
  readonly migrations: URL;
  /** Table that says which of them were applied. */
  readonly ledger: string;
}

/** A lab whose data goes to an archive and from there into SQL. */
export class SqlStack extends LabStack {
  /** Makes the archive, the warehouse that COPY fills from it, and its tables; what uses the tables depends on the migrations. */
  archiveToSql(
    props: SqlStackProps,
    { copied, migrations, ledger, ...stored }: SqlStackParts,
  ): { archive: ArchiveBucket; warehouse: Warehouse; migrations: WarehouseMigrations } {
    const { key, removalPolicy } = this;
    const archive = new ArchiveBucket(this, 'Archive', {
      key,
      ...stored,
      coldAfter: props.archiveColdAfter,
      keptFor: props.archiveKeptFor,
      removalPolicy,
    });
    const warehouse = new Warehouse(this, 'Warehouse', {
      key,
      archive,
      copyPrefixes: copied,
      baseCapacity: props.warehouseBaseCapacity,
      removalPolicy,
    });
    const schema = new WarehouseMigrations(this, 'Schema', {
      warehouse,
      folder: fileURLToPath(migrations),
      ledger,
    });
    return { archive, warehouse, migrations: schema };
  }

  /** How to ask the warehouse. @param sql a query to paste */
  outputWarehouse(warehouse: Warehouse, sql: string): void {
    const { workgroupName, databaseName, adminSecretName } = warehouse;
    this.output('WorkgroupName', 'Redshift Serverless workgroup', workgroupName);
    this.output('DatabaseName', 'Database in it', databaseName);
    this.output(
      'QueryCommand',
      'Ask through the Data API, then: aws redshift-data get-statement-result --id ID',
      `aws redshift-data execute-statement --workgroup-name ${workgroupName} --database ${databaseName} --secret-arn '${adminSecretName}' --sql '${sql}'`,
    );
  }
}
