import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { parseArchiveKey, transformVersionField, workbookHashField } from '../../domain/fashion/contract.ts';
import { transformVersion } from '../../domain/fashion/transform.ts';
import { replay } from '../../local/commands/replay.ts';
import { createProgress } from '../../local/core/progress.ts';
import { replayFashion } from '../../local/fashion/replay.ts';
import { makeReport } from '../../local/outside/inventory-reports.ts';
import { writeSession } from '../../local/session.ts';
import {
  callerOf,
  currentStock,
  type FashionLab,
  historyOf,
  importDrop,
  ledgerOf,
  openFashionLab,
  putObject,
  stagingTables,
  stockOf,
} from './fashion-lab.ts';

let fashion: FashionLab;
let sessions: string;
/** Drops by slot, in order: their hashes and keys. */
const loaded: Record<string, { sha256: string; csvKey: string; key: string }[]> = {};

const oldest = ['2026-11-01', '0600'] as const;
const twice = ['2026-11-01', '1800'] as const;
const newest = ['2026-11-02', '0600'] as const;

beforeAll(async () => {
  fashion = await openFashionLab();
  sessions = await mkdtemp(join(tmpdir(), 'sessions-'));
  const path = join(sessions, 'run');
  await mkdir(path);
  writeSession({ ...fashion.laptop, runDirectory: { ...fashion.laptop.runDirectory, path } }, [
    { name: 'fashion', ok: true, deployed: fashion.lab, connect: [] },
  ]);
  await load(oldest, await stockOf({ A: 1, B: 2 }));
  const first = await stockOf({ A: 3 });
  await load(twice, first, 1);
  await load(twice, await sameDigit(first), 20);
  const { bytes } = await makeReport({ seed: 'replay', date: newest[0], slot: newest[1], rows: 300 });
  await load(newest, bytes);
});
afterAll(async () => {
  await fashion?.close();
  if (sessions) await rm(sessions, { recursive: true });
});

async function load([date, slot]: readonly [string, string], bytes: Uint8Array, minutes = 0): Promise<void> {
  const { input, output, cause } = await importDrop(fashion, bytes, { date, slot, minutes });
  if (!output) throw new Error(cause);
  const { drop, csvKey } = output.transformed;
  const ofSlot = loaded[`${date} ${slot}`] ?? [];
  loaded[`${date} ${slot}`] = ofSlot;
  ofSlot.push({ sha256: drop.sha256, csvKey, key: input.key });
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Another stock, whose workbook's hash begins with the same digit. */
async function sameDigit(as: Uint8Array): Promise<Uint8Array> {
  for (let onHand = 4; ; onHand += 1) {
    const bytes = await stockOf({ A: onHand, B: 5 });
    if (sha256(bytes)[0] === sha256(as)[0]) return bytes;
  }
}

const drop = ([date, slot]: readonly [string, string], index = 0) => {
  const found = loaded[`${date} ${slot}`]?.[index];
  if (!found) throw new Error(`no drop ${index} in ${date} ${slot}`);
  return found;
};

/** What the command prints, and its exit code. */
async function run(
  [date, slot]: readonly [string, string],
  options: string[],
  signal: AbortSignal = new AbortController().signal,
): Promise<{ code: number; text: string }> {
  const { progress, printed } = printer();
  const args = ['fashion', '--date', date, '--slot', slot, ...options];
  const code = await replay(args, signal, { progress, sessions });
  return { code, text: printed() };
}

function printer() {
  let text = '';
  const stream = {
    write: (part: string) => {
      text += part;
    },
  };
  return { progress: createProgress({ animated: false, stream }), printed: () => text };
}

/** Every row of the tables; of the ledger what does not tell of the run that loaded it. */
async function tables(): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const [name, columns] of Object.entries({
    current_positions: 't.*',
    position_history: 't.*',
    current_drop: 't.*',
    load_ledger:
      'load_key, drop_date, drop_slot, drop_sha256, modified_at_ms, transform_version, drop_order, archive_key, ' +
      'rows_in, rows_loaded, rows_rejected, modified_at',
  })) {
    const rows = await fashion.query<{ row: string }>(
      `SELECT whole::text AS row FROM (SELECT ${columns} FROM fashion.${name} t) AS whole ORDER BY 1`,
    );
    found[name] = rows.map(({ row }) => row);
  }
  return found;
}

async function object(key: string): Promise<{ bytes: Uint8Array; metadata: Record<string, string> }> {
  const { Body, Metadata } = await fashion.driver.s3.send(
    new GetObjectCommand({ Bucket: fashion.driver.output('ArchiveBucketName'), Key: key }),
  );
  return { bytes: (await Body?.transformToByteArray()) ?? new Uint8Array(), metadata: Metadata ?? {} };
}

