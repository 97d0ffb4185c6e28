/**
 * Faults of what the import stores in and reads from, on the running laptop: S3 that throttles or hangs up, a key that may
 * not be used, a disk that is full, a function that is killed. Each time every row that went in is loaded once or set aside.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { csvPrefix } from '../../domain/fashion/contract.ts';
import { killFunction, logicalIdOf } from '../../local/function-processes.ts';
import { answerLost, slowDown } from '../../local/proxy/aws-faults.ts';
import type { Fault, FaultEffect, FaultMatch } from '../../local/proxy/faults.ts';
import { inventoryRows, workbookWithRows } from '../domain/fashion/hostile-workbooks.ts';
import { parsedCsv, transformed } from '../domain/fashion/workbooks.ts';
import {
  calendar,
  callerOf,
  type DropPlace,
  type FashionLab,
  historyEvents,
  historyOf,
  importDrop,
  ledgerOf,
  openFashionLab,
  stagingTables,
} from './fashion-lab.ts';
import { type FunctionSettings, functionSettings, leftovers, withRoom } from './function-settings.ts';
import { Grants, rolesOf, synthesizedResources } from './grants.ts';

let fashion: FashionLab;
let grants: Grants;
let settings: FunctionSettings;
beforeAll(async () => {
  fashion = await openFashionLab({ hurried: true });
  grants = new Grants(fashion.laptop, fashion.lab);
  settings = await functionSettings(fashion, 'Transform');
});
afterAll(async () => {
  settings?.close();
  grants?.close();
  await fashion?.close();
});
afterEach(() => fashion.laptop.proxy.faults.clear());

const nextDay = calendar('2026-11-20');
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface Stock {
  bytes: Uint8Array;
  good: number;
}

/** A report of so many good rows and two bad ones, another one each time. */
let reports = 0;
function report(good: number, description: (row: number) => string = () => 'Wool coat'): Stock {
  reports += 1;
  const rows = Array.from({ length: good }, (_, row) => ({
    sku: `R${reports}-${row}`,
    description: description(row),
  }));
  return {
    bytes: workbookWithRows(inventoryRows({ on_hand: -1 }, ...rows, { reserved: 'many' })),
    good,
  };
}

const small = () => report(3);
/** Its CSV is larger than the 5 MiB from which an upload goes in parts; its workbook does not shrink to nothing. */
const large = () => report(6000, (row) => sha256(Buffer.from(String(row))).repeat(15));

/** Every version of every object of one kind that belongs to this slot's date. */
async function versions(prefix: string, { date }: DropPlace) {
  const { Versions = [] } = await fashion.driver.s3.send(
    new ListObjectVersionsCommand({
      Bucket: fashion.driver.output('ArchiveBucketName'),
      Prefix: `${prefix}date=${date}/`,
    }),
  );
  return Versions;
}

async function read(key: string): Promise<Uint8Array> {
  const { Body } = await fashion.driver.s3.send(
    new GetObjectCommand({ Bucket: fashion.driver.output('ArchiveBucketName'), Key: key }),
  );
  return (await Body?.transformToByteArray()) ?? new Uint8Array();
}

/** All rows of the report are in: in the archive, in the history, current; once each, and the bad ones set aside. */
async function expectLoadedOnce(
  execution: Awaited<ReturnType<typeof importDrop>>,
  stock: Stock,
  place: DropPlace,
) {
  expect([execution.status, execution.error, execution.cause]).toEqual(['SUCCEEDED', undefined, undefined]);
  const { good, bytes } = stock;
  expect(execution.output).toMatchObject({
    outcome: 'current',
    transformed: { rowsIn: good + 2, rowsOut: good, rowsRejected: 2 },
  });
  const { csvKey, csvSha256, rejectedKey } = execution.output?.transformed ?? {};
  expect(new Set((await versions(csvPrefix, place)).map(({ Key }) => Key))).toEqual(new Set([csvKey]));
  const csv = await read(csvKey ?? '');
  expect(sha256(csv)).toBe(csvSha256);
  expect(new Set(parsedCsv(Buffer.from(csv).toString()).map(({ sku }) => sku)).size).toBe(good);
  expect(parsedCsv(Buffer.from(await read(rejectedKey ?? '')).toString())).toHaveLength(2);

  expect((await ledgerOf(fashion, place)).map(({ rows_loaded }) => Number(rows_loaded))).toEqual([good]);
  expect(await historyOf(fashion, place)).toEqual({ [sha256(bytes)]: good });
  expect(await currentPositions()).toEqual({ rows: good, positions: good, reports: [`R${reports}`] });
  expect(await stagingTables(fashion)).toEqual([]);
  expect(leftovers(fashion)).toEqual([]);
}

