import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import type ExcelJS from 'exceljs';
import { transformVersion } from '../../domain/fashion/transform.ts';
import type { CommandOptions } from '../../local/commands/lab-target.ts';
import { quarantine } from '../../local/commands/quarantine.ts';
import { replay } from '../../local/commands/replay.ts';
import { createProgress } from '../../local/core/progress.ts';
import { writeSession } from '../../local/session.ts';
import { header, inventoryRow, workbookOf } from '../domain/fashion/workbooks.ts';
import {
  calendar,
  currentStock,
  type DropPlace,
  type FashionLab,
  historyOf,
  importDrop,
  keysBelow,
  openFashionLab,
  stagingTables,
} from './fashion-lab.ts';

let fashion: FashionLab;
let folder: string;
let sessions: string;
const nextDate = calendar('2026-11-01');

beforeAll(async () => {
  fashion = await openFashionLab({ hurried: true });
  folder = await mkdtemp(join(tmpdir(), 'corrections-'));
  sessions = join(folder, 'sessions');
  const path = join(sessions, 'run');
  await mkdir(path, { recursive: true });
  writeSession({ ...fashion.laptop, runDirectory: { ...fashion.laptop.runDirectory, path } }, [
    { name: 'fashion', ok: true, deployed: fashion.lab, connect: [] },
  ]);
});
afterAll(async () => {
  await fashion?.close();
  if (folder) await rm(folder, { recursive: true });
});

type Changes = Record<string, ExcelJS.CellValue>;

/** Row 2 is good, rows 3 to 5 are bad in one cell, in two, and in one. */
const someBad = (...more: Changes[]) =>
  workbookOf([
    header,
    ...[
      { sku: 'GOOD', on_hand: 1 },
      { sku: 'B', on_hand: 'zwölf' },
      { sku: 'C', on_hand: -1, unit_price: 'gratis' },
      { sku: 'D', on_hand: 3.5 },
      ...more,
    ].map((row) => inventoryRow({ reserved: 0, ...row })),
  ]);

interface Slot extends DropPlace {
  /** First digits of the workbook's hash. */
  hash: string;
  /** The whole of it. */
  sha256: string;
  key: string;
}

async function arrive(bytes: Uint8Array, place: DropPlace): Promise<Slot> {
  const { input } = await importDrop(fashion, bytes, place);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { ...place, hash: sha256.slice(0, 12), sha256, key: input.key };
}

/** What a command prints, and its exit code. */
async function run(
  command: (args: string[], signal: AbortSignal, options: CommandOptions) => Promise<number>,
  { date, slot }: DropPlace,
  ...options: string[]
): Promise<{ code: number; text: string }> {
  let text = '';
  const stream = {
    write: (part: string) => {
      text += part;
    },
  };
  const progress = createProgress({ animated: false, stream });
  const args = ['fashion', '--date', date, '--slot', slot, ...options];
  const code = await command(args, new AbortController().signal, { progress, sessions });
  return { code, text };
}

let files = 0;
/** A file of the rows that were set aside, after an edit. */
async function sheet(at: Slot, edit: (text: string) => string): Promise<string> {
  const path = join(folder, `rows-${++files}.csv`);
  await run(quarantine, at, '--drop', at.hash, '--out', path);
  await writeFile(path, edit(await readFile(path, 'utf8')));
  return path;
}

const correct = (at: Slot, path: string, ...options: string[]) =>
  run(replay, at, '--drop', at.hash, '--corrected', path, ...options);

const replayed = (text: string) => /^Replay (\S+) from/m.exec(text)?.[1] ?? '';

/** The CSV that a replay wrote. */
async function csvOf({ key }: Slot, text: string): Promise<string> {
  const { Body } = await fashion.driver.s3.send(
    new GetObjectCommand({
      Bucket: fashion.driver.output('ArchiveBucketName'),
      Key: `replay/${replayed(text)}/${key.replace(/^xlsx/, 'csv').replace(/xlsx$/, 'csv')}`,
    }),
  );
  return (await Body?.transformToString()) ?? '';
}

