import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeExecutionCommand, ListExecutionsCommand } from '@aws-sdk/client-sfn';
import type { CollectionInput, ImportInput } from '../../../domain/fashion/contract.ts';
import { workbookKey } from '../../../domain/fashion/contract.ts';
import { slotInstant } from '../../../domain/fashion/drop.ts';
import { transformVersion } from '../../../domain/fashion/transform.ts';
import { publishReport } from '../../outside/inventory-reports.ts';
import { randomOf } from '../../outside/random.ts';
import { timeZone } from '../driver.ts';
import { type FashionLab, noWaits, putObject } from '../lab.ts';
import { type MadeDrop, makeDrops } from './client.ts';
import { differences, doubledRows, expectedTables, lostRows, type Tables } from './expected.ts';
import { type FaultName, type Injected, inject } from './faults.ts';
import { type Action, type Group, makePlan } from './plan.ts';
import { emptyLab, readTables, workbookVersions } from './tables.ts';

/** What an order came to. Rows count each content once a slot. */
export interface OrderResult {
  seed: number;
  permutation: number;
  drops: number;
  /** Imports that were started, by events and by hand. */
  executions: number;
  /** Imports and collections that a person started again, as the runbook says, because a fault outlasted the attempts. */
  startedAgain: number;
  /** How often each kind of fault struck. */
  faults: Partial<Record<FaultName, number>>;
  rowsIn: number;
  loaded: number;
  setAside: number;
  lost: number;
  twice: number;
  tables: Tables;
  /** What is not as the drops alone say, in words; none when all is well. */
  differences: string[];
}

export interface OrderOptions {
  /** Another order of the same drops, without faults; 0 is the one with faults. @default 0 */
  permutation?: number;
  signal?: AbortSignal;
}

/** A group that has not come to rest by then never will, on a busy machine neither. */
const patienceMs = 300_000;
const attempts = 5;

/** Runs one order on a lab that nothing else works on, and compares every row of its tables with what the drops say. */
export async function runOrder(
  fashion: FashionLab,
  seed: number,
  { permutation = 0, signal }: OrderOptions = {},
): Promise<OrderResult> {
  const drops = await makeDrops(seed);
  await emptyLab(fashion);
  const run = new OrderRun(fashion, drops, signal);
  await run.begin();
  const random = randomOf(seed, `faults ${permutation}`);
  try {
    for (const group of makePlan(seed, drops, permutation)) {
      await run.group(group, (name) => inject(name, fashion, random));
    }
  } finally {
    fashion.laptop.proxy.faults.clear();
    fashion.driver.sftp.heal();
  }
  const expected = expectedTables(drops, transformVersion, workbookKey);
  const found = await readTables(fashion, drops);
  const wrong = [...run.wrong(), ...differences(expected, found)];
  const sum = (column: number) =>
    found.load_ledger.reduce((total, row) => total + Number(JSON.parse(row).at(column)), 0);
  const counts = { rowsIn: sum(-3), loaded: found.position_history.length, setAside: sum(-1) };
  if (counts.rowsIn !== counts.loaded + counts.setAside)
    wrong.push(`rows in ${counts.rowsIn} are not loaded ${counts.loaded} + set aside ${counts.setAside}`);
  return {
    seed,
    permutation,
    drops: drops.length,
    executions: run.executions,
    startedAgain: run.startedAgain,
    faults: run.faults,
    ...counts,
    lost: lostRows(expected, found),
    twice: doubledRows(found),
    tables: found,
    differences: wrong,
  };
}

/** An import as it ended, or as it runs. */
interface Import {
  key: string;
  status: string;
  error: string | undefined;
}

/** Of executions that we start ourselves: their actions wait for them, so that they are not counted twice. */
const ownPrefix = 'order-';

