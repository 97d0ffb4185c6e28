import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { ListExecutionsCommand } from '@aws-sdk/client-sfn';
import type { CollectionInput, CollectResult } from '../domain/fashion/contract.ts';
import { formatTable, type Progress } from '../local/core/progress.ts';
import type { Execution, FashionDriver } from '../local/fashion/driver.ts';
import { openFashionLab } from '../local/fashion/lab.ts';
import { eachReport } from '../local/outside/inventory-reports.ts';
import { type NoOpFloor, openNoOpFloor } from './fashion-no-op.ts';

/** Milliseconds from one hop to the next. */
export interface Hops {
  /** Seen on the SFTP server, archived, import started. */
  archived: number;
  transformed: number;
  staged: number;
  inSql: number;
  /** All of them. */
  whole: number;
}

export interface HopsResult {
  rows: number;
  /** Medians of the rounds, each hop for itself. */
  lab: Hops;
  noOp: Hops;
}

/** No waits: what is measured is the work. The waits by design are in the stack and are stated beside the figures. */
const input: Partial<CollectionInput> = {
  looks: 1,
  settleRounds: 5,
  attempts: 1,
  waits: { lookSeconds: 0, settleSeconds: 0, retrySeconds: 0 },
};

/**
 * From a report's being visible on the SFTP server to its rows' being visible in SQL, on a running laptop, by hop; beside
 * the same state machines with functions that do nothing, in turn. A first small drop, not counted, warms the functions.
 */
export async function benchHops(o: {
  rows: number;
  rounds?: number;
  progress: Progress;
}): Promise<HopsResult> {
  const { rows, rounds = 3, progress } = o;
  const fashion = await openFashionLab({ progress, hurried: true });
  const { driver } = fashion;
  try {
    const floor = await openNoOpFloor(fashion.laptop, driver);
    for await (const report of eachReport({
      seed: 'warm',
      from: '2026-11-01',
      days: 1,
      slots: ['0600'],
      rows: 20,
    }))
      await labRun(driver, report);
    await noOpRun(driver, floor);
    const lab: Hops[] = [];
    const noOp: Hops[] = [];
    const days = Math.ceil(rounds / 2);
    for await (const report of eachReport({ seed: 'hops', from: '2026-11-19', days, rows })) {
      if (lab.length === rounds) break;
      await progress.step(
        `${report.rows.toLocaleString('en')} rows, round ${lab.length + 1} of ${rounds}`,
        async (step) => {
          noOp.push(await noOpRun(driver, floor));
          const hops = await labRun(driver, report);
          lab.push(hops);
          step.detail(`${(hops.whole / 1000).toFixed(1)} s from SFTP to SQL`);
        },
      );
    }
    return { rows, lab: median(lab), noOp: median(noOp) };
  } finally {
    await fashion.close();
  }
}

async function labRun(
  driver: FashionDriver,
  report: Parameters<FashionDriver['writeReport']>[0],
): Promise<Hops> {
  const visibleAt = await driver.writeReport(report);
  const collection = await driver.triggerSchedule(report, input);
  if (collection.status !== 'SUCCEEDED') throw new Error(`${collection.error}: ${collection.cause}`);
  const [file] = (collection.output as unknown as CollectResult).collected;
  return hops(visibleAt, await driver.imported(file?.key ?? ''));
}

async function noOpRun(driver: FashionDriver, floor: NoOpFloor): Promise<Hops> {
  const visibleAt = Date.now();
  await driver.run(floor.collectionArn, { ...input, scheduledAt: '2026-11-19T05:00:00Z' });
  const key = `${floor.prefix}${randomUUID()}`;
  await driver.s3.send(
    new PutObjectCommand({
      Bucket: driver.output('ArchiveBucketName'),
      Key: key,
      Body: Buffer.from('no-op'),
    }),
  );
  for (const until = Date.now() + 30_000; Date.now() < until; await sleep(20)) {
    const { executions = [] } = await driver.sfn.send(
      new ListExecutionsCommand({ stateMachineArn: floor.importArn, maxResults: 20 }),
    );
    for (const { executionArn = '' } of executions) {
      const execution = await driver.ended(executionArn);
      if (execution.input.key === key) return hops(visibleAt, execution);
    }
  }
  throw new Error('the no-op import was not started');
}

function hops(visibleAt: number, execution: Execution): Hops {
  if (!execution.output) throw new Error(`${execution.error}: ${execution.cause}`);
  const { transformed, stagedAt = '', loadedAt = '' } = execution.output;
  const started = execution.startedAt;
  const [transformedAt, staged, loaded] = [transformed.transformedAt, stagedAt, loadedAt].map((at) =>
    Date.parse(at),
  ) as [number, number, number];
  return {
    archived: started - visibleAt,
    transformed: transformedAt - started,
    staged: staged - transformedAt,
    inSql: loaded - staged,
    whole: loaded - visibleAt,
  };
}

function median(each: Hops[]): Hops {
  const of = (name: keyof Hops) =>
    each.map((one) => one[name]).sort((a, b) => a - b)[Math.floor(each.length / 2)] as number;
  return {
    archived: of('archived'),
    transformed: of('transformed'),
    staged: of('staged'),
    inSql: of('inSql'),
    whole: of('whole'),
  };
}

export function hopsTable({ rows, lab, noOp }: HopsResult): string {
  const names: [keyof Hops, string][] = [
    ['archived', 'visible on SFTP -> archived, import started'],
    ['transformed', '-> CSV'],
    ['staged', '-> staging table'],
    ['inSql', '-> reconciled and visible in SQL'],
    ['whole', 'SFTP to SQL'],
  ];
  return formatTable(
    [`${rows.toLocaleString('en')} rows, by hop`, 'x no-op', 'ms', 'no-op ms'],
    names.map(([hop, name]) => [
      name,
      noOp[hop] > 0 ? (lab[hop] / noOp[hop]).toFixed(1) : '-',
      Math.round(lab[hop]),
      Math.round(noOp[hop]),
    ]),
  );
}
