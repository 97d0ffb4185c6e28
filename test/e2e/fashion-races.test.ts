import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type ImportInput, workbookKey } from '../../domain/fashion/contract.ts';
import { transformVersion } from '../../domain/fashion/transform.ts';
import type { Execution } from '../../local/fashion/driver.ts';
import { type MadeDrop, makeDrops } from '../../local/fashion/orders/client.ts';
import {
  differences,
  doubledRows,
  expectedTables,
  type Tables,
} from '../../local/fashion/orders/expected.ts';
import { emptyLab, readTables } from '../../local/fashion/orders/tables.ts';
import { functionProcesses, killFunction, logicalIdOf } from '../../local/function-processes.ts';
import { internalError } from '../../local/proxy/aws-faults.ts';
import type { Fault, FaultEffect, FaultMatch } from '../../local/proxy/faults.ts';
import {
  callerOf,
  type FashionLab,
  importWith,
  noWaits,
  openFashionLab,
  putObject,
  stagingTables,
  statesOf,
} from './fashion-lab.ts';
import { functionSettings } from './function-settings.ts';

let fashion: FashionLab;
/** Three drops that follow one another, each with rows to set aside: 06:00, 18:00 and the next 06:00. */
let morning: MadeDrop;
let evening: MadeDrop;
let nextMorning: MadeDrop;
beforeAll(async () => {
  fashion = await openFashionLab({ hurried: true });
  [morning, evening, nextMorning] = (await makeDrops(14)) as [MadeDrop, MadeDrop, MadeDrop];
});
afterAll(async () => {
  await fashion?.close();
});
beforeEach(() => emptyLab(fashion));
afterEach(() => fashion.laptop.proxy.faults.clear());

