import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import { S3Client } from '@aws-sdk/client-s3';
import { GetScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  ListExecutionsCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { CollectionInput, ImportInput, Transformed } from '../../domain/fashion/contract.ts';
import { slotInstant } from '../../domain/fashion/drop.ts';
import { fillInSecret, outputOfStack } from '../driven-lab.ts';
import type { DeployedLab, Laptop } from '../laptop.ts';
import { publishReport, type Report } from '../outside/inventory-reports.ts';
import { type SftpServer, startSftpServer } from '../outside/sftp-server.ts';

/** Europe/Paris is the stack's default. */
export const timeZone = 'Europe/Paris';

export interface Execution {
  name: string;
  arn: string;
  status: string;
  input: ImportInput;
  /** Of a loaded drop: what the state machine returned. */
  output: ImportOutput | undefined;
  error: string | undefined;
  cause: string | undefined;
  /** Epoch milliseconds. */
  startedAt: number;
  stoppedAt: number;
}

export interface ImportOutput {
  outcome: 'current' | 'history' | 'already-loaded';
  /** Of a loaded drop. */
  unchanged?: boolean;
  transformed: Transformed;
  stagedAt?: string;
  loadedAt?: string;
}

/** Everything a run or a test does with a deployed fashion lab: the client's side, the schedule, the executions. */
export class FashionDriver {
  readonly lab: DeployedLab;
  readonly sftp: SftpServer;
  readonly served: string;
  readonly password: string;
  readonly s3: S3Client;
  readonly data: RedshiftDataClient;
  readonly sfn: SFNClient;
  private readonly laptop: Laptop;
  private readonly scheduler: SchedulerClient;
  /** Key of the archived workbook by import execution: what an execution was started with never changes. */
  private readonly keys = new Map<string, string>();

  private constructor(laptop: Laptop, lab: DeployedLab, sftp: SftpServer, served: string, password: string) {
    this.laptop = laptop;
    this.lab = lab;
    this.sftp = sftp;
    this.served = served;
    this.password = password;
    this.s3 = new S3Client({ ...laptop.clients, forcePathStyle: true });
    this.sfn = new SFNClient(laptop.clients);
    this.scheduler = new SchedulerClient(laptop.clients);
    this.data = new RedshiftDataClient(lab.dataApi);
  }

  /** Starts the client's SFTP server and fills in the secret that the stack made. */
  static async open(laptop: Laptop, lab: DeployedLab): Promise<FashionDriver> {
    const served = join(laptop.runDirectory.path, 'sftp');
    await mkdir(served, { recursive: true });
    const password = randomBytes(12).toString('hex');
    const sftp = await startSftpServer({ root: served, accounts: [{ username: 'inventory', password }] });
    const driver = new FashionDriver(laptop, lab, sftp, served, password);
    await driver.fillInSecret({});
    return driver;
  }

  /** @param changes fields that differ from what the server wants */
  async fillInSecret(changes: Record<string, unknown>): Promise<void> {
    await fillInSecret(this.laptop, this.output('SftpSecretArn'), {
      host: this.sftp.host,
      port: this.sftp.port,
      username: 'inventory',
      password: this.password,
      hostKey: this.sftp.hostKeyFingerprint,
      directory: '/',
      ...changes,
    });
  }

  output(name: string): string {
    return outputOfStack(this.lab, name);
  }

  /** The client's software writes a report. @returns epoch ms at which it is visible on the server */
  async writeReport(report: Report): Promise<number> {
    await publishReport(this.served, report, timeZone);
    return Date.now();
  }

  /**
   * Does what EventBridge Scheduler does at a slot: starts the target of the schedule with its own input. The emulator
   * fires in UTC only, whatever the schedule's zone.
   *
   * @param changes fields of the input to replace, such as the waits
   */
  async triggerSchedule(
    at: { date: string; slot: string },
    changes: Partial<CollectionInput> = {},
  ): Promise<Execution> {
    const logicalId = Object.entries(this.lab.assembly.template.Resources).find(
      ([id, resource]) => resource.Type === 'AWS::Scheduler::Schedule' && id.startsWith(`At${at.slot}`),
    )?.[0];
    const name = this.lab.resources.get(logicalId ?? '');
    const { Target } = await this.scheduler.send(new GetScheduleCommand({ Name: name }));
    const scheduledAt = new Date(slotInstant(at, timeZone)).toISOString();
    const input = (Target?.Input ?? '{}').replaceAll('<aws.scheduler.scheduled-time>', scheduledAt);
    return this.run(Target?.Arn ?? '', { ...JSON.parse(input), ...changes });
  }

  /** Starts a state machine and waits for its end. */
  async run(stateMachineArn: string, input: unknown, name?: string): Promise<Execution> {
    const { executionArn } = await this.sfn.send(
      new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input), name }),
    );
    return this.ended(executionArn ?? '');
  }

  /** The imports of one archived workbook that were started so far, newest first. */
  async imports(key: string): Promise<string[]> {
    const arns: string[] = [];
    let nextToken: string | undefined;
    do {
      const page = await this.sfn.send(
        new ListExecutionsCommand({ stateMachineArn: this.output('ImportStateMachineArn'), nextToken }),
      );
      for (const { executionArn } of page.executions ?? []) {
        if (!executionArn) continue;
        if (!this.keys.has(executionArn)) {
          const { input } = await this.sfn.send(new DescribeExecutionCommand({ executionArn }));
          this.keys.set(executionArn, (JSON.parse(input ?? '{}') as ImportInput).key);
        }
        if (this.keys.get(executionArn) === key) arns.push(executionArn);
      }
      nextToken = page.nextToken;
    } while (nextToken);
    return arns;
  }

  /** Waits until an event has started the n-th import of this workbook and it has ended. */
  async imported(key: string, count = 1, timeoutMs = 240_000): Promise<Execution> {
    // Looks are close together at first: each lists all executions, and costs the emulator time that they need.
    for (let pause = 25, until = Date.now() + timeoutMs; ; pause = Math.min(pause * 1.4, 250)) {
      const arns = await this.imports(key);
      if (arns.length >= count) {
        const executions = await Promise.all(arns.map((arn) => this.ended(arn)));
        executions.sort((a, b) => a.startedAt - b.startedAt);
        return executions[count - 1] as Execution;
      }
      if (Date.now() > until) throw new Error(`no import of ${key} was started (${arns.length} of ${count})`);
      await sleep(pause);
    }
  }

  async ended(executionArn: string, timeoutMs = 280_000): Promise<Execution> {
    for (let pause = 20, until = Date.now() + timeoutMs; ; pause = Math.min(pause * 1.3, 250)) {
      const execution = await this.sfn.send(new DescribeExecutionCommand({ executionArn }));
      if (execution.status !== 'RUNNING') return describe(execution);
      if (Date.now() > until) throw new Error(`execution ${executionArn} is still running`);
      await sleep(pause);
    }
  }

  async close(): Promise<void> {
    await this.sftp.close();
    for (const client of [this.s3, this.sfn, this.scheduler, this.data]) client.destroy();
  }
}

function describe(execution: DescribeExecutionCommandOutput): Execution {
  return {
    name: execution.name ?? '',
    arn: execution.executionArn ?? '',
    status: execution.status ?? '',
    input: JSON.parse(execution.input ?? '{}'),
    output: execution.output ? JSON.parse(execution.output) : undefined,
    error: execution.error,
    cause: execution.cause,
    startedAt: execution.startDate?.getTime() ?? 0,
    stoppedAt: execution.stopDate?.getTime() ?? 0,
  };
}