/** How many rows and distinct positions the shop reads, and of which reports. */
async function currentPositions() {
  const [row] = await fashion.query<{ rows: number; positions: number; reports: string[] }>(
    `SELECT COUNT(*)::int AS rows, COUNT(DISTINCT (sku, location))::int AS positions,
     ARRAY_AGG(DISTINCT split_part(sku, '-', 1)) AS reports FROM fashion.current_positions`,
  );
  return row;
}

/** The import failed, and the tables are as they were. */
async function expectNothingLoaded(before: unknown, place: DropPlace): Promise<void> {
  expect(await currentPositions()).toEqual(before);
  expect(await ledgerOf(fashion, place)).toEqual([]);
  expect(await historyOf(fashion, place)).toEqual({});
  expect(await stagingTables(fashion)).toEqual([]);
  expect(leftovers(fashion)).toEqual([]);
}

/** Errors of the steps of an execution, in order. */
async function stepErrors(executionArn: string): Promise<(string | undefined)[]> {
  const events = await historyEvents(fashion, executionArn);
  return events.flatMap(({ taskFailedEventDetails, lambdaFunctionFailedEventDetails }) => {
    const failed = taskFailedEventDetails ?? lambdaFunctionFailedEventDetails;
    return failed ? [failed.error] : [];
  });
}

