import { Duration } from 'aws-cdk-lib';
import type { Operations } from '../../constructs/operations.ts';
import type { CollectionWorkflow } from './collection-workflow.ts';
import type { ImportWorkflow } from './import-workflow.ts';

/** Alarms with their runbook lines, and what the dashboard shows. */
export function operateFashion(
  operations: Operations,
  collection: CollectionWorkflow,
  imports: ImportWorkflow,
): void {
  const period = Duration.minutes(5);
  operations.alarm('CollectionFailed', {
    metric: collection.stateMachine.metricFailed({ period }),
    runbook:
      'The report was not collected: read the error of the failed execution. DropMissing: ask the client. SftpHostKeyMismatch: do NOT change the secret before the client confirms the new key. Then start the collection again.',
  });
  operations.alarm('CollectionTimedOut', {
    metric: collection.stateMachine.metricTimedOut({ period }),
    runbook: 'The collection took over three hours: check the SFTP server, then start the collection again.',
  });
  operations.alarm('ImportFailed', {
    metric: imports.stateMachine.metricFailed({ period }),
    runbook:
      'A drop did not reach SQL and the shop still reads the previous one (with the error NotTold it did, and only the telling failed). Read the error of the failed execution. A refused report: ask the client, or mend the cause and run the replay command for its slot. Anything else: mend the cause; the next collection starts the import again.',
  });
  operations.alarm('ImportTimedOut', {
    metric: imports.stateMachine.metricTimedOut({ period }),
    runbook:
      'An import took over two hours: look for locks and a stopped warehouse in Query Editor, then replay the slot.',
  });
  const sumOf = (service: string, metricName: string) => operations.metric(service, metricName, period);
  const rows = (metricName: string) => sumOf('Transform', metricName);
  operations.alarm('ImportsRestarted', {
    metric: sumOf('Recover', 'ImportsRestarted'),
    runbook:
      'An archived report had no import that finished; it was started again and loads by itself. Without an ImportFailed before it the event of its arrival was lost: in the first five minutes after the first deploy that is to be expected; else look at the rule "Archived" (enabled, its target), the queue of undelivered events, and the EventBridge setting of the archive bucket. Keys: log of the function Recover.',
  });
  operations.alarm('LateDrops', {
    metric: sumOf('Collect', 'LateDrops'),
    runbook:
      'A report was written after the grace period of its slot; it is collected and loads by itself. Ask the client what held it up, and check its date and slot (log of the collector, "late") if the server clock may be wrong.',
  });
  operations.alarm('UnchangedDrops', {
    metric: sumOf('Load', 'UnchangedDrops'),
    runbook:
      'A report has exactly the rows of the slot before it; it is loaded. Unless nothing was sold or delivered in between, the export at the client is stuck: ask them for a fresh one. It loads by itself.',
  });
  operations.alarm('RowsSetAside', {
    metric: rows('RowsRejected'),
    threshold: 100,
    runbook:
      'Over 100 rows of a report were set aside: npm run quarantine shows cell, value and reason. Tell the client; load the rows with npm run replay and its option --corrected, or have the report sent again.',
  });
  operations.graph('Drops', [
    sumOf('Collect', 'DropsCollected'),
    sumOf('Collect', 'LateDrops'),
    sumOf('Load', 'UnchangedDrops'),
    sumOf('Recover', 'ImportsRestarted'),
  ]);
  operations.graph('Rows', [rows('RowsIn'), rows('RowsRejected')]);
  operations.graph('Archive to SQL', [imports.stateMachine.metricTime({ period, statistic: 'Maximum' })]);
}
