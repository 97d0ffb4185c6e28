/**
 * Workbooks that were made to do harm, or damaged, on the running laptop. Each is refused whole, by name and at once; the
 * function and the emulator live on, and what the shop reads does not change.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultLimits, type TransformLimits } from '../../domain/fashion/contract.ts';
import * as hostile from '../domain/fashion/hostile-workbooks.ts';
import {
  archivedAs,
  calendar,
  callerOf,
  currentStock,
  type FashionLab,
  historyOf,
  importDrop,
  keysBelow,
  ledgerOf,
  listenToResults,
  openFashionLab,
  type ResultListener,
  stagingTables,
  stockOf,
} from './fashion-lab.ts';
import {
  type FunctionSettings,
  functionSettings,
  leftovers,
  notingPeaks,
  withRoom,
} from './function-settings.ts';

let fashion: FashionLab;
let results: ResultListener;
let transform: FunctionSettings;
let peaks: string;
beforeAll(async () => {
  fashion = await openFashionLab({ hurried: true });
  results = await listenToResults(fashion);
  transform = await functionSettings(fashion, 'Transform');
  peaks = join(fashion.laptop.runDirectory.path, 'peaks');
  mkdirSync(peaks);
  await importDrop(fashion, await stockOf({ coat: 1 }), { date: nextDay(), slot: '0600' });
  await transform.set(notingPeaks(peaks));
});
afterAll(async () => {
  transform?.close();
  results?.close();
  await fashion?.close();
});

const nextDay = calendar('2026-11-20');

/** Imports a workbook that must be refused, and sees that nothing but the telling of it happened. */
async function refusal(bytes: Uint8Array, error: string): Promise<{ cause: string }> {
  const before = await currentStock(fashion);
  const place = { date: nextDay(), slot: '0600' };
  const key = archivedAs(bytes, place);
  const failed = await importDrop(fashion, bytes, key);
  expect([failed.status, failed.error, failed.cause]).toEqual(['FAILED', error, expect.anything()]);
  expect(await currentStock(fashion)).toEqual(before);
  expect(await ledgerOf(fashion, place)).toEqual([]);
  expect(await historyOf(fashion, place)).toEqual({});
  expect(await stagingTables(fashion)).toEqual([]);
  for (const prefix of ['csv', 'rejected']) {
    expect(await keysBelow(fashion, `${prefix}/date=${place.date}/`)).toEqual([]);
  }
  expect(leftovers(fashion)).toEqual([]);
  expect(await results.about(key)).toMatchObject({
    subject: 'Fashion inventory NOT loaded',
    message: { outcome: 'failed', archiveKey: key, error },
  });
  // Last, since a call is in the log when its connection is done with, which may be told to us later than all else.
  const reads = fashion.laptop.proxy.log
    .entries({ caller: callerOf(fashion, 'Transform'), operation: 'GetObject' })
    .filter(({ resource }) => resource.endsWith(key));
  expect(reads).toHaveLength(1);
  return { cause: failed.cause ?? '' };
}

/** The largest memory of the function's process that failed last, MB; the emulator ends one after each error. */
function takePeak(): number {
  const [noted, ...more] = readdirSync(peaks);
  if (noted === undefined || more.length > 0) throw new Error(`${more.length} processes too many failed`);
  const kibibytes = Number(readFileSync(join(peaks, noted), 'utf8'));
  rmSync(join(peaks, noted));
  return kibibytes / 1024;
}

/** The same bytes, some of them overwritten. */
function damaged(bytes: Buffer, signature: string, offset: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  const at = copy.lastIndexOf(Buffer.from(signature, 'latin1'));
  copy[at + offset] = value;
  return copy;
}

