import { createHash, randomUUID } from 'node:crypto';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetBucketEncryptionCommand, GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import ExcelJS from 'exceljs';
import { csvKey, type LoadRequest, rejectedKey } from '../../domain/fashion/contract.ts';
import { metricNamespaceOf } from '../../domain/shared/contract.ts';
import type { Execution } from '../../local/fashion/driver.ts';
import { logicalIdOf } from '../../local/function-processes.ts';
import { makeReport, type Report } from '../../local/outside/inventory-reports.ts';
import { header, inventoryRow, parsedCsv, workbookOf } from '../domain/fashion/workbooks.ts';
import {
  archivedAs,
  calendar,
  currentStock,
  type FashionLab,
  historyOf,
  importDrop,
  ledgerOf,
  listenToResults,
  noWaits,
  openFashionLab,
  putObject,
  type ResultListener,
  stagingTables,
  stockOf,
} from './fashion-lab.ts';
import { describeReader } from './reader.ts';

let fashion: FashionLab;
let results: ResultListener;
beforeAll(async () => {
  fashion = await openFashionLab();
  results = await listenToResults(fashion);
});
afterAll(async () => {
  results?.close();
  await fashion?.close();
});

const nextDay = calendar('2026-11-20');
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('a report on the SFTP server', () => {
  let report: Report;
  let key: string;
  let imported: Execution;
  beforeAll(async () => {
    report = await makeReport({ seed: 'e2e', date: '2026-11-19', slot: '0600', rows: 300 });
    await fashion.driver.writeReport(report);
    const collection = await fashion.driver.triggerSchedule(report, { waits: noWaits });
    expect(collection).toMatchObject({ status: 'SUCCEEDED' });
    key = (collection.output as unknown as { collected: { key: string }[] }).collected[0]?.key ?? '';
    imported = await fashion.driver.imported(key);
  });

  it('is in SQL when the schedule has fired, bad rows set aside', async () => {
    expect(imported.output?.transformed).toMatchObject({
      rowsIn: report.rows,
      rowsOut: report.rows - report.bad,
      rowsRejected: report.bad,
    });
    const [row] = await fashion.query('SELECT COUNT(*)::int AS positions FROM fashion.current_positions');
    expect(row).toEqual({ positions: report.rows - report.bad });
  });

  it('is in SQL cell by cell as exceljs reads it', async () => {
    const expected = await goodRows(report);
    const found = await positions();
    expect(found).toEqual(expected);
    // The comparison is worth something: there are blanks, dates, cents and letters beyond ASCII in it.
    expect(found.some(({ colour, size }) => colour === null || size === null)).toBe(true);
    expect(found.some(({ available_from }) => available_from !== null)).toBe(true);
    expect(found.some(({ description }) => /[^\x20-\x7e]/.test(String(description)))).toBe(true);
  });

  it('is archived as the client wrote it, as CSV, and with its bad rows', async () => {
    const drop = imported.output?.transformed.drop;
    if (!drop) throw new Error('the import has no output');
    expect(sha256(await object(key))).toBe(sha256(report.bytes));
    const csv = await object(csvKey(drop));
    expect(sha256(csv)).toBe(imported.output?.transformed.csvSha256);
    expect(parsedCsv(Buffer.from(csv).toString())).toHaveLength(report.rows - report.bad);
    const rejected = parsedCsv(Buffer.from(await object(rejectedKey(drop))).toString());
    expect(rejected.map(({ cell }) => cell).sort()).toEqual(report.badRows.map(({ cell }) => cell).sort());
  });

  it('is archived in a bucket that encrypts with the key of the lab and keeps every version', async () => {
    const drop = imported.output?.transformed.drop;
    if (!drop) throw new Error('the import has no output');
    const { s3 } = fashion.driver;
    const Bucket = fashion.driver.output('ArchiveBucketName');
    // Asked of the bucket: the emulator's objects do not say that their bucket's default encrypted them.
    const { ServerSideEncryptionConfiguration } = await s3.send(new GetBucketEncryptionCommand({ Bucket }));
    const [rule] = ServerSideEncryptionConfiguration?.Rules ?? [];
    expect(rule?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm).toBe('aws:kms');
    expect(rule?.ApplyServerSideEncryptionByDefault?.KMSMasterKeyID).toContain(keyId());
    for (const Key of [key, csvKey(drop), rejectedKey(drop)]) {
      expect((await s3.send(new HeadObjectCommand({ Bucket, Key }))).VersionId).toBeTruthy();
    }
  });

  it('is told to whoever subscribed to the results', async () => {
    // Subscribed before the schedule fired.
    expect(await results.about(key)).toMatchObject({
      subject: 'Fashion inventory loaded',
      message: {
        outcome: 'current',
        archiveKey: key,
        loadKey: imported.output?.transformed.loadKey,
        rowsIn: report.rows,
        rowsLoaded: report.rows - report.bad,
        rowsRejected: report.bad,
      },
    });
  });
});