class OrderRun {
  startedAgain = 0;
  readonly faults: Partial<Record<FaultName, number>> = {};
  private readonly fashion: FashionLab;
  private readonly drops: readonly MadeDrop[];
  private readonly signal: AbortSignal | undefined;
  /** The newest import before this order. */
  private before: string | undefined;
  private readonly imports = new Map<string, Import>();

  constructor(fashion: FashionLab, drops: readonly MadeDrop[], signal: AbortSignal | undefined) {
    this.fashion = fashion;
    this.drops = drops;
    this.signal = signal;
  }

  get executions(): number {
    return this.imports.size;
  }

  async begin(): Promise<void> {
    const [newest] = await this.listed(1);
    this.before = newest?.arn;
  }

  /** All actions of a group at the same time, under its faults; then without faults whatever they kept from being done. */
  async group({ actions, faults }: Group, injected: (name: FaultName) => Injected): Promise<void> {
    const active = faults.map((name) => ({ name, fault: injected(name) }));
    const ended = new Set<string>([...this.imports.keys()]);
    const failed: Action[] = [];
    try {
      failed.push(...(await this.together(actions, () => active.map(({ fault }) => fault))));
    } finally {
      for (const { name, fault } of active) {
        await fault.end();
        this.faults[name] = (this.faults[name] ?? 0) + fault.hits();
      }
    }
    await this.mend(failed, ended);
  }

  /** What is not as it must be after the last group. */
  wrong(): string[] {
    return this.drops.flatMap((drop) => {
      const key = workbookKey(drop);
      const all = [...this.imports.values()].filter((each) => each.key === key);
      const { refused } = drop.content;
      if (!refused)
        return all.some(({ status }) => status === 'SUCCEEDED') ? [] : [`no import of ${key} succeeded`];
      if (all.some(({ status }) => status === 'SUCCEEDED')) return [`${key} was loaded, and is ${refused}`];
      return all.some(({ error }) => error === refused) ? [] : [`no import of ${key} failed as ${refused}`];
    });
  }

  /** Starts them at once and waits until nothing runs that is not held by a fault. @returns those that failed */
  private async together(actions: readonly Action[], faults: () => Injected[] = () => []): Promise<Action[]> {
    const failed: Action[] = [];
    let open = 0;
    const broken: unknown[] = [];
    for (const action of actions) {
      open += 1;
      this.do(action)
        .then((ok) => {
          if (!ok) failed.push(action);
        })
        .catch((error) => broken.push(error))
        .finally(() => {
          open -= 1;
        });
    }
    for (const until = Date.now() + patienceMs; ; await sleep(80, undefined, { signal: this.signal })) {
      if (broken.length > 0) throw broken[0];
      if (Date.now() > until) throw new Error(`executions did not end within ${patienceMs / 1000} s`);
      const holding = faults().filter((fault) => fault.held() > 0);
      // Each look at the events costs the emulator time: none while it is known that something still goes on.
      if (open > holding.length) continue;
      const stillOpen = open;
      const busy = stillOpen + (await this.running());
      if (busy === 0) return failed;
      // Nothing else goes on: now the ones that were held do.
      if (busy <= holding.length) for (const fault of holding) fault.release();
    }
  }

  /** As the runbook says: collect again, put the workbook back, run the replay again. */
  private async mend(failed: readonly Action[], before: ReadonlySet<string>): Promise<void> {
    let seen = before;
    let again = [...failed];
    for (let round = 0; ; round += 1) {
      const broken = new Set(
        [...this.imports]
          .filter(([arn, { status }]) => !seen.has(arn) && status !== 'SUCCEEDED')
          .filter(([, { key, error }]) => error !== this.dropOf(key)?.content.refused)
          .map(([, { key }]) => key),
      );
      for (const key of broken) {
        const drop = this.drops.findIndex((each) => workbookKey(each) === key);
        // A replay that failed is run again instead.
        if (!again.some((action) => action.what === 'is replayed' && action.drop === drop))
          again.push({ what: 'is put back', drop });
      }
      if (again.length === 0) return;
      if (round === 2)
        throw new Error(`without any fault these fail: ${again.map((action) => JSON.stringify(action))}`);
      this.startedAgain += again.length;
      seen = new Set(this.imports.keys());
      again = await this.together(again);
    }
  }