const archivedCorrections = ({ date, slot }: DropPlace) =>
  keysBelow(fashion, `corrections/date=${date}/slot=${slot}/`);

/** Every row of the tables; of the ledger what does not tell of the run that loaded it. */
async function tables(): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const name of ['current_positions', 'position_history', 'current_drop']) {
    const rows = await fashion.query<{ row: string }>(
      `SELECT t::text AS row FROM fashion.${name} t ORDER BY 1`,
    );
    found[name] = rows.map(({ row }) => row);
  }
  const ledger = await fashion.query<{ row: string }>(
    `SELECT (load_key, drop_order, archive_key, outcome, rows_in, rows_loaded, rows_rejected)::text AS row
     FROM fashion.load_ledger ORDER BY 1`,
  );
  return { ...found, load_ledger: ledger.map(({ row }) => row) };
}

/** The load of a slot that is in force, that of the rows in history: its version and its counts in the ledger. */
async function inForce({ date, slot }: DropPlace) {
  const [row] = await fashion.query<{ load_key: string; rows: number[] }>(
    `SELECT load_key, ARRAY[rows_in, rows_loaded, rows_rejected]::int[] AS rows FROM fashion.load_ledger
     WHERE load_key IN (SELECT load_key FROM fashion.position_history
                        WHERE drop_date = '${date}' AND drop_slot = '${slot}')`,
  );
  return { version: row?.load_key.split('/').at(-1) ?? '', rows: row?.rows };
}

const fixB = (text: string) => text.replace(',zwölf,', ',12,');
const fixC = (text: string) => text.replace('""on_hand"":-1', '""on_hand"":7').replace('""gratis""', '9.9');

it('rows that were set aside are fetched, corrected and loaded; those that are bad still stay set aside', async () => {
  const at = await arrive(await someBad(), { date: nextDate(), slot: '0600' });
  expect(await currentStock(fashion)).toEqual({ GOOD: 1 });

  const shown = await run(quarantine, at);
  expect(shown.code).toBe(0);
  expect(shown.text).toContain(`${at.date} 0600 ${at.sha256.slice(0, 16)} inventory.xlsx: 3 rows set aside`);
  expect(shown.text).toMatch(/^3 +H3 +on_hand +zwölf +NotANumber +1$/m);

  const path = await sheet(at, (text) => fixC(fixB(text)).replace(',3.5,', ',-3,'));
  const { code, text } = await correct(at, path);
  expect(code).toBe(0);
  expect(await currentStock(fashion)).toEqual({ B: 12, C: 7, GOOD: 1 });
  expect(await historyOf(fashion, at)).toEqual({ [at.sha256]: 3 });
  expect(await stagingTables(fashion)).toEqual([]);
  expect(text).toMatch(/^Corrections [0-9a-f]{8}: 3 rows of 3 set aside$/m);
  expect(text).toMatch(/^3 +on_hand +zwölf +12$/m);
  expect(text).toMatch(/^4 +unit_price +gratis +9\.9$/m);
  expect(text).toMatch(/ current +4 +3 +1 +archived \+ 2$/m);
  expect(text).toMatch(
    /1 row of the corrected still set aside:\n.*\n.*\n5 +H5 +on_hand +-3 +OutOfRange +1$/m,
  );
  const [archived = ''] = await archivedCorrections(at);
  const hash = /-([0-9a-f]{16})\.csv$/.exec(archived)?.[1];
  expect(await inForce(at)).toEqual({
    version: `v${transformVersion}.c${hash?.slice(0, 8)}`,
    rows: [4, 3, 1],
  });
});

it('the same corrections again change nothing and give the same bytes, whatever program saved them', async () => {
  const at = await arrive(await someBad(), { date: nextDate(), slot: '0600' });
  const path = await sheet(at, fixB);
  const first = await correct(at, path);
  const before = await tables();
  const csv = await csvOf(at, first.text);
  expect(csv).toContain('\nB,');

  const excel = join(folder, 'excel.csv');
  await writeFile(excel, (await readFile(path, 'utf8')).replaceAll('\n', '\r\n'));
  const [, shortHash = ''] = /^Corrections ([0-9a-f]{8})/m.exec(first.text) ?? [];
  for (const options of [
    ['--corrected', path],
    ['--corrected', excel],
    ['--corrections', shortHash],
  ]) {
    const again = await run(replay, at, '--drop', at.hash, ...options);
    expect(again.code).toBe(0);
    expect(await csvOf(at, again.text)).toBe(csv);
    expect(await tables()).toEqual(before);
  }
  expect(await archivedCorrections(at)).toHaveLength(1);
});