async function putCsv(key: string, bytes: Uint8Array, metadata: Record<string, string>): Promise<void> {
  await fashion.driver.s3.send(
    new PutObjectCommand({
      Bucket: fashion.driver.output('ArchiveBucketName'),
      Key: key,
      Body: bytes,
      Metadata: metadata,
    }),
  );
}

it.each(['xlsx', 'csv'])('a slot replayed from %s changes nothing in the tables', async (from) => {
  const before = await tables();
  const { code, text } = await run(newest, ['--from', from]);
  expect(code).toBe(0);
  expect(await tables()).toEqual(before);
  expect(await stagingTables(fashion)).toEqual([]);
  expect(text).toMatch(/2026-11-02 0600 +[0-9a-f]{16} +inventory\.xlsx +current +300 +299 +1 /);
});

it('a replay from xlsx writes beside the archive, and proves its csv the archived one', async () => {
  const { text } = await run(newest, ['--from', 'xlsx']);
  const archived = await object(drop(newest).csvKey);
  expect(text).toContain(`csv byte-identical to the archived one, sha256 ${sha256(archived.bytes)}`);
  const [, replayId = ''] = /^Replay (\S+) from xlsx/.exec(text) ?? [];
  expect(replayId).toMatch(/^\d{8}T\d{6}Z-[0-9a-f]{6}$/);
  const replayed = await object(`replay/${replayId}/${drop(newest).csvKey}`);
  expect(sha256(replayed.bytes)).toBe(sha256(archived.bytes));
});

it('all drops of a slot are replayed in their order; a hash picks one', async () => {
  const both = await run(twice, ['--from', 'xlsx']);
  const shown = [...both.text.matchAll(/^2026-11-01 1800 +([0-9a-f]{16})/gm)].map(([, hash]) => hash);
  expect(shown).toEqual([0, 1].map((index) => drop(twice, index).sha256.slice(0, 16)));

  for (const digits of [12, 64]) {
    const one = await run(twice, ['--from', 'csv', '--drop', drop(twice, 1).sha256.slice(0, digits)]);
    expect(one.text.match(/^2026-11-01 1800 /gm)).toHaveLength(1);
    expect(one.text).not.toContain(drop(twice, 0).sha256.slice(0, 16));
  }
});

it('a listing of several pages is read to its end', async () => {
  const { progress, printed } = printer();
  await replayFashion({
    target: { ...fashion.lab, clients: fashion.laptop.clients, pathStyle: true },
    request: { date: twice[0], slot: twice[1], from: 'csv', force: false },
    progress,
    signal: new AbortController().signal,
    pageSize: 1,
  });
  expect(printed()).toContain(drop(twice, 1).sha256.slice(0, 16));
});

it('a hash of no drop, or of several, is refused with a list of what there is', async () => {
  const [first, second] = [drop(twice, 0).sha256, drop(twice, 1).sha256];
  const listed = new RegExp(`${first.slice(0, 16)} \\(.*${second.slice(0, 16)} \\(`);
  await expect(run(twice, ['--from', 'csv', '--drop', '0'.repeat(20)])).rejects.toMatchObject({
    code: 'DropUnknown',
    message: expect.stringMatching(listed),
  });
  await expect(run(twice, ['--from', 'csv', '--drop', first.slice(0, 1)])).rejects.toMatchObject({
    code: 'DropAmbiguous',
    message: expect.stringMatching(listed),
  });
});

it('a slot without a drop is refused with the slots of its date', async () => {
  await expect(run(['2026-11-01', '1200'], ['--from', 'xlsx'])).rejects.toMatchObject({
    code: 'SlotNotArchived',
    message: expect.stringContaining('2026-11-01 1200; of that date it holds 0600 (1 drop), 1800 (2 drops)'),
  });
  await expect(run(['2026-10-31', '0600'], ['--from', 'xlsx'])).rejects.toMatchObject({
    message: expect.stringContaining('of that date it holds none'),
  });
});

it('an older drop goes to history only, and to current positions when forced', async () => {
  const before = await tables();
  const unforced = await run(oldest, ['--from', 'csv']);
  expect(unforced.text).toMatch(/ history /);
  expect(await tables()).toEqual(before);

  const forced = await run(oldest, ['--from', 'csv', '--force']);
  expect(forced.text).toMatch(/ current /);
  expect(await currentStock(fashion)).toEqual({ A: 1, B: 2 });

  await run(newest, ['--from', 'csv']);
  expect(await tables()).toEqual(before);
});

it('a slot with several drops, forced, shows the shop the last of them alone', async () => {
  const { text } = await run(twice, ['--from', 'csv', '--force']);
  expect(
    [...text.matchAll(/^2026-11-01 1800 .* (current|history) /gm)].map(([, outcome]) => outcome),
  ).toEqual(['history', 'current']);
  await run(newest, ['--from', 'csv']);
});

