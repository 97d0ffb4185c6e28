import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import type { ArchiveBucket } from '../../constructs/archive-bucket.ts';
import type { LoginSecret } from '../../constructs/login-secret.ts';
import type { SqlStack } from '../../constructs/sql-stack.ts';
import type { Warehouse } from '../../constructs/warehouse.ts';
import type { CollectionInput } from '../../domain/fashion/contract.ts';
import type { CollectionWorkflow } from './collection-workflow.ts';
import type { ImportWorkflow } from './import-workflow.ts';

/** What one needs to use the lab, with commands to paste. Makes the dashboard, so it comes last. */
export function fashionOutputs(
  stack: SqlStack,
  o: {
    archive: ArchiveBucket;
    sftp: LoginSecret;
    warehouse: Warehouse;
    collection: CollectionWorkflow;
    recovery: CollectionInput['recovery'];
    imports: ImportWorkflow;
    results: Topic;
    collect: IFunction;
    load: IFunction;
  },
): void {
  stack.output(
    'ArchiveBucketName',
    'Every drop, as xlsx/ and csv/ by date and slot',
    o.archive.bucket.bucketName,
  );
  stack.output('SftpSecretArn', 'Secret to fill in with the login of the SFTP server', o.sftp.secretArn);
  stack.output(
    'CollectionStateMachineArn',
    'Collects new reports',
    o.collection.stateMachine.stateMachineArn,
  );
  stack.output('ImportStateMachineArn', 'Loads one archived report', o.imports.stateMachine.stateMachineArn);
  stack.output(
    'ResultsTopicArn',
    'Subscribe whoever acts on a load, the shop among them',
    o.results.topicArn,
  );
  stack.output('CollectFunctionName', 'Looks at the SFTP server', o.collect.functionName);
  stack.output('LoadFunctionName', 'Loads a drop, step by step', o.load.functionName);
  stack.output(
    'FillInSecretCommand',
    'Fill in the login, with password or privateKey; hostKey is the SHA256 fingerprint that the client gave you',
    o.sftp.fillInCommand({
      host: 'sftp.example.com',
      port: 22,
      username: 'USER',
      password: 'PASSWORD',
      hostKey: 'SHA256:FINGERPRINT',
      directory: '.',
    }),
  );
  const now = {
    looks: 1,
    attempts: 1,
    settleRounds: 20,
    rehashSeconds: 0,
    recovery: o.recovery,
    waits: { lookSeconds: 60, settleSeconds: 15, retrySeconds: 60 },
  } satisfies CollectionInput;
  stack.output(
    'RunNowCommand',
    'Collect now, without waiting for a slot',
    `aws stepfunctions start-execution --state-machine-arn ${o.collection.stateMachine.stateMachineArn} --input '${JSON.stringify(now)}'`,
  );
  stack.output(
    'ReplayCommand',
    'Load a slot again from the archive',
    `npm run replay -- fashion --stack ${stack.stackName} --date YYYY-MM-DD --slot 0600 --from xlsx`,
  );
  stack.outputWarehouse(
    o.warehouse,
    'SELECT location, SUM(available) FROM fashion.stock_on_sale GROUP BY location',
  );
  stack.outputOperations();
}
