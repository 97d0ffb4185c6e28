import type { CollectionWaits, CollectResult } from '../../domain/fashion/contract.ts';
import { formatTable, type Progress } from '../core/progress.ts';
import type { RunningLab } from '../labs.ts';
import type { Laptop } from '../laptop.ts';
import { eachReport, type Report } from '../outside/inventory-reports.ts';
import { psqlLine } from '../warehouse.ts';
import type { Execution } from './driver.ts';
import { deployFashionLab, type FashionLab } from './lab.ts';

const rows = 5_000;
const firstDay = '2026-11-19';
const days = 2;

const onSale = 'SELECT location, SUM(available) FROM fashion.stock_on_sale GROUP BY location';

/** None: the client's software here writes a report at once. On AWS a file must be unchanged for some time. */
const waits: CollectionWaits = { lookSeconds: 0, settleSeconds: 0, retrySeconds: 0 };

/** Two days of the client's reports, each from the SFTP server to SQL by the schedule's own target. */
export async function runFashion(laptop: Laptop, progress: Progress): Promise<RunningLab> {
  const fashion = await deployFashionLab(laptop, progress);
  laptop.onStop(() => fashion.disconnect());
  const { driver, lab: deployed } = fashion;
  const reports = await progress.step('inventory reports', async (step) => {
    const made: Report[] = [];
    for await (const report of eachReport({ seed: 'fashion', from: firstDay, days, rows })) {
      made.push(report);
      step.bar(made.length, days * 2);
    }
    const count = made.reduce((sum, report) => sum + report.rows, 0);
    step.detail(`${made.length} workbooks, ${count.toLocaleString('en')} rows`);
    return made;
  });
  const drops: { report: Report; visibleAt: number; execution: Execution }[] = [];
  for (const report of reports) {
    await progress.step(`${report.date} ${report.slot}`, async (step) => {
      const visibleAt = await driver.writeReport(report);
      const collection = await driver.triggerSchedule(report, { waits });
      if (collection.status !== 'SUCCEEDED') throw new Error(`${collection.error}: ${collection.cause}`);
      const [file] = (collection.output as unknown as CollectResult).collected;
      if (!file) throw new Error('the collector found no new file');
      const execution = await driver.imported(file.key);
      if (execution.status !== 'SUCCEEDED') throw new Error(`${execution.error}: ${execution.cause}`);
      drops.push({ report, visibleAt, execution });
      step.detail(`${report.name} -> ${execution.output?.outcome}`);
    });
  }

  progress.line();
  progress.line(table(drops));
  progress.line();
  progress.line('The two looks that see a file at rest follow each other at once here, on AWS 15 s apart.');
  const expected = drops.every(({ report, execution }) => {
    const done = execution.output?.transformed;
    return (
      done?.rowsIn === report.rows &&
      done.rowsOut === report.rows - report.bad &&
      done.rowsRejected === report.bad
    );
  });
  const last = drops.at(-1)?.execution.output?.transformed;
  const current = await tablesOf(fashion);
  const whole = current.positions === last?.rowsOut && current.loads === drops.length;
  progress.line();
  progress.line(
    `current positions ${current.positions.toLocaleString('en')}, history ${current.history.toLocaleString('en')}, loads ${current.loads}`,
  );
  progress.line(
    expected && whole
      ? 'Every row that went in came out or was set aside.'
      : '✗ Rows are missing or too many.',
  );
  return {
    name: 'fashion',
    ok: expected && whole,
    deployed,
    connect: ['SQL, while it is up:', `  ${await psqlLine(laptop, deployed, onSale)}`],
  };
}

function table(drops: { report: Report; visibleAt: number; execution: Execution }[]): string {
  return formatTable(
    [
      'drop',
      'rows in',
      'loaded',
      'set aside',
      'archived ms',
      'transformed ms',
      'staged ms',
      'in SQL ms',
      'SFTP to SQL ms',
    ],
    drops.map(({ report, visibleAt, execution }) => {
      const { transformed, stagedAt = '', loadedAt = '' } = execution.output ?? {};
      const [transform, staged, loaded] = [transformed?.transformedAt ?? '', stagedAt, loadedAt].map((at) =>
        Date.parse(at),
      );
      return [
        `${report.date} ${report.slot}`,
        transformed?.rowsIn,
        transformed?.rowsOut,
        transformed?.rowsRejected,
        execution.startedAt - visibleAt,
        (transform ?? 0) - execution.startedAt,
        (staged ?? 0) - (transform ?? 0),
        (loaded ?? 0) - (staged ?? 0),
        (loaded ?? 0) - visibleAt,
      ];
    }),
  );
}

async function tablesOf({ query }: FashionLab) {
  const [counted = { positions: 0, history: 0, loads: 0 }] = await query<{
    positions: number;
    history: number;
    loads: number;
  }>(
    'SELECT (SELECT COUNT(*) FROM fashion.current_positions)::int AS positions, ' +
      '(SELECT COUNT(*) FROM fashion.position_history)::int AS history, ' +
      '(SELECT COUNT(*) FROM fashion.load_ledger)::int AS loads',
  );
  return counted;
}