it('text that is awkward in CSV and SQL, and the largest and smallest numbers, arrive as they are', async () => {
  const rows = [
    { sku: 'A1', description: 'said "yes", then\nleft \\ \\N', colour: 'NULL', unit_price: 0.07 },
    { sku: 'A2', description: "l'été 👗 墨色", colour: '', size: undefined, unit_price: 9_999_999.99 },
    { sku: 'A3', description: undefined, on_hand: 10_000_000, unit_price: 1_234_567.8, available_from: null },
    {
      sku: 'A4',
      description: '=1+1; DROP TABLE x --',
      unit_price: 0,
      available_from: new Date('2099-12-31'),
    },
  ];
  const bytes = await workbookOf([header, ...rows.map((row) => inventoryRow(row))]);
  const { output } = await importDrop(fashion, bytes, { date: nextDay(), slot: '0600' });
  expect(output).toMatchObject({ outcome: 'current', transformed: { rowsRejected: 0 } });
  const shown = (await positions()).map(
    ({ sku, description, colour, size, on_hand, unit_price, available_from }) => ({
      sku,
      description,
      colour,
      size,
      on_hand,
      unit_price,
      available_from,
    }),
  );
  expect(shown).toEqual([
    {
      sku: 'A1',
      description: 'said "yes", then\nleft \\ \\N',
      colour: 'NULL',
      size: 'M',
      on_hand: '12',
      unit_price: '0.07',
      available_from: '2026-09-01',
    },
    {
      sku: 'A2',
      description: "l'été 👗 墨色",
      colour: null,
      size: null,
      on_hand: '12',
      unit_price: '9999999.99',
      available_from: '2026-09-01',
    },
    {
      sku: 'A3',
      description: null,
      colour: 'Red',
      size: 'M',
      on_hand: '10000000',
      unit_price: '1234567.80',
      available_from: null,
    },
    {
      sku: 'A4',
      description: '=1+1; DROP TABLE x --',
      colour: 'Red',
      size: 'M',
      on_hand: '12',
      unit_price: '0.00',
      available_from: '2099-12-31',
    },
  ]);
});

it('the same file loads once, however often its archived object is put back or its event comes', async () => {
  const place = { date: nextDay(), slot: '0600' };
  const bytes = await stockOf({ coat: 3, dress: 5 });
  expect((await importDrop(fashion, bytes, place)).output?.outcome).toBe('current');
  const before = await tables();

  const again = await importDrop(fashion, bytes, place);
  expect(again).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'already-loaded' } });
  // The same event once more: EventBridge delivers at least once.
  const duplicate = await fashion.driver.run(fashion.driver.output('ImportStateMachineArn'), again.input);
  expect(duplicate).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'already-loaded' } });
  expect(await tables()).toEqual(before);
});

it('two events of one file at the same time load it once', async () => {
  const place = { date: nextDay(), slot: '0600' };
  const bytes = await stockOf({ coat: 4, dress: 6, hat: 1 });
  const key = archivedAs(bytes, place);
  await Promise.all([putObject(fashion, key, bytes), putObject(fashion, key, bytes)]);
  const outcomes = [await fashion.driver.imported(key, 1), await fashion.driver.imported(key, 2)];
  expect(outcomes.map(({ status }) => status)).toEqual(['SUCCEEDED', 'SUCCEEDED']);
  expect(await currentStock(fashion)).toEqual({ coat: 4, dress: 6, hat: 1 });
  expect(await ledgerOf(fashion, place)).toHaveLength(1);
  expect(await historyOf(fashion, place)).toEqual({ [sha256(bytes)]: 3 });
  expect(await stagingTables(fashion)).toEqual([]);
});

it('a stock that goes A, B, A over three slots loads three times, and A is current', async () => {
  const [first, second] = [nextDay(), nextDay()];
  const places = [
    { date: first, slot: '0600' },
    { date: first, slot: '1800' },
    { date: second, slot: '0600' },
  ];
  const a = await stockOf({ coat: 1 });
  const b = await stockOf({ coat: 2, dress: 2 });
  for (const [index, place] of places.entries()) {
    const { output } = await importDrop(fashion, index === 1 ? b : a, place);
    expect(output?.outcome).toBe('current');
  }
  expect(await currentStock(fashion)).toEqual({ coat: 1 });
  for (const [index, place] of places.entries()) {
    expect(await ledgerOf(fashion, place)).toMatchObject([{ outcome: 'current' }]);
    expect(await historyOf(fashion, place)).toEqual(index === 1 ? { [sha256(b)]: 2 } : { [sha256(a)]: 1 });
  }
});

