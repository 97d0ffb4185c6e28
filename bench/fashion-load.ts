import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import {
  csvKey,
  type LoadRequest,
  loadSteps,
  type LoadResult as StepResult,
  type Transformed,
  workbookKey,
} from '../domain/fashion/contract.ts';
import { csvLine } from '../domain/fashion/csv.ts';
import { type Drop, loadKey } from '../domain/fashion/drop.ts';
import { inventoryLayout } from '../domain/fashion/inventory-layout.ts';
import { formatTable, type Progress } from '../local/core/progress.ts';
import { type FashionLab, openFashionLab, putObject } from '../local/fashion/lab.ts';
import { logicalIdOf } from '../local/function-processes.ts';
import { openStock } from '../local/outside/fashion-stock.ts';

type Step = (typeof loadSteps)[number];

export interface LoadResult {
  rows: number;
  rounds: number;
  /** Of the best round: from handing in the stage to the answer that the swap is published. */
  loadRowsPerSecond: number;
  /** Of the best round of the peer. */
  copyRowsPerSecond: number;
  /** Of the two above: what is loaded while COPY alone copies one row. */
  ratio: number;
  /** The same of the medians. */
  medianRatio: number;
  /** Milliseconds of each call of the loader in the best round. `check` is no part of the figure. */
  byStep: Record<Step, number>;
  /** Milliseconds of the peer's best round. */
  copyMs: number;
}

/**
 * CSV in S3 to current positions, beside `COPY FROM STDIN` of the same file into the same PostgreSQL, in turn, on a laptop of
 * its own.
 *
 * The load is what the state machine does: the loader's function is called step by step, and does through the Data API
 * what it does in AWS: COPY from S3 into a staging table, the reconciliation, and the transaction that writes the history,
 * replaces as many current positions, and drops the staging table. Calls, waits and grants are in the figure.
 *
 * The peer reads the file from the disk into an empty table like the staging table (columns, CHECKs, not logged, made in
 * the same transaction), and commits. Rows that an earlier round left dead are vacuumed between rounds.
 */
