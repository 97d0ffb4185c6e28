import { Duration, TimeZone } from 'aws-cdk-lib';
import { EventField, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { LogLevel } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { LabFunction } from '../../constructs/lab-function.ts';
import { workflowLog } from '../../constructs/lab-log.ts';
import { LabTable } from '../../constructs/lab-table.ts';
import { LoginSecret } from '../../constructs/login-secret.ts';
import { SqlStack, type SqlStackProps } from '../../constructs/sql-stack.ts';
import {
  type CollectionInput,
  checkedLimits,
  type collectEnvironment,
  correctionsPrefix,
  csvPrefix,
  defaultFileNamePattern,
  defaultLimits,
  importOfArrival,
  incomingPrefix,
  type loadEnvironment,
  manifestPrefix,
  type recoverEnvironment,
  rejectedPrefix,
  replayPrefix,
  type TransformLimits,
  type transformEnvironment,
  workbookPrefix,
} from '../../domain/fashion/contract.ts';
import { CollectionWorkflow } from './collection-workflow.ts';
import { ImportWorkflow } from './import-workflow.ts';
import { operateFashion } from './operation.ts';
import { fashionOutputs } from './outputs.ts';
import { transformSize } from './transform-size.ts';

export interface FashionStackProps extends SqlStackProps {
  /** The client's time zone, in which the slots are. @default Europe/Paris */
  readonly timeZone?: string;
  /** Hours at which the client writes a report, HHMM. @default 0600 and 1800 */
  readonly slots?: string[];
  /** What a report's file name looks like; the groups `date` and `slot` name its slot. @default inventory_DATE_SLOT.xlsx */
  readonly fileNamePattern?: string;
  /** How long after the slot to look for its drop, and how often. @default every 5 minutes for 45 minutes */
  readonly grace?: { every: Duration; during: Duration };
  /**
   * For how long a file must not have changed before it is taken, and how often to look again for that before such looks
   * count like those of the grace period. @default 15 seconds, 20 times
   */
  readonly settle?: { every: Duration; rounds: number };
  /**
   * How much older than the newest a file may be to be read again in each run, in case that its content changed and its size
   * and time did not. 0 turns it off. @default 3 days
   */
  readonly rehashFor?: Duration;
  /**
   * How lately a workbook must have arrived in the archive for a collection to see to it that its import finishes: it starts
   * one again whose event was lost. `after` is how long an event may be on its way, `atMost` how many imports one collection
   * starts; the rest comes with the next. `within` 0 turns it off. @default 30 days, after 15 minutes, 100
   */
  readonly recovery?: { within: Duration; after: Duration; atMost: number };
  /** How long the SFTP server may take for a login, and how long it may leave everything unanswered. @default 20 and 30 seconds */
  readonly sftpPatience?: { login: Duration; silence: Duration };
  /**
   * What a report may be at most; one that is more is refused whole. Memory and disk of the transform follow from it.
   * @default 1,048,575 rows (a sheet has no more), 1,000,000 distinct strings, 2 GiB inflated, a workbook of 256 MiB
   */
  readonly limits?: Partial<TransformLimits>;
}

/** High fashion: a full inventory workbook on a client's SFTP server, twice a day, to SQL. */
export class FashionStack extends SqlStack {
  constructor(scope: Construct, id: string, props: FashionStackProps = {}) {
    super(scope, id, props, {
      lab: 'fashion',
      title: 'Fashion inventory',
      description: 'High fashion: inventory workbooks from SFTP to Redshift, archived and replayable',
    });
    const { key, operations, removalPolicy } = this;
    const timeZone = props.timeZone ?? 'Europe/Paris';
    const slots = props.slots ?? ['0600', '1800'];
    const grace = props.grace ?? { every: Duration.minutes(5), during: Duration.minutes(45) };
    const settle = props.settle ?? { every: Duration.seconds(15), rounds: 20 };
    const rehashFor = props.rehashFor ?? Duration.days(3);
    const recovery = props.recovery ?? {
      within: Duration.days(30),
      after: Duration.minutes(15), // S3 takes five to begin with events
      atMost: 100,
    };
    const recoveryInput = {
      afterSeconds: recovery.after.toSeconds(),
      withinSeconds: recovery.within.toSeconds(),
      atMost: recovery.atMost,
    };
    const patience = props.sftpPatience ?? { login: Duration.seconds(20), silence: Duration.seconds(30) };
    const results = new Topic(this, 'Results', {
      masterKey: key,
      enforceSSL: true,
      displayName: 'Fashion inventory results',
    });

    const { archive, warehouse, migrations } = this.archiveToSql(props, {
      archived: [workbookPrefix, csvPrefix, rejectedPrefix, correctionsPrefix],
      shortLived: [
        { prefix: incomingPrefix, expiresAfter: Duration.days(1) },
        { prefix: manifestPrefix, expiresAfter: Duration.days(90) },
        { prefix: replayPrefix, expiresAfter: Duration.days(90) },
      ],
      copied: [csvPrefix, manifestPrefix, replayPrefix],
      migrations: new URL('migrations', import.meta.url),
      ledger: 'fashion_migrations',
      reader: 'fashion_reader',
    });

    const sftp = new LoginSecret(this, 'SftpSecret', {
      description:
        'Login of the client SFTP server: host, port, username, hostKey, directory, password or privateKey',
      key,
      removalPolicy,
    });
    const collectedFiles = new LabTable(this, 'CollectedFiles', { key: 'path', removalPolicy });

    const collectTimeout = Duration.minutes(10);
    const collect = new LabFunction<(typeof collectEnvironment)[number]>(this, 'Collect', {
      handler: 'fashion/collect.ts',
      description: 'Archives each report on the SFTP server that is not archived yet',
      timeout: collectTimeout,
      memory: 1024,
      environment: {
        ARCHIVE_BUCKET: archive.bucket.bucketName,
        COLLECTED_TABLE: collectedFiles.tableName,
        SFTP_SECRET_ARN: sftp.secretArn,
        SLOT_SCHEDULE: JSON.stringify({ timeZone, slots }),
        FILE_NAME_PATTERN: props.fileNamePattern ?? defaultFileNamePattern,
        GRACE_SECONDS: String(grace.during.toSeconds()),
        // A collector that runs never loses its claim: it ends before.
        LEASE_SECONDS: String(collectTimeout.toSeconds() + 60),
        SFTP_LOGIN_SECONDS: String(patience.login.toSeconds()),
        SFTP_SILENCE_SECONDS: String(patience.silence.toSeconds()),
      },
    });
    archive.grantUpload(collect, incomingPrefix);
    archive.grantWrite(collect, workbookPrefix); // the target of the copy from there
    archive.grantRead(collect, incomingPrefix); // its source
    sftp.grantLogin(collect);
    collectedFiles.grant(collect, 'dynamodb:BatchGetItem', 'dynamodb:UpdateItem');

    const limits = checkedLimits({ ...defaultLimits, ...props.limits });
    const transform = new LabFunction<(typeof transformEnvironment)[number]>(this, 'Transform', {
      handler: 'fashion/transform.ts',
      description: 'Turns an archived workbook into CSV, bad rows set aside',
      timeout: Duration.minutes(10),
      ...transformSize(limits),
      environment: { LIMITS: JSON.stringify(limits) },
    });
    archive.grantRead(transform, workbookPrefix, csvPrefix, rejectedPrefix, correctionsPrefix);
    archive.grantUpload(transform, csvPrefix, rejectedPrefix, replayPrefix);

    const load = new LabFunction<(typeof loadEnvironment)[number]>(this, 'Load', {
      handler: 'fashion/load.ts',
      description: 'Checks, stages, reconciles and publishes one drop in the warehouse',
      timeout: Duration.minutes(2),
      environment: warehouse.loaderEnvironment(Duration.seconds(20)),
      databaseRoles: ['fashion_loader'],
    });
    archive.grantWrite(load, manifestPrefix, replayPrefix);
    warehouse.grantStatements(load, 'ExecuteStatement', 'BatchExecuteStatement');

    const logs = (name: string) => ({
      destination: workflowLog(this, `${name}Log`),
      level: LogLevel.ALL,
      includeExecutionData: true,
    });
    const importNotes = new LabTable(this, 'ImportNotes', { key: 'key', removalPolicy });
    const imports = new ImportWorkflow(this, 'Import', {
      transform,
      load,
      results,
      notes: importNotes,
      logs: logs('Import'),
    });
    key.grant(imports.stateMachine, 'kms:Decrypt', 'kms:GenerateDataKey'); // the results topic is encrypted
    imports.node.addDependency(migrations);

    const recover = new LabFunction<(typeof recoverEnvironment)[number]>(this, 'Recover', {
      handler: 'fashion/recover.ts',
      description: 'Starts the import of each archived workbook again that has not finished',
      timeout: Duration.minutes(5),
      environment: {
        ARCHIVE_BUCKET: archive.bucket.bucketName,
        IMPORTS_TABLE: importNotes.tableName,
        IMPORT_STATE_MACHINE: imports.stateMachine.stateMachineArn,
        IMPORT_SECONDS: String(imports.timeout.toSeconds()),
      },
    });
    archive.grantList(recover);
    importNotes.grant(recover, 'dynamodb:BatchGetItem');
    imports.stateMachine.grantStartExecution(recover);
    const collection = new CollectionWorkflow(this, 'Collection', {
      collect,
      recover,
      logs: logs('Collection'),
    });

    const undelivered = operations.deadLetterQueue(
      'Undelivered',
      'A schedule or an archive event could not start its state machine. Read the message and mend the cause: the next collection takes the report, or starts its import again.',
    );
    for (const slot of slots) {
      new Schedule(this, `At${slot}`, {
        description: `Collects the ${slot} report`,
        schedule: ScheduleExpression.cron({
          hour: String(Number(slot.slice(0, 2))),
          minute: String(Number(slot.slice(2))),
          timeZone: TimeZone.of(timeZone),
        }),
        target: new StepFunctionsStartExecution(collection.stateMachine, {
          input: ScheduleTargetInput.fromObject({
            scheduledAt: '<aws.scheduler.scheduled-time>',
            looks: Math.floor(grace.during.toSeconds() / grace.every.toSeconds()) + 1,
            attempts: 5,
            settleRounds: settle.rounds,
            rehashSeconds: rehashFor.toSeconds(),
            recovery: recoveryInput,
            waits: {
              lookSeconds: grace.every.toSeconds(),
              settleSeconds: settle.every.toSeconds(),
              retrySeconds: 60,
            },
          } satisfies CollectionInput),
          deadLetterQueue: undelivered,
          retryAttempts: 10,
          maxEventAge: Duration.hours(2),
        }),
      });
    }
    new Rule(this, 'Archived', {
      description: 'A workbook arrived in the archive, collected or put back by hand',
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: {
          bucket: { name: [archive.bucket.bucketName] },
          object: { key: [{ prefix: workbookPrefix }] },
        },
      },
      targets: [
        new SfnStateMachine(imports.stateMachine, {
          input: RuleTargetInput.fromObject(
            importOfArrival({
              bucket: EventField.fromPath('$.detail.bucket.name'),
              key: EventField.fromPath('$.detail.object.key'),
              arrivedAt: EventField.time,
            }),
          ),
          deadLetterQueue: undelivered,
          retryAttempts: 10,
          maxEventAge: Duration.hours(2),
        }),
      ],
    });

    operateFashion(operations, collection, imports);
    fashionOutputs(this, {
      archive,
      sftp,
      warehouse,
      collection,
      recovery: recoveryInput,
      imports,
      results,
      collect,
      load,
    });
  }
}