it('a file that goes A, B, A within one slot ends with A current', async () => {
  const place = { date: nextDay(), slot: '0600' };
  const a = await stockOf({ coat: 7 });
  const b = await stockOf({ coat: 8 });
  for (const [minutes, bytes] of [a, b, a].entries()) {
    const { output } = await importDrop(fashion, bytes, { ...place, minutes });
    expect(output?.outcome).toBe('current');
  }
  expect(await currentStock(fashion)).toEqual({ coat: 7 });
  // One row of the ledger a content: A's says when it was written last.
  expect((await ledgerOf(fashion, place)).map(({ outcome }) => outcome)).toEqual(['current', 'current']);
  expect(await historyOf(fashion, place)).toEqual({ [sha256(a)]: 1, [sha256(b)]: 1 });

  // The first A once more, by itself: the same content, and older than what the ledger says of it.
  const again = await replayOf(archivedAs(a, { ...place, minutes: 0 }), 'first-of-the-slot', 'xlsx');
  expect(again.status).toBe('SUCCEEDED');
  expect(await currentStock(fashion)).toEqual({ coat: 7 });
  expect((await ledgerOf(fashion, place)).map(({ outcome }) => outcome)).toEqual(['current', 'current']);
  expect(await historyOf(fashion, place)).toEqual({ [sha256(a)]: 1, [sha256(b)]: 1 });
});

it('a corrected file with the same name replaces current positions, and history keeps both', async () => {
  const place = { date: nextDay(), slot: '1800', fileName: 'inventory-today.xlsx' };
  const wrong = await stockOf({ coat: 100, dress: 100 });
  const right = await stockOf({ coat: 10, hat: 1 });
  await importDrop(fashion, wrong, place);
  expect(await currentStock(fashion)).toEqual({ coat: 100, dress: 100 });
  expect((await importDrop(fashion, right, { ...place, minutes: 30 })).output?.outcome).toBe('current');
  expect(await currentStock(fashion)).toEqual({ coat: 10, hat: 1 });
  expect(await historyOf(fashion, place)).toEqual({ [sha256(wrong)]: 2, [sha256(right)]: 2 });
});

it('an older drop that arrives late goes to history and leaves newer current positions alone', async () => {
  const [older, newer] = [nextDay(), nextDay()];
  await importDrop(fashion, await stockOf({ coat: 20 }), { date: newer, slot: '0600' });
  const late = await stockOf({ coat: 19, dress: 19 });
  const { output } = await importDrop(fashion, late, { date: older, slot: '1800' });
  expect(output?.outcome).toBe('history');
  expect(await currentStock(fashion)).toEqual({ coat: 20 });
  expect(await ledgerOf(fashion, { date: older, slot: '1800' })).toMatchObject([{ outcome: 'history' }]);
  expect(await historyOf(fashion, { date: older, slot: '1800' })).toEqual({ [sha256(late)]: 2 });
});