it('a plain replay takes the corrections back and says so; the archived ones put them in force again', async () => {
  const at = await arrive(await someBad(), { date: nextDate(), slot: '0600' });
  await correct(at, await sheet(at, fixB));
  const corrected = await tables();
  const { version } = await inForce(at);
  const shortHash = version.slice(-8);

  const plain = await run(replay, at, '--from', 'xlsx');
  expect(plain.text).toMatch(
    new RegExp(`without corrections ${shortHash} \\(.*--drop \\S+ --corrections ${shortHash}`),
  );
  expect(await currentStock(fashion)).toEqual({ GOOD: 1 });
  expect((await inForce(at)).version).toBe(`v${transformVersion}`);

  await run(replay, at, '--drop', at.hash, '--corrections', shortHash);
  expect(await tables()).toEqual(corrected);
  expect((await inForce(at)).version).toBe(version);
});

it('other corrections take the place of earlier ones, and both are kept', async () => {
  const at = await arrive(await someBad(), { date: nextDate(), slot: '0600' });
  await correct(at, await sheet(at, fixB));
  const { text } = await correct(at, await sheet(at, fixC));
  expect(text).toMatch(/they take the place of corrections [0-9a-f]{8} \(.*each file stands for itself/);
  expect(await currentStock(fashion)).toEqual({ C: 7, GOOD: 1 });
  expect(await archivedCorrections(at)).toHaveLength(2);

  const there = /there is [0-9a-f]{8} \(.*, [0-9a-f]{8} \(/;
  await expect(run(replay, at, '--drop', at.hash, '--corrections', 'fffffff0')).rejects.toMatchObject({
    code: 'CorrectionsUnknown',
    message: expect.stringMatching(there),
  });
});

it('a corrected older drop goes to history only, and to current positions when forced', async () => {
  const older = await arrive(await someBad(), { date: nextDate(), slot: '0600' });
  const newer = await arrive(await someBad({ sku: 'NEW', on_hand: 5 }), { date: nextDate(), slot: '0600' });
  const path = await sheet(older, fixB);
  const { text } = await correct(older, path);
  expect(text).toMatch(/ history +4 +2 +2 /);
  expect(await currentStock(fashion)).toEqual({ GOOD: 1, NEW: 5 });
  expect(await historyOf(fashion, older)).toEqual({ [older.sha256]: 2 });

  expect((await correct(older, path, '--force')).text).toMatch(/ current +4 +2 +2 /);
  expect(await currentStock(fashion)).toEqual({ B: 12, GOOD: 1 });
  await run(replay, newer, '--from', 'csv');
  expect(await currentStock(fashion)).toEqual({ GOOD: 1, NEW: 5 });
});

it("another drop's file, a row that is not set aside and a file that corrects nothing are refused, and nothing is started or archived", async () => {
  const date = nextDate();
  const one = await arrive(await someBad(), { date, slot: '0600' });
  const other = await arrive(await someBad({ sku: 'E', on_hand: 4 }), { date, slot: '1800' });
  const before = await tables();
  const refusals = [
    [other, fixB, 'CorrectionsForeign', `line 2 is of ${date}/1800/`],
    [
      one,
      (text: string) => fixB(text).replace('\n3,', '\n2,'),
      'CorrectionsForeign',
      'line 2: row 2 is not set aside',
    ],
    [one, (text: string) => text, 'CorrectionsEmpty', '3 lines, all as they were'],
    [one, (text: string) => text.replace('""on_hand"":-1', '""on_hand"":'), 'CorrectionRawInvalid', 'line 3'],
  ] as const;
  for (const [from, edit, code, message] of refusals) {
    await expect(correct(one, await sheet(from, edit))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  }
  await expect(correct(one, join(folder, 'none.csv'))).rejects.toMatchObject({ code: 'FileUnusable' });
  expect(await archivedCorrections(one)).toEqual([]);
  expect(await tables()).toEqual(before);
});

it('corrections that the transform finds to be of other rows fail the import by name, once, and the tables stay', async () => {
  const date = nextDate();
  const one = await arrive(await someBad(), { date, slot: '0600' });
  const other = await arrive(await someBad({ sku: 'E', on_hand: 4 }), { date, slot: '1800' });
  await correct(other, await sheet(other, fixB));
  const [corrections = ''] = await archivedCorrections(other);
  const before = await tables();
  const execution = await fashion.driver.run(fashion.driver.output('ImportStateMachineArn'), {
    bucket: fashion.driver.output('ArchiveBucketName'),
    key: one.key,
    arrivedAt: new Date().toISOString(),
    from: 'xlsx',
    replay: 'by-hand',
    corrections,
    force: false,
    attempts: 3,
    waits: { statementSeconds: 0, retrySeconds: 0 },
  });
  expect(execution).toMatchObject({ status: 'FAILED', error: 'CorrectionsForeign' });
  expect(await tables()).toEqual(before);
});

it('a drop without bad rows has none to fetch or to correct', async () => {
  const bytes = await workbookOf([header, inventoryRow({ on_hand: 1, reserved: 0 })]);
  const at = await arrive(bytes, { date: nextDate(), slot: '0600' });
  await expect(run(quarantine, at)).rejects.toMatchObject({ code: 'NothingSetAside' });
  await expect(correct(at, join(folder, 'none.csv'))).rejects.toMatchObject({ code: 'NothingSetAside' });
  await expect(run(quarantine, { date: '2026-10-01', slot: '0600' })).rejects.toMatchObject({
    code: 'SlotNotArchived',
  });
});

it('a report whose rows were all bad loads those that are corrected', async () => {
  const rows = [
    { sku: 'A', on_hand: 'x' },
    { sku: 'B', on_hand: 'zwölf' },
  ].map((row) => inventoryRow({ reserved: 0, ...row }));
  const at = await arrive(await workbookOf([header, ...rows]), { date: nextDate(), slot: '0600' });
  const { code, text } = await correct(at, await sheet(at, fixB));
  expect(code).toBe(0);
  expect(text).toMatch(/ current +2 +1 +1 +none archived$/m);
  expect(await currentStock(fashion)).toEqual({ B: 12 });
});

it('a workbook that a person put into the archive is corrected too', async () => {
  const date = nextDate();
  const bytes = await someBad();
  await importDrop(fashion, bytes, `xlsx/date=${date}/slot=0600/late report.xlsx`);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const at = { date, slot: '0600', sha256, hash: sha256.slice(0, 12), key: '' };
  const { code, text } = await correct(at, await sheet(at, fixB));
  expect(code).toBe(0);
  expect(text).toMatch(/by hand +late report\.xlsx +current +4 +2 +2 +archived \+ 1$/m);
});

it('a file that is there already is not written over: someone may have worked in it', async () => {
  const at = await arrive(await someBad(), { date: nextDate(), slot: '0600' });
  const path = await sheet(at, fixB);
  await expect(run(quarantine, at, '--drop', at.hash, '--out', path)).rejects.toMatchObject({
    code: 'FileUnusable',
    message: expect.stringContaining(path),
  });
  expect(await readFile(path, 'utf8')).toContain(',12,');
});

it('of a slot with several drops all are shown, and one has to be named for a file', async () => {
  const date = nextDate();
  const first = await arrive(await someBad(), { date, slot: '0600' });
  const second = await arrive(await someBad({ sku: 'E', on_hand: 4 }), { date, slot: '0600', minutes: 20 });
  const { text } = await run(quarantine, first);
  for (const { sha256 } of [first, second]) expect(text).toContain(sha256.slice(0, 16));
  await expect(run(quarantine, first, '--out', join(folder, 'of-two.csv'))).rejects.toMatchObject({
    code: 'DropAmbiguous',
    message: expect.stringContaining(second.sha256.slice(0, 16)),
  });
});
