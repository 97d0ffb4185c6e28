import { randomUUID } from 'node:crypto';
import { DeleteItemCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import {
  type CollectRequest,
  type CollectResult,
  correctionsKey,
  type LoadRequest,
  type LoadResult,
  type RecoverRequest,
  type RecoverResult,
  type Transformed,
  type TransformRequest,
} from '../../domain/fashion/contract.ts';
import { correctionsCsv, correctionsHash } from '../../domain/fashion/corrections.ts';
import { parseQuarantine } from '../../domain/fashion/quarantine.ts';
import { makeReport } from '../../local/outside/inventory-reports.ts';
import { type FashionLab, noWaits, putObject } from './fashion-lab.ts';
import { FunctionCaller } from './function-caller.ts';
import type { Scenario, Scenarios } from './grants-suite.ts';

/** A drop that the lab has archived, transformed and loaded. */
interface LoadedDrop {
  /** Key of its workbook. */
  key: string;
  transformed: Transformed;
}

const slots = ['0600', '1800'];
let reports = 0;

/** A small report that is on the SFTP server for the first time, one of its rows wrong. */
async function writeNewReport(fashion: FashionLab) {
  const day = String(1 + (reports >> 1)).padStart(2, '0');
  const slot = slots[reports++ % 2] as string;
  const report = await makeReport({ seed: 'grants', date: `2026-11-${day}`, slot, rows: 20 });
  await fashion.driver.writeReport(report);
  return report;
}

/** From the SFTP server to SQL, by the state machines. Every role of the lab takes part. */
async function wholeRun(fashion: FashionLab): Promise<LoadedDrop> {
  const report = await writeNewReport(fashion);
  const collection = await fashion.driver.triggerSchedule(report, { looks: 1, attempts: 1, waits: noWaits });
  if (collection.status !== 'SUCCEEDED') throw new Error(`${collection.error}: ${collection.cause}`);
  const { collected } = collection.output as unknown as CollectResult;
  const key = collected.at(-1)?.key ?? '';
  const execution = await fashion.driver.imported(key);
  if (!execution.output) throw new Error(`${execution.error}: ${execution.cause}`);
  return { key, transformed: execution.output.transformed };
}

/** The smallest runs that together use every grant of each function of the fashion lab. */
export class FashionScenarios implements Scenarios {
  private readonly fashion: FashionLab;
  private readonly drop: LoadedDrop;
  private readonly functions: FunctionCaller;
  private readonly dynamo: DynamoDBClient;
  /** True while a report waits on the SFTP server that no run could collect. */
  private waiting = false;

  static async open(fashion: FashionLab): Promise<FashionScenarios> {
    return new FashionScenarios(fashion, await wholeRun(fashion));
  }

  private constructor(fashion: FashionLab, drop: LoadedDrop) {
    this.fashion = fashion;
    this.drop = drop;
    this.functions = new FunctionCaller(fashion.laptop, fashion.lab);
    this.dynamo = new DynamoDBClient(fashion.laptop.clients);
  }

  readonly wholeRun = () => wholeRun(this.fashion);

  readonly of: Readonly<Record<string, readonly Scenario[]>> = (() => {
    const loads = [
      { name: 'load a drop', run: () => this.load() },
      { name: 'stage a replay', run: () => this.stageReplay() },
    ];
    return {
      Collect: [{ name: 'collect a new report', run: () => this.collect() }],
      Recover: [{ name: 'start an import again', run: () => this.recover() }],
      Transform: [
        { name: 'transform an arrived workbook', run: () => this.transform('xlsx', null) },
        { name: 'transform it again for a replay', run: () => this.transform('xlsx', replayId()) },
        {
          name: 'transform it again with corrections',
          run: async () => this.transform('xlsx', replayId(), await this.archiveCorrections()),
        },
        { name: 'count the archived CSV for a replay', run: () => this.transform('csv', replayId()) },
      ],
      Load: loads,
      WarehouseCopyRole: loads,
    };
  })();

  /** One step of the loader, until the warehouse has ended it. @throws Error with the warehouse's error */
  private async loadStep(
    request: Partial<LoadRequest> & Pick<LoadRequest, 'step' | 'run'>,
  ): Promise<LoadResult> {
    const whole: LoadRequest = {
      transformed: this.drop.transformed,
      archiveKey: this.drop.key,
      replay: null,
      force: false,
      stagedAt: null,
      failures: 0,
      statement: null,
      ...request,
    };
    const result = await this.functions.invoke<LoadResult>('Load', whole);
    if (result.status === 'running') return this.loadStep({ ...whole, statement: result.statement });
    if (result.status === 'failed') throw new Error(result.error ?? '');
    return result;
  }

  close(): void {
    this.functions.close();
    this.dynamo.destroy();
  }

  private async collect(): Promise<void> {
    if (!this.waiting) await writeNewReport(this.fashion);
    this.waiting = true;
    const look = () =>
      this.functions.invoke<CollectResult>('Collect', {
        scheduledAt: null,
        settleSeconds: 0,
        rehashSeconds: 0,
      } satisfies CollectRequest);
    await look(); // the first one only notes what it sees
    const { collected } = await look();
    this.waiting = false;
    // Their imports end before the next grant is taken away.
    for (const { key } of collected) await this.fashion.driver.imported(key);
  }

  /** Of a drop whose import has said nothing of itself, as if its event had been lost. */
  private async recover(): Promise<void> {
    const { driver, lab } = this.fashion;
    const notes = [...lab.resources.keys()].find((id) => id.startsWith('ImportNotes')) ?? '';
    await this.dynamo.send(
      new DeleteItemCommand({ TableName: lab.resources.get(notes), Key: { key: { S: this.drop.key } } }),
    );
    const before = (await driver.imports(this.drop.key)).length;
    const { restarted } = await this.functions.invoke<RecoverResult>('Recover', {
      collection: randomUUID(),
      afterSeconds: 0,
      withinSeconds: 86_400,
      atMost: 100,
    } satisfies RecoverRequest);
    if (!restarted.includes(this.drop.key)) throw new Error(`only ${restarted} were started again`);
    await driver.imported(this.drop.key, before + 1);
  }

  /** Of the rows of the drop that were set aside; put into the archive as a person at a terminal does. */
  private async archiveCorrections(): Promise<string> {
    const { drop, rejectedKey } = this.drop.transformed;
    const Bucket = this.fashion.driver.output('ArchiveBucketName');
    const { Body } = await this.fashion.driver.s3.send(
      new GetObjectCommand({ Bucket, Key: rejectedKey ?? '' }),
    );
    const quarantine = parseQuarantine((await Body?.transformToString()) ?? '');
    const csv = correctionsCsv(
      new Map(
        [...quarantine.values()].map(({ row, raw: before }) => [
          row,
          { row, before, after: { ...before, description: 'corrected' } },
        ]),
      ),
    );
    const key = correctionsKey(drop, correctionsHash(csv));
    await putObject(this.fashion, key, csv);
    return key;
  }

  private transform(
    from: TransformRequest['from'],
    replay: string | null,
    corrections?: string,
  ): Promise<Transformed> {
    const request: TransformRequest = {
      bucket: this.fashion.driver.output('ArchiveBucketName'),
      key: this.drop.key,
      from,
      replay,
      corrections,
      arrivedAt: this.drop.transformed.collectedAt,
    };
    return this.functions.invoke('Transform', request);
  }

  private async load(): Promise<void> {
    const run = randomUUID();
    await this.loadStep({ step: 'check', run });
    const { detail } = await this.loadStep({ step: 'stage', run });
    await this.loadStep({ step: 'reconcile', run });
    await this.loadStep({ step: 'publish', run, stagedAt: detail?.stagedAt ?? null });
  }

  /** What is different in a replay: its manifest is below `replay/`. */
  private async stageReplay(): Promise<void> {
    const run = randomUUID();
    await this.loadStep({ step: 'stage', run, replay: replayId() });
    await this.loadStep({ step: 'discard', run });
  }
}

const replayId = () => `grants-${randomUUID()}`;
