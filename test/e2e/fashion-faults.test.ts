import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeStatementCommand,
  ExecuteStatementCommand,
  RedshiftDataClient,
} from '@aws-sdk/client-redshift-data';
import type { Execution } from '../../local/fashion/driver.ts';
import { answerLost, slowDown, throttled } from '../../local/proxy/aws-faults.ts';
import type { Fault, FaultEffect, FaultMatch } from '../../local/proxy/faults.ts';
import { header, inventoryRow, workbookOf } from '../domain/fashion/workbooks.ts';
import {
  archivedAs,
  calendar,
  callerOf,
  currentStock,
  type FashionLab,
  historyOf,
  importDrop,
  importWith,
  keysBelow,
  ledgerOf,
  listenToResults,
  noWaits,
  openFashionLab,
  type ResultListener,
  stagingTables,
  statesOf,
  stockOf,
} from './fashion-lab.ts';
import { functionSettings } from './function-settings.ts';

let fashion: FashionLab;
let results: ResultListener;
let load: string;
let transform: string;
beforeAll(async () => {
  fashion = await openFashionLab();
  results = await listenToResults(fashion);
  load = callerOf(fashion, 'Load');
  transform = callerOf(fashion, 'Transform');
});
afterAll(async () => {
  results?.close();
  await fashion?.close();
});
afterEach(() => fashion.laptop.proxy.faults.clear());

const nextDay = calendar('2026-11-20');
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('a refused workbook', () => {
  const refusals: [string, string, () => Promise<Uint8Array>][] = [
    ['that is no zip', 'WorkbookUnreadable', async () => Buffer.from('SKU;Style;On hand\n')],
    [
      'that lacks a column',
      'ColumnMissing',
      () => workbookOf([header.slice(0, -1), inventoryRow().slice(0, -1)]),
    ],
    ['without rows', 'ReportEmpty', () => workbookOf([header])],
    ['of bad rows only', 'AllRowsRejected', () => workbookOf([header, inventoryRow({ on_hand: -1 })])],
  ];
  it.each(refusals)(
    '%s fails the import by the name of the error, once, and the shop keeps what it has',
    async (_what, error, make) => {
      await importDrop(fashion, await stockOf({ coat: 1 }), { date: nextDay(), slot: '0600' });
      const place = { date: nextDay(), slot: '0600' };
      const bytes = await make();
      const key = archivedAs(bytes, place);
      const failed = await importDrop(fashion, bytes, key);
      expect(failed).toMatchObject({ status: 'FAILED', error });
      const reads = fashion.laptop.proxy.log
        .entries({ caller: transform, operation: 'GetObject' })
        .filter(({ resource }) => resource.endsWith(key));
      expect(reads).toHaveLength(1);
      expect(await currentStock(fashion)).toEqual({ coat: 1 });
      expect(await ledgerOf(fashion, place)).toEqual([]);
      expect(await stagingTables(fashion)).toEqual([]);
      expect(await results.about(key)).toMatchObject({
        subject: 'Fashion inventory NOT loaded',
        message: { outcome: 'failed', archiveKey: key, error },
      });
      // Nothing is left that looks like a drop; the rows set aside stay where all of them are bad.
      expect(await keysBelow(fashion, `csv/date=${place.date}/`)).toEqual([]);
      expect(await keysBelow(fashion, `rejected/date=${place.date}/`)).toHaveLength(
        error === 'AllRowsRejected' ? 1 : 0,
      );
    },
  );
});