const dataApi = 'redshift-data';
/** Of a load: the first batch of statements is its COPY, the second its swap. */
const copyCall = { service: dataApi, operation: 'BatchExecuteStatement', times: 1 } as const;
const swapCall = { ...copyCall, after: 1 } as const;
const manifestRead = { service: 's3', operation: 'GetObject', resource: /\/manifest\//, times: 1 } as const;

const hold = (match: FaultMatch): Fault => fashion.laptop.proxy.faults.add(match, { kind: 'hold' });

interface Arrival {
  /** Its import, as soon as it has begun. */
  begun: Promise<string>;
  ended: Promise<Execution>;
}

/** Puts a drop into the archive. */
async function arrive(drop: MadeDrop): Promise<Arrival> {
  const { driver } = fashion;
  const key = workbookKey(drop);
  // Tests share drops: imports of it that there were before do not count.
  const before = (await driver.imports(key)).length;
  await putObject(fashion, key, drop.content.bytes);
  const begin = async (): Promise<string> => {
    for (;;) {
      const [newest, ...others] = await driver.imports(key);
      if (newest && others.length >= before) return newest;
      await sleep(20);
    }
  };
  const begun = begin();
  return { begun, ended: begun.then((arn) => driver.ended(arn)) };
}

/** Ends the processes of a function of this laptop. */
function kill(name: 'Transform' | 'Load'): void {
  const logicalId = logicalIdOf(fashion.lab, name);
  expect(functionProcesses(fashion.laptop, fashion.lab, logicalId).length).toBeGreaterThan(0);
  expect(killFunction(fashion.laptop, fashion.lab, logicalId)).toBeGreaterThan(0);
}

const tablesOf = (...drops: MadeDrop[]): Tables => expectedTables(drops, transformVersion, workbookKey);

/** Every row of every table is there, and once: distinct rows in = loaded + set aside. */
async function expectTablesOf(...drops: MadeDrop[]): Promise<void> {
  const found = await readTables(fashion, drops);
  expect(differences(tablesOf(...drops), found)).toEqual([]);
  expect(doubledRows(found)).toBe(0);
  const rowsIn = drops.reduce((sum, { content }) => sum + content.good.length + content.bad.length, 0);
  expect(found.position_history.length + found.set_aside.length).toBe(rowsIn);
}

/** A transaction that keeps every swap waiting until it is ended. */
async function blockSwaps(): Promise<{ waiting(): Promise<number>; end(): Promise<void> }> {
  const blocker = await fashion.connect();
  await blocker.query('BEGIN');
  await blocker.query('LOCK TABLE fashion.load_lock');
  return {
    async waiting() {
      for (;;) {
        const { rows } = await blocker.query(
          "SELECT pid FROM pg_locks WHERE relation = 'fashion.load_lock'::regclass AND NOT granted",
        );
        if (rows[0]) return rows[0].pid;
        await sleep(20);
      }
    },
    end: () => blocker.end(),
  };
}

/** Ends a session, and waits until it is gone: what holds of sessions afterwards holds of others. */
async function terminate(pid: number): Promise<void> {
  const [ended] = await fashion.query(`SELECT pg_terminate_backend(${pid}, 120000) AS done`);
  expect(ended).toEqual({ done: true });
}

/** Waits until an execution has entered a state. */
async function entered(arn: string, state: string): Promise<void> {
  while (!(await statesOf(fashion, arn))[state]) await sleep(30);
}

/** How often an execution tried each step: a call that goes on waiting for a statement tries nothing anew. */
async function triesOf({ arn }: Execution): Promise<Record<string, number>> {
  const states = await statesOf(fashion, arn);
  return Object.fromEntries(
    Object.entries(states).map(([name, count]) => [name, count - (states[`WaitFor${name}`] ?? 0)]),
  );
}

/** Runs something while the loader is configured otherwise. */
async function withLoader<T>(
  variables: Record<string, string>,
  timeout: number | undefined,
  run: () => Promise<T>,
) {
  const loader = await functionSettings(fashion, 'Load');
  await loader.set(variables, timeout);
  try {
    return await run();
  } finally {
    await loader.reset();
    loader.close();
  }
}

describe('a function that is killed', () => {
  it('between COPY and swap: the next one swaps what was staged, and the drop is loaded once', async () => {
    const swap = hold(swapCall);
    const { ended } = await arrive(morning);
    await swap.reached();
    expect(await stagingTables(fashion)).toHaveLength(1);
    kill('Load');
    const execution = await ended;
    expect(execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
    expect(await triesOf(execution)).toMatchObject({ Stage: 1, Publish: 2 });
    await expectTablesOf(morning);
  });

  it('when the swap is handed in and its result not known: the same statement is found again, not run again', async () => {
    const swaps = await blockSwaps();
    const { ended } = await arrive(morning);
    await swaps.waiting();
    kill('Load');
    await swaps.end();
    const execution = await ended;
    // Run once more it would fail: the staging table goes with the swap.
    expect(execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
    expect(await triesOf(execution)).toMatchObject({ Stage: 1, Publish: 2 });
    await expectTablesOf(morning);
  });

  it('when the COPY is handed in and its result not known: it is waited for, and copies once', async () => {
    const reading = hold(manifestRead);
    const { ended } = await arrive(morning);
    await reading.reached();
    kill('Load');
    reading.release();
    const execution = await ended;
    expect(execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
    expect(await triesOf(execution)).toMatchObject({ Transform: 1, Stage: 2, Publish: 1 });
    expect(reading.hits).toBe(1);
    await expectTablesOf(morning);
  });

  it('while it writes the CSV: the next one writes it whole', async () => {
    const writing = hold({ caller: callerOf(fashion, 'Transform'), operation: 'PutObject', times: 1 });
    const { ended } = await arrive(morning);
    await writing.reached();
    kill('Transform');
    const execution = await ended;
    expect(execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
    expect(await triesOf(execution)).toMatchObject({ Transform: 2, Stage: 1 });
    await expectTablesOf(morning);
  });
});

describe('a replay while a load runs', () => {
  const replay = (drop: MadeDrop): Promise<Execution> =>
    fashion.driver.run(fashion.driver.output('ImportStateMachineArn'), {
      bucket: fashion.driver.output('ArchiveBucketName'),
      key: workbookKey(drop),
      arrivedAt: new Date().toISOString(),
      from: 'xlsx',
      replay: 'meanwhile',
      force: false,
      attempts: 5,
      waits: noWaits,
    } satisfies ImportInput);

  it('of the same drop: whoever comes second changes nothing', async () => {
    const swap = hold(swapCall);
    const { ended } = await arrive(morning);
    await swap.reached();
    expect(await replay(morning)).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
    swap.release();
    expect(await ended).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
    await expectTablesOf(morning);
  });

  it('of another drop: the newer one is current, and both are in the history', async () => {
    await (await arrive(morning)).ended;
    const swap = hold(swapCall);
    const { ended } = await arrive(evening);
    await swap.reached();
    expect(await replay(morning)).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
    swap.release();
    expect(await ended).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
    await expectTablesOf(morning, evening);
  });

  it('that is overtaken by a newer drop goes to the history', async () => {
    await (await arrive(morning)).ended;
    const swap = hold(swapCall);
    const replayed = replay(morning);
    await swap.reached();
    expect((await (await arrive(evening)).ended).output?.outcome).toBe('current');
    swap.release();
    expect(await replayed).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'history' } });
    await expectTablesOf(morning, evening);
  });
});

describe('the 18:00 report arrives while the 06:00 one is still being loaded', () => {
  it('and is done first: it is current, and the 06:00 one goes to the history', async () => {
    const swap = hold(swapCall);
    const early = await arrive(morning);
    await swap.reached();
    expect((await (await arrive(evening)).ended).output?.outcome).toBe('current');
    swap.release();
    expect((await early.ended).output?.outcome).toBe('history');
    await expectTablesOf(morning, evening);
  });

  it('and is done second: it is current all the same', async () => {
    const first = hold(swapCall);
    const early = await arrive(morning);
    await first.reached();
    const second = hold(swapCall);
    const late = await arrive(evening);
    await second.reached();
    first.release();
    expect((await early.ended).output?.outcome).toBe('current');
    second.release();
    expect((await late.ended).output?.outcome).toBe('current');
    await expectTablesOf(morning, evening);
  });
});

describe('a statement of the warehouse', () => {
  it('whose session breaks within the COPY is handed in anew, and the drop is loaded once', async () => {
    const reading = hold(manifestRead);
    const { ended } = await arrive(morning);
    await reading.reached();
    const [session] = await fashion.query<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'redshift-data' AND state = 'idle in transaction'",
    );
    await terminate(session?.pid ?? 0);
    reading.release();
    const execution = await ended;
    expect(execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
    expect(await triesOf(execution)).toMatchObject({ Stage: 2, Publish: 1 });
    await expectTablesOf(morning);
  });

  it('whose session breaks within the swap leaves the shop what it had, is handed in anew, and swaps once', async () => {
    await (await arrive(morning)).ended;
    const swaps = await blockSwaps();
    const { ended } = await arrive(evening);
    await terminate(await swaps.waiting());
    // The second try waits for the same lock: what the shop reads meanwhile is the report before.
    await swaps.waiting();
    const { current_positions } = await readTables(fashion, [morning]);
    expect(current_positions).toEqual(tablesOf(morning).current_positions);
    await swaps.end();
    const execution = await ended;
    expect(execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
    expect(await triesOf(execution)).toMatchObject({ Stage: 1, Publish: 2 });
    await expectTablesOf(morning, evening);
  });

  it('that fails whenever it is tried fails the import by name, publishes nothing, and loads when it is mended', async () => {
    await (await arrive(morning)).ended;
    await fashion.query('ALTER TABLE fashion.load_ledger RENAME COLUMN archive_key TO renamed');
    try {
      const failed = await (await arrive(evening)).ended;
      expect(failed).toMatchObject({ status: 'FAILED', error: 'WarehouseStatementFailed' });
      expect(failed.cause).toContain('archive_key');
      expect(await triesOf(failed)).toMatchObject({ Publish: 5, Discard: 1 });
    } finally {
      await fashion.query('ALTER TABLE fashion.load_ledger RENAME COLUMN renamed TO archive_key');
    }
    // Its bad rows are set aside already: the transform was done.
    const { set_aside } = tablesOf(morning, evening);
    expect(
      differences({ ...tablesOf(morning), set_aside }, await readTables(fashion, [morning, evening])),
    ).toEqual([]);
    expect((await (await arrive(evening)).ended).output?.outcome).toBe('current');
    await expectTablesOf(morning, evening);
  });

  it('that outlasts the patience of the function is waited for by the state machine, the swap too', async () => {
    await withLoader({ STATEMENT_PATIENCE_SECONDS: '0.1' }, undefined, async () => {
      const swaps = await blockSwaps();
      const { begun, ended } = await arrive(morning);
      await swaps.waiting();
      await entered(await begun, 'WaitForPublish');
      await swaps.end();
      const execution = await ended;
      expect(execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
      const { WaitToRetry = 0, Publish } = await triesOf(execution);
      expect({ WaitToRetry, Publish }).toEqual({ WaitToRetry: 0, Publish: 1 });
    });
    await expectTablesOf(morning);
  });

  it('whose call times out is handed in again under its token, and runs once', async () => {
    await withLoader({}, 3, async () => {
      const swaps = await blockSwaps();
      const handedIn = fashion.laptop.proxy.faults.add(
        { ...copyCall, times: undefined },
        { kind: 'delay', ms: 0 },
      );
      // On a slow machine more calls than that of the swap time out: more attempts than an arrival gives an import.
      const running = importWith(fashion, morning.content.bytes, workbookKey(morning), { attempts: 100 });
      await swaps.waiting();
      // The COPY is done by now: the next batch is the swap again, after the function's time-out.
      await handedIn.reached(handedIn.hits + 1);
      await swaps.end();
      const execution = await running;
      expect(execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
      expect((await triesOf(execution)).Publish).toBeGreaterThan(1);
    });
    await expectTablesOf(morning);
  });
});

describe('the warehouse is away', () => {
  /** How often the SDK calls in an attempt that fails so. */
  const refusals: [string, FaultEffect, number][] = [
    [
      'the Data API does not find the workgroup',
      {
        kind: 'refuse',
        status: 400,
        code: 'ResourceNotFoundException',
        message: 'The workgroup is not found.',
      },
      1,
    ],
    ['the Data API has an error of its own', internalError, 3],
    [
      'the workgroup is being resumed',
      {
        kind: 'refuse',
        status: 400,
        code: 'ValidationException',
        message: 'The workgroup is not available.',
      },
      1,
    ],
    ['nobody answers', { kind: 'cut', at: 'before' }, 3],
  ];
  it.each(refusals)(
    '%s: the import waits its attempts out and loads when it is back',
    async (_what, effect, calls) => {
      // For three attempts and not for a time: the five that there are come as fast as the machine lets them.
      const away = fashion.laptop.proxy.faults.add({ service: dataApi, times: 3 * calls }, effect);
      const execution = await (await arrive(morning)).ended;
      expect(execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
      expect(away.hits).toBe(3 * calls);
      const tries = await triesOf(execution);
      expect(tries).toMatchObject({ WaitToRetry: 3, Transform: 1, Check: 4, Stage: 1, Publish: 1 });
      await expectTablesOf(morning);
    },
  );

  it('the database takes no connections: its statements fail, and the drop loads when it does again', async () => {
    const { host, port, user, password } = fashion.laptop.postgres;
    const database = fashion.lab.assembly.workgroups[0]?.database;
    // A database cannot close itself.
    const operator = new pg.Client({ host, port, user, password, database: 'postgres' });
    await operator.connect();
    // The third try of the first statement is held until the database is back.
    const third = hold({ service: dataApi, operation: 'ExecuteStatement', after: 2, times: 1 });
    let ended: Promise<Execution> | undefined;
    try {
      await operator.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
      ({ ended } = await arrive(morning));
      await third.reached();
    } finally {
      await operator.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS true`);
      await operator.end();
    }
    third.release();
    const execution = await ended;
    expect(execution).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
    expect(await triesOf(execution)).toMatchObject({ WaitToRetry: 2, Check: 3, Stage: 1, Publish: 1 });
    await expectTablesOf(morning);
  });

  it('for a minute: the attempts that the stack hands in with every arrival wait longer than that', () => {
    const path = join(process.env.LABS_ASSEMBLY ?? '', 'FashionInventory.template.json');
    const { Resources } = JSON.parse(readFileSync(path, 'utf8'));
    const inputs = (
      Object.values(Resources) as {
        Type: string;
        Properties: { Targets?: { InputTransformer?: { InputTemplate: string } }[] };
      }[]
    )
      .filter(({ Type }) => Type === 'AWS::Events::Rule')
      .flatMap(({ Properties }) => Properties.Targets ?? [])
      .flatMap(({ InputTransformer }) => InputTransformer?.InputTemplate ?? [])
      .map((text) => JSON.parse(text.replaceAll(/<[^>]+>/g, '""')) as ImportInput);
    expect(inputs).toHaveLength(1);
    for (const { attempts, waits } of inputs)
      expect((attempts - 1) * waits.retrySeconds).toBeGreaterThanOrEqual(120);
  });
});

it('three reports at the same moment: each is loaded once, and the newest is current', async () => {
  const arrivals = await Promise.all([nextMorning, morning, evening].map(arrive));
  const outcomes = await Promise.all(arrivals.map(async ({ ended }) => (await ended).status));
  expect(outcomes).toEqual(['SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED']);
  await expectTablesOf(morning, evening, nextMorning);
});