export async function benchLoad(o: {
  rows: number;
  rounds?: number;
  progress: Progress;
}): Promise<LoadResult> {
  const { rows, rounds = 5, progress } = o;
  const directory = await mkdtemp(join(tmpdir(), 'fashion-bench-'));
  try {
    const lab = await openFashionLab({ progress });
    try {
      const bench = new LoadBench(lab, rows, join(directory, 'inventory.csv'));
      return await Promise.race([bench.run(rounds, progress), lab.laptop.broken]);
    } finally {
      await lab.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export function loadTable({ rows, ratio, medianRatio, byStep, copyMs, ...o }: LoadResult): string {
  const milliseconds = (Object.keys(byStep) as Step[]).filter((step) => step !== 'check');
  return formatTable(
    [`${rows.toLocaleString('en')} rows of CSV`, 'ratio', 'of medians', 'rows/s', 'ms', 'of which'],
    [
      [
        'S3 to current positions',
        ratio.toFixed(2),
        medianRatio.toFixed(2),
        Math.round(o.loadRowsPerSecond),
        Math.round(figure(byStep)),
        milliseconds.map((step) => `${step} ${Math.round(byStep[step])}`).join(', '),
      ],
      ['COPY FROM STDIN', '1.00', '1.00', Math.round(o.copyRowsPerSecond), Math.round(copyMs), ''],
    ],
  );
}

/** Stage's hand-in to publish's end. */
const figure = (steps: Record<Step, number>): number => steps.stage + steps.reconcile + steps.publish;

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

class LoadBench {
  private readonly lab: FashionLab;
  private readonly rows: number;
  private readonly file: string;

  constructor(lab: FashionLab, rows: number, file: string) {
    this.lab = lab;
    this.rows = rows;
    this.file = file;
  }

  async run(rounds: number, progress: Progress): Promise<LoadResult> {
    const csv = Buffer.from(await this.csv());
    await writeFile(this.file, csv);
    const lambda = new LambdaClient(this.lab.laptop.clients);
    const client = await this.lab.connect();
    try {
      const loads: Record<Step, number>[] = [];
      const copies: number[] = [];
      // The first round warms the functions and fills the current positions; it does not count.
      for (let round = 0; round <= rounds; round += 1) {
        const name = round === 0 ? 'a first load, not counted' : `load, round ${round} of ${rounds}`;
        await progress.step(name, async (step) => {
          const copied = await this.copy(client);
          const loaded = await this.load(lambda, client, csv, round);
          if (round > 0) {
            copies.push(copied);
            loads.push(loaded);
          }
          step.detail(`${Math.round(figure(loaded))} ms, COPY FROM STDIN ${Math.round(copied)} ms`);
        });
      }
      const best = loads.reduce((a, b) => (figure(b) < figure(a) ? b : a));
      const copyMs = Math.min(...copies);
      return {
        rows: this.rows,
        rounds,
        loadRowsPerSecond: (this.rows * 1000) / figure(best),
        copyRowsPerSecond: (this.rows * 1000) / copyMs,
        ratio: copyMs / figure(best),
        medianRatio: median(copies) / median(loads.map(figure)),
        byStep: best,
        copyMs,
      };
    } finally {
      await client.end();
      lambda.destroy();
    }
  }

  /** What the transform writes of a seeded report without bad rows. */
  private async csv(): Promise<string> {
    const lines = openStock('load', '2026-01-01', this.rows).map((line) =>
      csvLine([
        line.sku,
        line.style,
        line.description ?? '',
        line.category,
        line.colour ?? '',
        line.size ?? '',
        line.location,
        String(line.onHand),
        String(line.reserved),
        (line.unitPrice / 100).toFixed(2),
        line.availableFrom ?? '',
        String(line.discontinued),
      ]),
    );
    return csvLine(inventoryLayout.columns.map(({ name }) => name)) + lines.join('');
  }

  /** The peer. @returns milliseconds */
  private async copy(client: pg.Client): Promise<number> {
    await client.query('DROP TABLE IF EXISTS public.copied');
    await client.query('BEGIN');
    await client.query('CREATE UNLOGGED TABLE public.copied (LIKE fashion.report_template)');
    const begun = performance.now();
    const copied = client.query(copyFrom('COPY public.copied FROM STDIN (FORMAT csv, HEADER)'));
    await pipeline(createReadStream(this.file, { highWaterMark: 256 * 1024 }), copied);
    await client.query('COMMIT');
    const ms = performance.now() - begun;
    await this.expectRows(client, 'public.copied');
    return ms;
  }

  /** Milliseconds of each step of one load, of a drop of its own. */
  private async load(
    lambda: LambdaClient,
    client: pg.Client,
    csv: Buffer,
    round: number,
  ): Promise<Record<Step, number>> {
    await client.query('TRUNCATE fashion.position_history');
    await client.query('VACUUM fashion.current_positions');
    const drop: Drop = {
      date: new Date(Date.UTC(2026, 0, 1 + round)).toISOString().slice(0, 10),
      slot: '0600',
      modifiedAt: Date.UTC(2026, 0, 1 + round, 5),
      sha256: createHash('sha256').update(String(round)).digest('hex'),
      fileName: 'inventory.xlsx',
    };
    await putObject(this.lab, csvKey(drop), csv);
    const now = new Date().toISOString();
    const transformed: Transformed = {
      drop,
      transformVersion: 'bench',
      loadKey: loadKey(drop, 'bench'),
      csvKey: csvKey(drop),
      csvBytes: csv.length,
      csvSha256: createHash('sha256').update(csv).digest('hex'),
      rejectedKey: null,
      rowsIn: this.rows,
      rowsOut: this.rows,
      rowsRejected: 0,
      collectedAt: now,
      transformedAt: now,
    };
    const run = randomUUID();
    const steps: Partial<Record<Step, number>> = {};
    let stagedAt: string | null = null;
    for (const step of loadSteps) {
      const begun = performance.now();
      const result = await this.step(lambda, { step, run, transformed, stagedAt });
      steps[step] = performance.now() - begun;
      stagedAt ??= result.detail?.stagedAt ?? null;
    }
    await this.expectRows(client, 'fashion.current_positions');
    await this.expectRows(client, 'fashion.position_history');
    return steps as Record<Step, number>;
  }

  /** As the state machine calls the loader: again while a statement runs, without a wait between. */
  private async step(
    lambda: LambdaClient,
    step: Pick<LoadRequest, 'step' | 'run' | 'stagedAt'> & { transformed: Transformed },
  ): Promise<StepResult> {
    const request: LoadRequest = {
      ...step,
      archiveKey: workbookKey(step.transformed.drop),
      replay: null,
      force: false,
      failures: 0,
      statement: null,
    };
    for (;;) {
      const { FunctionError, Payload } = await lambda.send(
        new InvokeCommand({
          FunctionName: this.lab.lab.resources.get(logicalIdOf(this.lab.lab, 'Load')),
          Payload: JSON.stringify(request),
        }),
      );
      const text = Payload?.transformToString() ?? '';
      const result = JSON.parse(text) as StepResult;
      if (FunctionError || result.status === 'failed') throw new Error(text);
      if (result.status !== 'running') return result;
      request.statement = result.statement;
    }
  }

  private async expectRows(client: pg.Client, table: string): Promise<void> {
    const { rows } = await client.query(`SELECT COUNT(*)::int AS rows FROM ${table}`);
    if (rows[0].rows !== this.rows) throw new Error(`${table} has ${rows[0].rows} rows, not ${this.rows}`);
  }
}