it.each(['xlsx', 'csv'])(
  'tables that lost everything are as they were after replays from %s',
  async (from) => {
    const before = await tables();
    for (const table of ['current_positions', 'position_history', 'current_drop', 'load_ledger'])
      await fashion.query(`TRUNCATE fashion.${table}`);
    for (const slot of [oldest, twice, newest]) expect((await run(slot, ['--from', from])).code).toBe(0);
    expect(await tables()).toEqual(before);
  },
);

it('a csv that was changed in the archive is shown line by line, and fails the command', async () => {
  const { csvKey } = drop(oldest);
  const { bytes, metadata } = await object(csvKey);
  const changed = Buffer.from(bytes).toString().replace('B,', 'C,');
  await putCsv(csvKey, Buffer.from(changed), metadata);
  try {
    const { code, text } = await run(oldest, ['--from', 'xlsx']);
    expect(code).toBe(1);
    expect(text).toMatch(/✗ csv differs/);
    expect(text).toMatch(/line 3\n +archived "C,.*\n +replayed "B,/);
    const version = `transform version ${transformVersion},`;
    expect(text).toMatch(new RegExp(`archived: ${version} .*\\n +replayed: ${version}`));

    await putCsv(csvKey, Buffer.from(changed), {}); // nobody says which version wrote it
    expect((await run(oldest, ['--from', 'xlsx'])).code).toBe(1);
  } finally {
    await putCsv(csvKey, bytes, metadata);
  }
});

it('a drop has one set of rows in history, of the transform version that was loaded last', async () => {
  const before = await tables();
  const { csvKey, sha256: hash } = drop(oldest);
  const { bytes, metadata } = await object(csvKey);
  const lines = Buffer.from(bytes).toString().split('\n');
  const older = Buffer.from(`${lines.slice(0, 2).join('\n')}\n`); // a row less
  try {
    await putCsv(csvKey, older, { ...metadata, [transformVersionField]: '0', [workbookHashField]: hash });
    await run(oldest, ['--from', 'csv']);
    expect(await historyOf(fashion, { date: oldest[0], slot: oldest[1] })).toEqual({ [hash]: 1 });

    const { code, text } = await run(oldest, ['--from', 'xlsx']);
    expect(code).toBe(0); // another version may write other bytes
    expect(text).toMatch(
      new RegExp(
        `archived: transform version 0, 2 lines.*\\n +replayed: transform version ${transformVersion}, 3 lines`,
      ),
    );
    expect(await historyOf(fashion, { date: oldest[0], slot: oldest[1] })).toEqual({ [hash]: 2 });
    const keys = await ledgerOf(fashion, { date: oldest[0], slot: oldest[1] });
    expect(keys.map(({ load_key }) => load_key.split('/').at(-1)).sort()).toEqual([
      'v0',
      `v${transformVersion}`,
    ]);
  } finally {
    await putCsv(csvKey, bytes, metadata);
    await fashion.query("DELETE FROM fashion.load_ledger WHERE load_key LIKE '%/v0'");
  }
  expect(await tables()).toEqual(before);
});

it('without an archived csv the workbook is loaded and said to be alone; put back, it is archived again', async () => {
  const { csvKey, key } = drop(oldest);
  const bucket = fashion.driver.output('ArchiveBucketName');
  const { bytes } = await object(csvKey);
  await fashion.driver.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: csvKey }));
  const fromWorkbook = await run(oldest, ['--from', 'xlsx']);
  expect(fromWorkbook.code).toBe(0);
  expect(fromWorkbook.text).toContain(`the archive holds no csv of this drop to compare with: ${csvKey}`);
  const fromCsv = await run(oldest, ['--from', 'csv']);
  expect(fromCsv.code).toBe(1);
  expect(fromCsv.text).toMatch(/^✗ .*ArchivedCsvMissing/m);

  const imports = (await fashion.driver.imports(key)).length;
  await fashion.driver.s3.send(
    new CopyObjectCommand({
      Bucket: bucket,
      Key: key,
      CopySource: `${bucket}/${key}`,
      MetadataDirective: 'REPLACE',
    }),
  );
  const again = await fashion.driver.imported(key, imports + 1);
  expect(again.output?.outcome).toBe('already-loaded');
  expect(sha256((await object(csvKey)).bytes)).toBe(sha256(bytes));
});