describe('what S3 does to an import is outlived, and every row is loaded once or set aside', () => {
  const s3 = { service: 's3' };
  // The SDK makes three attempts of its own: three hits make the function fail, and the state machine try again.
  const faults: [string, () => Stock, FaultMatch, FaultEffect][] = [
    [
      'throttles the reader of the workbook until the function gives up',
      small,
      { ...s3, operation: 'GetObject', resource: /\/xlsx\//, times: 3 },
      slowDown,
    ],
    [
      'throttles the rows that are set aside until the function gives up',
      small,
      { ...s3, operation: 'PutObject', resource: /\/rejected\//, times: 3 },
      slowDown,
    ],
    [
      'throttles the beginning of a large CSV until the function gives up',
      large,
      { ...s3, operation: 'CreateMultipartUpload', resource: /\/csv\//, times: 3 },
      slowDown,
    ],
    [
      'throttles a part of a large CSV until the function gives up',
      large,
      { ...s3, operation: 'UploadPart', resource: /\/csv\//, after: 1, times: 3 },
      slowDown,
    ],
    [
      'throttles the end of a large CSV until the function gives up',
      large,
      { ...s3, operation: 'CompleteMultipartUpload', resource: /\/csv\//, times: 3 },
      slowDown,
    ],
    [
      'throttles the manifest until the function gives up',
      small,
      { ...s3, operation: 'PutObject', resource: /\/manifest\//, times: 3 },
      slowDown,
    ],
    [
      'throttles the CSV that the COPY reads until it fails',
      small,
      { ...s3, operation: 'GetObject', resource: /\/csv\//, times: 3 },
      slowDown,
    ],
    [
      'hangs up in the middle of the workbook',
      large,
      { ...s3, operation: 'GetObject', resource: /\/xlsx\//, times: 1 },
      { kind: 'cut', at: 'response-body' },
    ],
    [
      'hangs up in the middle of a CSV that is written, until the function gives up',
      small,
      { ...s3, operation: 'PutObject', resource: /\/csv\//, times: 3 },
      { kind: 'cut', at: 'request-body' },
    ],
    [
      'hangs up in the middle of a part of a large CSV, until the function gives up',
      large,
      { ...s3, operation: 'UploadPart', resource: /\/csv\//, after: 1, times: 3 },
      { kind: 'cut', at: 'request-body' },
    ],
    [
      'never answers that the CSV is written',
      small,
      { ...s3, operation: 'PutObject', resource: /\/csv\//, times: 3 },
      answerLost,
    ],
    [
      'never answers that a large CSV is whole',
      large,
      { ...s3, operation: 'CompleteMultipartUpload', resource: /\/csv\//, times: 1 },
      answerLost,
    ],
    [
      'hangs up in the middle of the CSV that the COPY reads',
      large,
      { ...s3, operation: 'GetObject', resource: /\/csv\//, times: 1 },
      { kind: 'cut', at: 'response-body' },
    ],
  ];
  it.each(faults)('S3 %s', async (_what, make, match, effect) => {
    const place = { date: nextDay(), slot: '0600' };
    const stock = make();
    const fault: Fault = fashion.laptop.proxy.faults.add(match, effect);
    await expectLoadedOnce(await importDrop(fashion, stock.bytes, place), stock, place);
    expect(fault.hits).toBe(match.times);
  });

  it('a workbook that S3 never sends whole fails the import by name; put back later, it loads', async () => {
    const place = { date: nextDay(), slot: '0600' };
    const before = await currentPositions();
    const stock = large();
    const cut = fashion.laptop.proxy.faults.add(
      { caller: callerOf(fashion, 'Transform'), operation: 'GetObject' },
      { kind: 'cut', at: 'response-body' },
    );
    const failed = await importDrop(fashion, stock.bytes, place);
    expect([failed.status, failed.error]).toEqual(['FAILED', 'ArchiveReadBroken']);
    expect(await versions(csvPrefix, place)).toEqual([]);
    await expectNothingLoaded(before, place);
    cut.remove();
    await expectLoadedOnce(await importDrop(fashion, stock.bytes, place), stock, place);
  });
});

describe('KMS', () => {
  const held = rolesOf(synthesizedResources('FashionInventory')).flatMap(({ name, grants: all }) =>
    all.map((grant) => ({ name, grant })),
  );

  it.each([
    ['the transform may not decrypt the workbook', 'Transform', 'kms:Decrypt', 'AccessDenied'],
    ['the transform may not encrypt the CSV', 'Transform', 'kms:GenerateDataKey', 'AccessDenied'],
    ['the loader may not encrypt the manifest', 'Load', 'kms:GenerateDataKey', 'AccessDenied'],
    [
      'the warehouse may not decrypt what it copies',
      'WarehouseCopyRole',
      'kms:Decrypt',
      'WarehouseStatementFailed',
    ],
  ])(
    '%s: the import fails with that action in its error and loads nothing; put right and put back, it loads',
    async (_what, name, action, error) => {
      const place = { date: nextDay(), slot: '0600' };
      const before = await currentPositions();
      const stock = small();
      const found = held.find((each) => each.name === name && each.grant.action === action);
      if (!found) throw new Error(`${name} has no grant of ${action}`);
      const failed = await grants.without([found.grant], () => importDrop(fashion, stock.bytes, place));
      expect([failed.status, failed.error]).toEqual(['FAILED', error]);
      expect(failed.cause).toContain(`not authorized to perform: ${action}`);
      await expectNothingLoaded(before, place);
      await expectLoadedOnce(await importDrop(fashion, stock.bytes, place), stock, place);
    },
  );

  it('the key is disabled: the import fails by the name of that and loads nothing; enabled and put back, it loads', async () => {
    const place = { date: nextDay(), slot: '0600' };
    const before = await currentPositions();
    const stock = small();
    const disabled = fashion.laptop.proxy.faults.add(
      { caller: callerOf(fashion, 'Transform'), service: 's3' },
      { kind: 'refuse', status: 400, code: 'KMS.DisabledException', message: 'The key is disabled.' },
    );
    const failed = await importDrop(fashion, stock.bytes, place);
    expect([failed.status, failed.error]).toEqual(['FAILED', 'KMS.DisabledException']);
    await expectNothingLoaded(before, place);
    disabled.remove();
    await expectLoadedOnce(await importDrop(fashion, stock.bytes, place), stock, place);
  });
});

describe("the function's disk", () => {
  /** How much a function finds on its disk; see function-preload.mjs, since a small disk cannot be had without rights. */
  const room = (bytes: number) => {
    const file = join(fashion.laptop.runDirectory.path, 'room');
    writeFileSync(file, String(bytes));
    return file;
  };

  it('that is full fails the attempt by name and keeps nothing; with room again the next attempt loads', async () => {
    const place = { date: nextDay(), slot: '0600' };
    const stock = large();
    try {
      await settings.set(withRoom(room(100_000)));
      const second = fashion.laptop.proxy.faults.add(
        { caller: callerOf(fashion, 'Transform'), operation: 'GetObject', after: 1, times: 1 },
        { kind: 'hold' },
      );
      const imported = importDrop(fashion, stock.bytes, place);
      await second.reached();
      expect(leftovers(fashion)).toEqual([]);
      expect(await versions(csvPrefix, place)).toEqual([]);
      room(Number.MAX_SAFE_INTEGER);
      second.release();
      const execution = await imported;
      await expectLoadedOnce(execution, stock, place);
      expect(await stepErrors(execution.arn)).toEqual(['DiskFull']);
    } finally {
      await settings.reset();
    }
  });

  it('that stays full fails the import after its attempts, and the tables stay; put back later, the drop loads', async () => {
    const place = { date: nextDay(), slot: '0600' };
    const before = await currentPositions();
    const stock = large();
    try {
      await settings.set(withRoom(room(100_000)));
      const failed = await importDrop(fashion, stock.bytes, place);
      expect([failed.status, failed.error]).toEqual(['FAILED', 'DiskFull']);
      expect(failed.cause).toContain('ephemeral storage');
      expect(await stepErrors(failed.arn)).toEqual(Array(failed.input.attempts).fill('DiskFull'));
      expect(await versions(csvPrefix, place)).toEqual([]);
      await expectNothingLoaded(before, place);
    } finally {
      await settings.reset();
    }
    await expectLoadedOnce(await importDrop(fashion, stock.bytes, place), stock, place);
  });
});

it('a transform that is killed in the middle leaves no CSV and nothing on its disk; the next attempt writes the same bytes', async () => {
  const place = { date: nextDay(), slot: '0600' };
  const stock = large();
  const writing = fashion.laptop.proxy.faults.add(
    { caller: callerOf(fashion, 'Transform'), operation: 'UploadPart', times: 1 },
    { kind: 'hold' },
  );
  const imported = importDrop(fashion, stock.bytes, place);
  await writing.reached();
  expect(killFunction(fashion.laptop, fashion.lab, logicalIdOf(fashion.lab, 'Transform'))).toBe(1);
  expect(leftovers(fashion)).toEqual([]);
  writing.remove();
  const execution = await imported;
  await expectLoadedOnce(execution, stock, place);
  expect(await stepErrors(execution.arn)).toHaveLength(1);

  const { accepted, rejected } = await transformed(stock.bytes);
  const { csvKey = '', rejectedKey } = execution.output?.transformed ?? {};
  expect(Buffer.from(await read(csvKey)).equals(Buffer.from(accepted))).toBe(true);
  expect(Buffer.from(await read(rejectedKey ?? '')).equals(Buffer.from(rejected))).toBe(true);
  // One version: what the killed one had sent never became an object.
  expect(await versions(csvPrefix, place)).toHaveLength(1);
});