const workbooks: [string, string, () => Uint8Array][] = [
  ['cut off in the middle', 'WorkbookUnreadable', () => hostile.plainWorkbook().subarray(0, 700)],
  [
    'whose directory is damaged',
    'WorkbookUnreadable',
    () => damaged(hostile.plainWorkbook(), 'PK\x01\x02', 1, 0),
  ],
  [
    'in which the start of a part is overwritten',
    'WorkbookUnreadable',
    () => damaged(hostile.plainWorkbook(), 'PK\x03\x04', 0, 0),
  ],
  [
    'with a flipped bit in the compressed sheet',
    'WorkbookUnreadable',
    () => damaged(hostile.plainWorkbook(), 'PK\x03\x04', 200, 0xff),
  ],
  ['of 4 MB that inflates to 4 GB', 'ReportTooLarge', hostile.bomb],
  ['of 4 MB that says 1 MB and inflates to 4 GB', 'WorkbookUnreadable', hostile.lyingBomb],
  ['whose zip entries overlap, 44 KB that inflate to 3 GB', 'WorkbookUnreadable', hostile.overlappingBomb],
  ['with 12,000 cells that share one string of 1 MB', 'ReportTooLarge', hostile.sharedMegabyte],
  ['that is encrypted', 'WorkbookEncrypted', hostile.encryptedWorkbook],
  ['whose sheet is an encrypted zip entry', 'WorkbookEncrypted', hostile.encryptedEntry],
  ['without a sheet that can be seen', 'SheetMissing', hostile.hiddenSheet],
  ['whose sheet is empty', 'HeaderMissing', hostile.emptySheet],
  ['with a billion laughs in its sheet', 'WorkbookUnreadable', hostile.laughingSheet],
  ['with a billion laughs in its shared strings', 'WorkbookUnreadable', hostile.laughingStrings],
  ['that asks for a file of the machine', 'WorkbookUnreadable', hostile.externalEntity],
  ['with a cell of 40,000 characters', 'ReportTooLarge', hostile.longCell],
];

it.each(workbooks)(
  'a workbook %s is refused by name, once, in a fraction of the memory, and the shop keeps what it has',
  async (_what, error, make) => {
    await refusal(make(), error);
    expect(takePeak()).toBeLessThan(transform.memory / 8);
  },
);

it('elements nested 200,000 deep are read as the text that is in them', async () => {
  const place = { date: nextDay(), slot: '0600' };
  const { output } = await importDrop(fashion, hostile.deepNesting(), place);
  expect(output).toMatchObject({ outcome: 'current', transformed: { rowsIn: 1, rowsOut: 1 } });
});

describe('a report over a limit of the stack is refused by name, once', () => {
  const limited = (limits: Partial<TransformLimits>) =>
    transform.set({ LIMITS: JSON.stringify({ ...defaultLimits, ...limits }) });

  it('more rows', async () => {
    await limited({ rows: 3 });
    const { cause } = await refusal(await stockOf({ a: 1, b: 1, c: 1, d: 1 }), 'ReportTooLarge');
    expect(cause).toContain('more than 3 rows');
  });

  it('more distinct strings', async () => {
    await limited({ distinctStrings: 9 });
    const { cause } = await refusal(hostile.distinctStrings(10), 'ReportTooLarge');
    expect(cause).toContain('9 distinct strings');
  });

  it('more bytes when it is inflated', async () => {
    await limited({ inflatedBytes: 1000 });
    const { cause } = await refusal(hostile.plainWorkbook(), 'ReportTooLarge');
    expect(cause).toContain('at most 1000');
  });

  it('a larger workbook, before anything of it is downloaded', async () => {
    const room = join(fashion.laptop.runDirectory.path, 'room');
    writeFileSync(room, '0'); // whoever writes a byte to this disk fails by another name
    const workbook = hostile.plainWorkbook();
    await transform.set({
      ...withRoom(room),
      LIMITS: JSON.stringify({ ...defaultLimits, workbookBytes: workbook.length - 1 }),
    });
    const { cause } = await refusal(workbook, 'ReportTooLarge');
    expect(cause).toContain(`a workbook of ${workbook.length} bytes`);
  });

  it('and one that is just within all of them loads', async () => {
    const place = { date: nextDay(), slot: '0600' };
    const workbook = hostile.distinctStrings(10);
    await limited({ rows: 10, distinctStrings: 10, workbookBytes: workbook.length });
    const { output } = await importDrop(fashion, workbook, place);
    expect(output).toMatchObject({ outcome: 'current', transformed: { rowsIn: 10, rowsOut: 10 } });
  });

  it('limits that are no limits end the function at its start, in one error that names them', async () => {
    await limited({ rows: -1 });
    const place = { date: nextDay(), slot: '0600' };
    const failed = await importDrop(fashion, hostile.plainWorkbook(), place);
    expect(failed.status).toBe('FAILED');
    expect(failed.cause).toContain('LimitsInvalid: the limits of a report are not usable');
    expect(failed.cause).toContain('rows');
  });
});

it('after all of them a good workbook loads', async () => {
  await transform.reset();
  const place = { date: nextDay(), slot: '0600' };
  const { output } = await importDrop(fashion, await stockOf({ coat: 2, dress: 3 }), place);
  expect(output?.outcome).toBe('current');
  expect(await currentStock(fashion)).toEqual({ coat: 2, dress: 3 });
});