describe('a report with the rows of the slot before', () => {
  /** The same rows in another file: one more that is empty. */
  const written = (stock: Readonly<Record<string, number>>, again = false) =>
    workbookOf([
      header,
      ...Object.entries(stock).map(([sku, on_hand]) => inventoryRow({ sku, on_hand, reserved: 0 })),
      ...(again ? [[' ']] : []),
    ]);
  let day: string;
  let key: string;
  let bytes: Uint8Array;
  let imported: Execution;
  beforeAll(async () => {
    day = nextDay();
    await importDrop(fashion, await written({ coat: 1, dress: 2 }), { date: day, slot: '0600' });
  });

  it('is loaded like any other, and said to be unchanged: the export may be stuck', async () => {
    bytes = await written({ coat: 1, dress: 2 }, true);
    const place = { date: day, slot: '1800' };
    key = archivedAs(bytes, place);
    imported = await importDrop(fashion, bytes, place);
    expect(imported.output).toMatchObject({ outcome: 'current', unchanged: true });
    expect((await results.about(key)).message).toMatchObject({ outcome: 'current', unchanged: true });
    expect(await historyOf(fashion, place)).toEqual({ [sha256(bytes)]: 2 });
  });

  it('does not ring when it is put back or replayed', async () => {
    const again = await importDrop(fashion, bytes, key);
    expect(again.output).toMatchObject({ outcome: 'already-loaded' });
    expect(again.output?.unchanged).toBeUndefined();
    for (const from of ['xlsx', 'csv'] as const) {
      const replayed = await replayOf(key, `unchanged-${from}`, from);
      expect(replayed.output).toMatchObject({ outcome: 'current', unchanged: false });
    }
  });

  it.each([
    [null, 1],
    ['by-hand', 0],
  ])('is counted in the metric that the alarm watches (replay %s: %d)', async (replay, count) => {
    const lambda = new LambdaClient(fashion.laptop.clients);
    const run = randomUUID();
    const call = async (step: LoadRequest['step']) => {
      const request: LoadRequest = {
        step,
        transformed: imported.output?.transformed ?? null,
        archiveKey: key,
        replay,
        force: false,
        stagedAt: null,
        run,
        failures: 0,
        statement: null,
      };
      const { LogResult = '' } = await lambda.send(
        new InvokeCommand({
          FunctionName: fashion.lab.resources.get(logicalIdOf(fashion.lab, 'Load')),
          Payload: JSON.stringify(request),
          LogType: 'Tail',
        }),
      );
      return Buffer.from(LogResult, 'base64').toString().split('\n');
    };
    try {
      await call('stage');
      const line = (await call('publish')).findLast((each) => each.includes('"_aws"')) ?? '';
      const metrics = JSON.parse(line);
      expect(metrics).toMatchObject({ service: 'Load', UnchangedDrops: count });
      expect(metrics._aws.CloudWatchMetrics[0]).toMatchObject({
        Namespace: metricNamespaceOf(fashion.lab.stack),
        Dimensions: [['service']],
      });
    } finally {
      lambda.destroy();
    }
  });

  it('is not unchanged when a row is another one, nor when it is written again within its slot', async () => {
    const next = nextDay();
    const morning = { date: next, slot: '0600' };
    const changed = await importDrop(fashion, await written({ coat: 1, dress: 3 }), morning);
    expect(changed.output).toMatchObject({ outcome: 'current', unchanged: false });
    const again = await written({ coat: 1, dress: 3 }, true);
    const rewritten = await importDrop(fashion, again, { ...morning, minutes: 20 });
    expect(rewritten.output).toMatchObject({ outcome: 'current', unchanged: false });
    const evening = await importDrop(fashion, again, { ...morning, slot: '1800' });
    expect(evening.output).toMatchObject({ outcome: 'current', unchanged: true });
  });

  it('is compared with the slot before it, whatever was loaded since', async () => {
    const [first, second, third] = [nextDay(), nextDay(), nextDay()];
    await importDrop(fashion, await written({ coat: 5 }), { date: first, slot: '0600' });
    await importDrop(fashion, await written({ coat: 6 }), { date: third, slot: '0600' });
    const late = await importDrop(fashion, await written({ coat: 5 }, true), { date: second, slot: '0600' });
    expect(late.output).toMatchObject({ outcome: 'history', unchanged: true });
  });
});

it('a replay leaves the ledger with where the csv came from at first, and with what the drop has been', async () => {
  const [older, newer] = [nextDay(), nextDay()];
  const bytes = await stockOf({ coat: 40 });
  const place = { date: older, slot: '0600' };
  const first = await importDrop(fashion, bytes, place);
  await importDrop(fashion, await stockOf({ coat: 41 }), { date: newer, slot: '0600' });
  const replayed = await replayOf(archivedAs(bytes, place), 'ledger', 'xlsx');
  expect(replayed.output?.outcome).toBe('history');
  const [row] = await fashion.query(
    `SELECT outcome, csv_key, csv_sha256, run FROM fashion.load_ledger WHERE drop_date = '${older}'`,
  );
  expect(row).toEqual({
    outcome: 'current',
    csv_key: first.output?.transformed.csvKey,
    csv_sha256: first.output?.transformed.csvSha256,
    run: replayed.name,
  });
});

it('a workbook that a person puts under a plain name below a slot takes the same path', async () => {
  const place = { date: nextDay(), slot: '0600' };
  const bytes = await stockOf({ coat: 30 });
  const key = `xlsx/date=${place.date}/slot=${place.slot}/Inventaire corrigé (2).xlsx`;
  const { output } = await importDrop(fashion, bytes, key);
  expect(output).toMatchObject({
    outcome: 'current',
    transformed: { drop: { ...place, sha256: sha256(bytes), fileName: 'Inventaire corrigé (2).xlsx' } },
  });
  expect(await currentStock(fashion)).toEqual({ coat: 30 });
  expect(await ledgerOf(fashion, place)).toHaveLength(1);
});

