import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { ArchiveBucket } from '../../constructs/archive-bucket.ts';
import { LabFunction, type LabFunctionProps } from '../../constructs/lab-function.ts';
import type { Warehouse } from '../../constructs/warehouse.ts';
import type { WarehouseMigrations } from '../../constructs/warehouse-migrations.ts';
import { type loadEnvironment, manifestPrefix } from '../../domain/stocks/contract.ts';

export interface RowLoadsProps {
  /** Gets the events of new objects below rows/. */
  readonly queue: Queue;
  readonly archive: ArchiveBucket;
  readonly warehouse: Warehouse;
  readonly migrations: WarehouseMigrations;
  /** For how long objects are gathered for one transaction, 1 to 300 seconds. */
  readonly every: Duration;
}

/** What a call may take, and the part of it for which it waits for the warehouse. */
const timeout = Duration.minutes(2);
const patience = Duration.seconds(100);

/** A person waits for a publication, of up to two million rows: as long as there can be, and time to say how it ended. */
const publishTimeout = Duration.minutes(15);
const publishPatience = Duration.minutes(14);

/** Longer than a call, so that nobody takes up its objects while it works; no longer than needed to take up a dead one's. */
const hiddenFor = Duration.minutes(5);

/** Some four hours of a warehouse that is away. */
const attempts = 50;

/**
 * The queue of objects that are to be loaded. It is made before the archive, which tells it of them.
 *
 * @param failed gets what was tried in vain
 */
export function rowsQueue(scope: Construct, id: string, failed: Queue): Queue {
  return new Queue(scope, id, {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    visibilityTimeout: hiddenFor,
    retentionPeriod: Duration.days(14),
    deadLetterQueue: { queue: failed, maxReceiveCount: attempts },
    removalPolicy: RemovalPolicy.DESTROY, // the objects that it tells of are in the archive
  });
}

type Loader = LabFunction<(typeof loadEnvironment)[number]>;

/**
 * Objects of rows to SQL, all that came within a few seconds in one transaction; and, when a person says so, those of a replay
 * in place of what is there.
 */
export class RowLoads extends Construct {
  readonly load: Loader;
  readonly publish: Loader;

  constructor(scope: Construct, id: string, props: RowLoadsProps) {
    super(scope, id);
    this.load = this.loader('Load', props, {
      handler: 'stocks/load.ts',
      description: 'Loads objects of rows into the warehouse, those of a few seconds at a time',
      timeout,
      environment: props.warehouse.loaderEnvironment(patience),
    });
    this.publish = this.loader('Publish', props, {
      handler: 'stocks/publish.ts',
      description: 'Takes rows of a replay into the warehouse, in place of those that are there',
      timeout: publishTimeout,
      environment: props.warehouse.loaderEnvironment(publishPatience),
    });
    this.load.addEventSource(
      new SqsEventSource(props.queue, {
        batchSize: 500,
        maxBatchingWindow: props.every,
        // Loads of one table are one after another anyway; two, so that one writes its manifest while the other loads.
        maxConcurrency: 2,
        reportBatchItemFailures: true,
      }),
    );
  }

  /** A function that copies objects into the warehouse, and may do nothing else there or elsewhere. */
  private loader(
    id: string,
    { archive, warehouse, migrations }: RowLoadsProps,
    props: Pick<
      LabFunctionProps<(typeof loadEnvironment)[number]>,
      'handler' | 'description' | 'timeout' | 'environment'
    >,
  ): Loader {
    const loader: Loader = new LabFunction(this, id, {
      ...props,
      databaseRoles: ['stocks_loader'],
    });
    archive.grantWrite(loader, manifestPrefix);
    warehouse.grantStatements(loader, 'BatchExecuteStatement');
    loader.node.addDependency(migrations);
    return loader;
  }
}