describe('a fault on the way is outlived, and the drop is loaded once', () => {
  const dataApi = 'redshift-data';
  // The SDK makes three attempts of its own: three hits make the function fail, and the state machine try again.
  const faults: [string, FaultMatch, FaultEffect][] = [
    [
      'Data API throttles a call once',
      { service: dataApi, operation: 'ExecuteStatement', times: 1 },
      throttled,
    ],
    [
      'Data API throttles until the function gives up',
      { service: dataApi, operation: 'BatchExecuteStatement', times: 3 },
      throttled,
    ],
    [
      'the answer to the COPY is lost',
      { service: dataApi, operation: 'BatchExecuteStatement', times: 1 },
      answerLost,
    ],
    [
      'the answers to the swap are lost until the function gives up',
      { service: dataApi, operation: 'BatchExecuteStatement', after: 1, times: 3 },
      answerLost,
    ],
    [
      'nobody learns the result of the swap',
      { service: dataApi, operation: 'GetStatementResult', after: 2, times: 3 },
      answerLost,
    ],
    [
      'S3 asks the reader of a workbook to slow down',
      { service: 's3', operation: 'GetObject', times: 1 },
      slowDown,
    ],
    [
      'S3 takes no CSV until the function gives up',
      { service: 's3', operation: 'PutObject', resource: /\/csv\//, times: 3 },
      slowDown,
    ],
    [
      'S3 refuses the warehouse the manifest',
      { service: 's3', operation: 'GetObject', resource: /\/manifest\//, times: 3 },
      slowDown,
    ],
  ];
  it.each(faults)('%s', async (_what, match, effect) => {
    const place = { date: nextDay(), slot: '0600' };
    const bytes = await stockOf({ coat: 5, dress: 6 });
    let fault: Fault | undefined;
    const loaded = await importWith(fashion, bytes, place, { attempts: 3, waits: noWaits }, () => {
      fault = fashion.laptop.proxy.faults.add(match, effect);
    });
    expect(loaded).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
    expect(fault?.hits).toBe(match.times);
    expect(await currentStock(fashion)).toEqual({ coat: 5, dress: 6 });
    expect(await ledgerOf(fashion, place)).toHaveLength(1);
    expect(await historyOf(fashion, place)).toEqual({ [sha256(bytes)]: 2 });
    expect(await stagingTables(fashion)).toEqual([]);
  });

  it('a COPY that outlasts the patience of the function is waited for by the state machine', async () => {
    const place = { date: nextDay(), slot: '0600' };
    const loader = await functionSettings(fashion, 'Load');
    try {
      await loader.set({ STATEMENT_PATIENCE_SECONDS: '0.1' });
      const bytes = await stockOf({ coat: 15 });
      const copying = fashion.laptop.proxy.faults.add(
        { service: 's3', operation: 'GetObject', resource: /\/manifest\// },
        { kind: 'hold' },
      );
      const importing = importWith(fashion, bytes, place, { attempts: 1, waits: noWaits });
      await copying.reached();
      while (!(await waitsForStage(archivedAs(bytes, place)))) await sleep(50);
      copying.release();
      const loaded = await importing;
      expect(loaded).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
      expect(await currentStock(fashion)).toEqual({ coat: 15 });
      expect(await historyOf(fashion, place)).toEqual({ [sha256(bytes)]: 1 });
    } finally {
      await loader.reset();
      loader.close();
    }
  });

  it('a fault that stays fails the import after as many attempts as its input says; put back later, the drop loads', async () => {
    const place = { date: nextDay(), slot: '0600' };
    const bytes = await stockOf({ coat: 7 });
    const before = await currentStock(fashion);
    const failed = await importWith(fashion, bytes, place, { attempts: 2, waits: noWaits }, () => {
      fashion.laptop.proxy.faults.add(
        { service: dataApi, operation: 'BatchExecuteStatement', after: 1 },
        throttled,
      );
    });
    expect(failed).toMatchObject({ status: 'FAILED', error: 'ThrottlingException' });
    expect(await currentStock(fashion)).toEqual(before);
    expect(await ledgerOf(fashion, place)).toEqual([]);
    expect(await stagingTables(fashion)).toEqual([]);
    fashion.laptop.proxy.faults.clear();

    const { output } = await importDrop(fashion, bytes, place);
    expect(output?.outcome).toBe('current');
    expect(await currentStock(fashion)).toEqual({ coat: 7 });
  });
});

describe('before the swap', () => {
  /** Somebody changes the staging table between COPY and reconciliation. */
  async function importWhile(change: (staging: string) => string): Promise<Execution> {
    const place = { date: nextDay(), slot: '0600' };
    // The first single statement is the check of the ledger, the second the reconciliation.
    const reconciling = fashion.laptop.proxy.faults.add(
      { caller: load, service: 'redshift-data', operation: 'ExecuteStatement', after: 1, times: 1 },
      { kind: 'hold' },
    );
    const imported = importDrop(fashion, await stockOf({ coat: 8, dress: 9 }), place);
    await reconciling.reached();
    const [staging] = await stagingTables(fashion);
    await fashion.query(change(`fashion_staging.${staging}`));
    reconciling.release();
    return imported;
  }

  it.each<[string, string, (staging: string) => string]>([
    [
      'a row that was not staged is missed',
      'ReconcileMismatch',
      (staging) => `DELETE FROM ${staging} WHERE sku = 'coat'`,
    ],
    [
      'a position that was staged twice is seen',
      'PositionsDuplicated',
      (staging) => `UPDATE ${staging} SET sku = 'coat'`,
    ],
  ])('%s, and the shop keeps what it has', async (_what, error, change) => {
    const before = await currentStock(fashion);
    const failed = await importWhile(change);
    expect(failed).toMatchObject({ status: 'FAILED', error });
    expect(await currentStock(fashion)).toEqual(before);
    expect(await stagingTables(fashion)).toEqual([]);
    expect((await results.about(failed.input.key)).message).toMatchObject({ outcome: 'failed', error });
  });
});

it('the shop front reads one whole drop or the other, all through a swap', async () => {
  const [day, next] = [nextDay(), nextDay()];
  await importDrop(fashion, await stockOf({ a: 1, b: 1, c: 1, d: 1 }), { date: day, slot: '0600' });
  const bytes = await stockOf({ a: 10, b: 10, e: 10 });
  const [old, fresh] = ['4 rows, 4 on hand', '3 rows, 30 on hand'];

  const shopFront = await fashion.connect();
  const blocker = await fashion.connect();
  try {
    await shopFront.query('SET ROLE fashion_reader');
    const read = async (): Promise<string> => {
      const { rows } = await shopFront.query(
        'SELECT COUNT(*) AS rows, SUM(on_hand) AS stock FROM fashion.current_positions',
      );
      return `${rows[0].rows} rows, ${rows[0].stock} on hand`;
    };
    // The swap stops in its middle: positions are replaced, and what comes after waits for this lock.
    await blocker.query('BEGIN');
    await blocker.query('LOCK TABLE fashion.current_drop IN SHARE MODE');
    let done = false;
    const imported = importDrop(fashion, bytes, { date: next, slot: '0600' }).finally(() => {
      done = true;
    });
    const seen = new Set<string>();
    while (!(await waitsForLock())) seen.add(await read());
    for (let reads = 0; reads < 20; reads += 1) seen.add(await read());
    expect([...seen]).toEqual([old]);
    await blocker.query('COMMIT');
    while (!done) seen.add(await read());
    expect((await imported).output?.outcome).toBe('current');
    seen.add(await read());
    expect([...seen]).toEqual([old, fresh]);
  } finally {
    await Promise.all([shopFront.end(), blocker.end()]);
  }
});

describe('the roles of the warehouse', () => {
  it('a reader may select what is published and may not write', async () => {
    const reader = await fashion.connect();
    try {
      await reader.query('SET ROLE fashion_reader');
      for (const table of ['current_positions', 'position_history', 'load_ledger', 'stock_on_sale'])
        await reader.query(`SELECT COUNT(*) FROM fashion.${table}`);
      for (const denied of [
        "UPDATE fashion.current_positions SET on_hand = 0 WHERE sku = 'a'",
        'DELETE FROM fashion.current_positions',
        'INSERT INTO fashion.load_lock VALUES (TRUE)',
        'TRUNCATE fashion.position_history',
        'DROP TABLE fashion.current_positions',
        'CREATE TABLE fashion.mine (one INT)',
        'CREATE TABLE fashion_staging.mine (one INT)',
        'SELECT * FROM public.fashion_migrations',
      ]) {
        await expect(reader.query(denied)).rejects.toThrow(/permission denied|must be owner/);
      }
    } finally {
      await reader.end();
    }
  });

  it('the loader, through the Data API as its function, may neither drop tables nor read what is not its own', async () => {
    // Whoever calls through the function's port acts under the function's role, and so as its database user.
    const client = new RedshiftDataClient({
      ...fashion.laptop.clients,
      endpoint: fashion.laptop.proxy.url(load),
    });
    const run = async (Sql: string) => {
      const { Id } = await client.send(
        new ExecuteStatementCommand({
          WorkgroupName: fashion.driver.output('WorkgroupName'),
          Database: fashion.driver.output('DatabaseName'),
          Sql,
        }),
      );
      return Id;
    };
    const ended = async (id: string | undefined) => {
      for (;;) {
        const { Status, Error: error } = await client.send(new DescribeStatementCommand({ Id: id }));
        if (Status === 'FINISHED' || Status === 'FAILED') return { Status, error };
      }
    };
    try {
      expect(await ended(await run('SELECT COUNT(*) FROM fashion.load_ledger'))).toMatchObject({
        Status: 'FINISHED',
      });
      for (const denied of [
        'DROP TABLE fashion.current_positions',
        'TRUNCATE fashion.position_history',
        'ALTER TABLE fashion.load_ledger ADD COLUMN mine INT',
        'DROP SCHEMA fashion',
        'CREATE TABLE fashion.mine (one INT)',
        'SELECT * FROM public.fashion_migrations',
        'GRANT ROLE fashion_loader TO ROLE fashion_reader',
      ]) {
        const { Status, error } = await ended(await run(denied));
        expect([denied, Status]).toEqual([denied, 'FAILED']);
        expect([denied, error]).toEqual([denied, expect.stringMatching(/permission denied|must be owner/)]);
      }
    } finally {
      client.destroy();
    }
  });
});

/** True when an import of this workbook has waited for its COPY. */
async function waitsForStage(key: string): Promise<boolean> {
  const arns = await fashion.driver.imports(key);
  const states = await Promise.all(arns.map((arn) => statesOf(fashion, arn)));
  return states.some(({ WaitForStage = 0 }) => WaitForStage > 0);
}

/** True when somebody waits for the lock of which drop is current. */
async function waitsForLock(): Promise<boolean> {
  const [row] = await fashion.query<{ waiting: number }>(
    "SELECT COUNT(*)::int AS waiting FROM pg_locks WHERE relation = 'fashion.current_drop'::regclass AND NOT granted",
  );
  return (row?.waiting ?? 0) > 0;
}