it('a failed execution is told in one line, the other drops of the slot are replayed', async () => {
  const [date, slot] = ['2026-10-01', '0600'];
  const key = drop(oldest).key.replace('date=2026-11-01', `date=${date}`);
  const broken = await importDrop(fashion, Buffer.from('not the workbook of that hash'), key);
  expect(broken.error).toBe('ArchiveHashMismatch');
  await load([date, slot], await stockOf({ A: 9 }), 60 * 24 * 90); // the later of the two

  const before = await tables();
  const { code, text } = await run([date, slot], ['--from', 'xlsx']);
  expect(code).toBe(1);
  expect(
    text.match(/^✗ .*ReplayFailed: .*ArchiveHashMismatch: the archived workbook is not.*$/gm),
  ).toHaveLength(1);
  expect(text).not.toContain('"trace"');
  expect(text).toMatch(/✗ failed/);
  expect(text).toContain('byte-identical');
  expect(await tables()).toEqual(before);
});

it('a workbook that a person put into the archive is replayed too', async () => {
  const key = 'xlsx/date=2026-10-02/slot=0600/late report.xlsx';
  expect(parseArchiveKey(key)).not.toHaveProperty('sha256Start');
  await importDrop(fashion, await stockOf({ A: 7 }), key);
  await putObject(fashion, 'xlsx/date=2026-10-02/slot=0600/readme.txt', Buffer.from('no workbook'));
  const { code, text } = await run(['2026-10-02', '0600'], ['--from', 'xlsx']);
  expect(code).toBe(0);
  expect(text).toMatch(/by hand +late report\.xlsx +history +1 +1 +0 +identical/);
});

it('an interrupted replay says that its execution goes on, and it does', async () => {
  const stopping = new AbortController();
  const { progress, printed } = printer();
  const running = fashion.laptop.proxy.faults.add(
    { caller: callerOf(fashion, 'Transform'), operation: 'GetObject' },
    { kind: 'hold' },
  );
  // The step's detail is said as long as the execution runs.
  const waiting = replay(
    ['fashion', '--date', newest[0], '--slot', newest[1], '--from', 'xlsx'],
    stopping.signal,
    {
      progress: {
        ...progress,
        step: (name, work) =>
          progress.step(name, (step) =>
            work({
              ...step,
              detail: (text) => {
                step.detail(text);
                stopping.abort('SIGINT');
              },
            }),
          ),
      },
      sessions,
    },
  );
  await expect(waiting).rejects.toThrow('stopped: SIGINT');
  running.remove();
  const [, arn = ''] = /no longer waited for; the execution goes on: (arn:\S+)/.exec(printed()) ?? [];
  expect((await fashion.driver.ended(arn)).status).toBe('SUCCEEDED');
});

it('a state machine that cannot be started is told in one line, nothing is loaded', async () => {
  const { progress, printed } = printer();
  const outputs = {
    ...fashion.lab.outputs,
    ImportStateMachineArn: `${fashion.lab.outputs.ImportStateMachineArn}x`,
  };
  const code = await replayFashion({
    target: { ...fashion.lab, clients: fashion.laptop.clients, outputs, pathStyle: true },
    request: { date: twice[0], slot: twice[1], from: 'csv', force: false },
    progress,
    signal: new AbortController().signal,
  });
  expect(code).toBe(1);
  expect(printed()).toMatch(/^Replay .*\n✗ .*AwsCallFailed: .*StateMachineDoesNotExist.*\n$/);
});

describe('by the outputs of a stack', () => {
  const names = [
    'AWS_ENDPOINT_URL',
    'AWS_REGION',
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
    'AWS_CA_BUNDLE',
  ];
  const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  beforeAll(() => {
    const { endpoint, region, clients, certificate } = fashion.laptop;
    set({
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: clients.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: clients.credentials.secretAccessKey,
      AWS_SESSION_TOKEN: clients.credentials.sessionToken,
      AWS_CA_BUNDLE: certificate.authority,
    });
  });
  afterAll(() => set(before));

  function set(values: Record<string, string | undefined>): void {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }

  it('a slot is replayed with what the environment says', async () => {
    const { code, text } = await run(newest, ['--from', 'xlsx', '--stack', fashion.lab.stack]);
    expect(code).toBe(0);
    expect(text).toContain('csv byte-identical');
  });

  it('an unknown stack is refused by name', async () => {
    await expect(run(newest, ['--from', 'xlsx', '--stack', 'Nowhere'])).rejects.toMatchObject({
      code: 'StackUnreadable',
      message: expect.stringContaining('Nowhere'),
    });
  });

  it('a stack of another kind is refused', async () => {
    await expect(run(newest, ['--from', 'xlsx', '--stack', 'CDKToolkit'])).rejects.toMatchObject({
      code: 'StackUnreadable',
    });
  });

  it('an endpoint that does not answer is one clear error', async () => {
    set({ AWS_ENDPOINT_URL: 'https://127.0.0.1:9' });
    await expect(run(newest, ['--from', 'xlsx', '--stack', fashion.lab.stack])).rejects.toMatchObject({
      code: 'StackUnreadable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});