  private dropOf(key: string): MadeDrop | undefined {
    return this.drops.find((drop) => workbookKey(drop) === key);
  }

  /** @returns false when its execution failed and no import shows it */
  private async do(action: Action): Promise<boolean> {
    const { fashion } = this;
    const { driver } = fashion;
    const drop = this.drops[action.drop] as MadeDrop;
    const key = workbookKey(drop);
    switch (action.what) {
      case 'arrives': {
        if (action.by === 'archive') {
          await putObject(fashion, key, drop.content.bytes);
          return true;
        }
        const writtenAfterMs = drop.modifiedAt - slotInstant(drop, timeZone);
        const { bytes } = drop.content;
        await publishReport(driver.served, { ...drop, name: drop.fileName, bytes, writtenAfterMs }, timeZone);
        const input = { looks: 100, attempts, waits: noWaits } satisfies Partial<CollectionInput>;
        const { status } = await driver.triggerSchedule(drop, input);
        return status === 'SUCCEEDED';
      }
      case 'is put back':
        await putObject(fashion, key, drop.content.bytes);
        return true;
      case 'is told again':
        await this.start({ key, from: 'xlsx', replay: null });
        return true;
      case 'is replayed':
        return (await this.start({ key, from: action.from, replay: randomUUID() })) === 'SUCCEEDED';
    }
  }

  private async start(changes: Pick<ImportInput, 'key' | 'from' | 'replay'>): Promise<string> {
    const { driver } = this.fashion;
    const input: ImportInput = {
      bucket: driver.output('ArchiveBucketName'),
      arrivedAt: new Date().toISOString(),
      force: false,
      attempts,
      waits: noWaits,
      ...changes,
    };
    const name = `${ownPrefix}${randomUUID()}`;
    return (await driver.run(driver.output('ImportStateMachineArn'), input, name)).status;
  }

  /** Imports by events that run, or are still to begin. */
  private async running(): Promise<number> {
    // Versions first: an import that begins in between is then found, not missed.
    const due = await workbookVersions(this.fashion);
    const { sfn } = this.fashion.driver;
    let running = 0;
    for (const { arn, name, status } of await this.listed(100)) {
      let known = this.imports.get(arn);
      if (!known || (known.status === 'RUNNING' && status !== 'RUNNING')) {
        const {
          input,
          error,
          status: now = '',
        } = await sfn.send(new DescribeExecutionCommand({ executionArn: arn }));
        known = { key: (JSON.parse(input ?? '{}') as ImportInput).key, status: now, error };
        this.imports.set(arn, known);
      }
      if (name.startsWith(ownPrefix)) continue;
      if (known.status === 'RUNNING') running += 1;
      due.set(known.key, (due.get(known.key) ?? 0) - 1);
    }
    for (const count of due.values()) running += Math.max(0, count);
    return running;
  }

  /** The imports of this order, newest first. */
  private async listed(pageSize: number): Promise<{ arn: string; name: string; status: string }[]> {
    const { driver } = this.fashion;
    const found: { arn: string; name: string; status: string }[] = [];
    let nextToken: string | undefined;
    do {
      const page = await driver.sfn.send(
        new ListExecutionsCommand({
          stateMachineArn: driver.output('ImportStateMachineArn'),
          maxResults: pageSize,
          nextToken,
        }),
      );
      for (const { executionArn: arn = '', name = '', status = '' } of page.executions ?? []) {
        if (arn === this.before) return found;
        found.push({ arn, name, status });
      }
      // The first look asks for one alone, to know where the order begins.
      nextToken = pageSize === 1 ? undefined : page.nextToken;
    } while (nextToken);
    return found;
  }
}
