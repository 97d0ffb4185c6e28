import { fileURLToPath } from 'node:url';
import { Duration } from 'aws-cdk-lib';
import { ArchiveBucket, type ArchiveBucketProps } from './archive-bucket.ts';
import { LabStack, type LabStackProps } from './lab-stack.ts';
import { Warehouse } from './warehouse.ts';
import { WarehouseMigrations } from './warehouse-migrations.ts';
import { WarehouseSnapshots } from './warehouse-snapshots.ts';

export interface SqlStackProps extends LabStackProps {
  /** @default 30 days */
  readonly archiveColdAfter?: Duration;
  /** @default 7 years */
  readonly archiveKeptFor?: Duration;
  /** Redshift Processing Units. @default 8 */
  readonly warehouseBaseCapacity?: number;
  /**
   * For how long the nightly snapshot of the warehouse is kept, in whole days. An ephemeral lab takes none.
   *
   * @default 7 days
   */
  readonly snapshotsKeptFor?: Duration;
  /**
   * Zones of the warehouse's subnets, three at least: where Redshift Serverless does not know one of the first three. In
   * us-west-1 one of its two zones is named twice.
   *
   * @default the first three of the region
   */
  readonly availabilityZones?: readonly string[];
}

export interface SqlStackParts
  extends Pick<ArchiveBucketProps, 'archived' | 'shortLived' | 'announced' | 'told'> {
  /** Prefixes of the archive that COPY reads. */
  readonly copied: string[];
  /** Folder of migrations, as a URL. */
  readonly migrations: URL;
  /** Table that says which of them were applied. */
  readonly ledger: string;
  /** Role of the database that the migrations let read what the lab publishes. */
  readonly reader: string;
}

/** A lab whose data goes to an archive and from there into SQL. */
export class SqlStack extends LabStack {
  /** Makes the archive, the warehouse that COPY fills from it, and its tables; what uses the tables depends on the migrations. */
  archiveToSql(
    props: SqlStackProps,
    { copied, migrations, ledger, reader, ...stored }: SqlStackParts,
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
      readerDatabaseRole: reader,
      availabilityZones: props.availabilityZones,
      baseCapacity: props.warehouseBaseCapacity,
      removalPolicy,
    });
    const schema = new WarehouseMigrations(this, 'Schema', {
      warehouse,
      folder: fileURLToPath(migrations),
      ledger,
    });
    if (!props.ephemeral) {
      new WarehouseSnapshots(this, 'Snapshots', {
        warehouse,
        keptFor: props.snapshotsKeptFor ?? Duration.days(7),
        undelivered: this.operations.deadLetterQueue(
          'SnapshotNotTaken',
          'The nightly snapshot of the warehouse could not be asked for. Read the message, mend the cause, take one by hand: aws redshift-serverless create-snapshot.',
        ),
      });
    }
    return { archive, warehouse, migrations: schema };
  }

  /** How to ask the warehouse. @param sql a query to paste */
  outputWarehouse(warehouse: Warehouse, sql: string): void {
    const { workgroupName, databaseName, adminSecretName } = warehouse;
    const { roleArn } = warehouse.readerRole;
    this.output('WorkgroupName', 'Redshift Serverless workgroup', workgroupName);
    this.output('DatabaseName', 'Database in it', databaseName);
    this.output('ReaderRoleArn', 'Role to assume for reading what the lab publishes', roleArn);
    this.output(
      'QueryCommand',
      'Ask as the reader, for sh, bash and zsh; you need sts:AssumeRole on ReaderRoleArn',
      asReader(roleArn, [
        `id=$(aws redshift-data execute-statement --workgroup-name ${workgroupName} --database ${databaseName} --sql '${sql}' --query Id --output text)`,
        "while aws redshift-data describe-statement --id $id --query Status --output text | grep -qE 'SUBMITTED|PICKED|STARTED'; do sleep 1; done",
        "{ aws redshift-data get-statement-result --id $id --query 'Records[*].map(&not_null(stringValue,longValue,doubleValue,booleanValue),@)' --output text || aws redshift-data describe-statement --id $id --query Error; }",
      ]),
    );
    this.output(
      'AdminSecretName',
      'Secret of the administrator, a superuser: for the migrations and for emergencies',
      adminSecretName,
    );
  }
}

/** A command for a shell: its steps run under a role, whose credentials end with it. */
function asReader(roleArn: string, steps: readonly string[]): string {
  const assume =
    `set -- $(aws sts assume-role --role-arn ${roleArn} --role-session-name reader ` +
    "--query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)";
  const use = 'export AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=$2 AWS_SESSION_TOKEN=$3';
  return `(${[assume, use, ...steps].join(' && ')})`;
}