it('an article that a report names twice at one place is loaded once, the second row set aside', async () => {
  const bytes = await workbookOf([
    header,
    inventoryRow({ sku: 'coat', on_hand: 1, reserved: 0 }),
    inventoryRow({ sku: 'coat', on_hand: 2, reserved: 0 }),
    inventoryRow({ sku: 'coat', on_hand: 3, reserved: 0, location: 'MIL-01' }),
  ]);
  const { output } = await importDrop(fashion, bytes, { date: nextDay(), slot: '0600' });
  expect(output?.transformed).toMatchObject({ rowsIn: 3, rowsOut: 2, rowsRejected: 1 });
  const [rejected] = parsedCsv(Buffer.from(await object(output?.transformed.rejectedKey ?? '')).toString());
  expect(rejected).toMatchObject({ row: '3', reason: 'DuplicateKey' });
  const found = await fashion.query(
    'SELECT location, on_hand::int FROM fashion.current_positions ORDER BY location',
  );
  expect(found).toEqual([
    { location: 'MIL-01', on_hand: 3 },
    { location: 'PAR-01', on_hand: 1 },
  ]);
});

describeReader(
  () => fashion,
  ['fashion.current_positions', 'fashion.position_history', 'fashion.load_ledger', 'fashion.stock_on_sale'],
);

type Position = Record<string, string | boolean | null>;
const byPlace = (one: Position, other: Position) =>
  `${one.sku}|${one.location}` < `${other.sku}|${other.location}` ? -1 : 1;

/** The good rows of a report's workbook as SQL should hold them, read with exceljs alone. */
async function goodRows({ bytes, badRows }: Report): Promise<Position[]> {
  const workbook = new ExcelJS.Workbook();
  await workbook.xlsx.load(Buffer.from(bytes) as unknown as ArrayBuffer);
  const bad = new Set(badRows.map(({ cell }) => Number(/\d+$/.exec(cell)?.[0])));
  const rows: Position[] = [];
  workbook.worksheets[0]?.eachRow((row, number) => {
    if (number === 1 || bad.has(number)) return;
    const cell = (column: number) => row.getCell(column).value;
    const text = (column: number) => (cell(column) === null ? null : String(cell(column)));
    rows.push({
      sku: text(1),
      style: text(2),
      description: text(3),
      category: text(4),
      colour: text(5),
      size: text(6),
      location: text(7),
      on_hand: text(8),
      reserved: text(9),
      unit_price: Number(cell(10)).toFixed(2),
      available_from: (cell(11) as Date | null)?.toISOString().slice(0, 10) ?? null,
      discontinued: cell(12) === true,
    });
  });
  return rows.sort(byPlace);
}

async function positions(): Promise<Position[]> {
  const rows = await fashion.query<Position>(
    `SELECT sku, style, description, category, colour, size, location, on_hand::text, reserved::text,
       unit_price::text, available_from::text, discontinued FROM fashion.current_positions`,
  );
  return rows.sort(byPlace);
}

function replayOf(key: string, replay: string, from: 'xlsx' | 'csv'): Promise<Execution> {
  return fashion.driver.run(fashion.driver.output('ImportStateMachineArn'), {
    bucket: fashion.driver.output('ArchiveBucketName'),
    key,
    arrivedAt: new Date().toISOString(),
    from,
    replay,
    force: false,
    attempts: 1,
    waits: noWaits,
  });
}

/** All that a load writes. */
async function tables(): Promise<unknown> {
  return {
    current: await fashion.query('SELECT * FROM fashion.current_positions ORDER BY sku, location'),
    drop: await fashion.query('SELECT * FROM fashion.current_drop'),
    ledger: await fashion.query('SELECT * FROM fashion.load_ledger ORDER BY load_key'),
    history: await fashion.query('SELECT * FROM fashion.position_history ORDER BY load_key, sku, location'),
    staging: await stagingTables(fashion),
  };
}

async function object(Key: string): Promise<Uint8Array> {
  const { Body } = await fashion.driver.s3.send(
    new GetObjectCommand({ Bucket: fashion.driver.output('ArchiveBucketName'), Key }),
  );
  return (await Body?.transformToByteArray()) ?? new Uint8Array();
}

function keyId(): string {
  const { Resources } = fashion.lab.assembly.template;
  const logicalId = Object.keys(Resources).find((id) => Resources[id]?.Type === 'AWS::KMS::Key');
  return fashion.lab.resources.get(logicalId ?? '') ?? 'no key';
}
