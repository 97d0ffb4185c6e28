import { appendFile, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketNotificationConfigurationCommand,
} from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import {
  type CollectionInput,
  type CollectRequest,
  type CollectResult,
  type DropKey,
  type ImportInput,
  importOfArrival,
  parseArchiveKey,
  type RecoverRequest,
  type RecoverResult,
} from '../../domain/fashion/contract.ts';
import { type DateAndSlot, slotInstant } from '../../domain/fashion/drop.ts';
import { metricNamespaceOf } from '../../domain/shared/contract.ts';
import { type Execution, timeZone } from '../../local/fashion/driver.ts';
import { killFunction, logicalIdOf } from '../../local/function-processes.ts';
import { startSftpServer } from '../../local/outside/sftp-server.ts';
import { newKeyPair } from '../../local/outside/ssh-keys.ts';
import type { Fault } from '../../local/proxy/faults.ts';
import { countedReport, expectEachRowOnce } from './fashion-accounts.ts';
import {
  calendar,
  callerOf,
  currentStock,
  type FashionLab,
  historyOf,
  importDrop,
  importWith,
  keysBelow,
  ledgerOf,
  noWaits,
  openFashionLab,
  putObject,
  statesOf,
  stockOf,
} from './fashion-lab.ts';
import { type FunctionSettings, functionSettings, withClock } from './function-settings.ts';

let fashion: FashionLab;
let lambda: LambdaClient;
let collector: FunctionSettings;
let collectorIsChanged = false;
let tables: DynamoDBDocumentClient;
beforeAll(async () => {
  fashion = await openFashionLab();
  lambda = new LambdaClient(fashion.laptop.clients);
  collector = await functionSettings(fashion, 'Collect');
  tables = DynamoDBDocumentClient.from(new DynamoDBClient(fashion.laptop.clients));
});
afterAll(async () => {
  lambda?.destroy();
  collector?.close();
  tables?.destroy();
  await fashion?.close();
});
afterEach(async () => {
  fashion.laptop.proxy.faults.clear();
  if (collectorIsChanged) await collector.reset();
  collectorIsChanged = false;
  fashion.driver.sftp.heal();
  await fashion.driver.fillInSecret({});
  for (const name of await readdir(fashion.driver.served)) await rm(join(fashion.driver.served, name));
});

const nextDay = calendar('2026-11-20');

/** The client's software writes a file; `modifiedAt` in epoch milliseconds. */
async function clientWrites(name: string, bytes: Uint8Array, modifiedAt: number): Promise<void> {
  const path = join(fashion.driver.served, name);
  // Under a dot-name first, so that no look sees it with the wrong time.
  const hidden = join(fashion.driver.served, `.${name}`);
  await writeFile(hidden, bytes);
  await utimes(hidden, modifiedAt / 1000, modifiedAt / 1000);
  await rename(hidden, path);
}

/** What the collection state machine returns. */
type Collected = Pick<CollectResult, 'slot' | 'collected' | 'settling' | 'rehashed'> & {
  recovered: RecoverResult;
};

async function collect(
  at: DateAndSlot,
  changes: Partial<CollectionInput> = {},
): Promise<{ execution: Execution; result: Collected }> {
  const execution = await fashion.driver.triggerSchedule(at, {
    looks: 1,
    rehashSeconds: 0,
    waits: noWaits,
    ...changes,
  });
  return { execution, result: execution.output as unknown as Collected };
}

/** What has a run hash the files of the last days again. */
const again = { rehashSeconds: 3 * 86_400 };

/** What the collector's table has of a file. */
async function known(name: string) {
  const table = fashion.lab.resources.get(
    [...fashion.lab.resources.keys()].find((id) => id.startsWith('CollectedFiles')) ?? '',
  );
  const { Item } = await tables.send(new GetCommand({ TableName: table, Key: { path: `/${name}` } }));
  return Item as Record<string, never> & { claim: { lapsesAt: number }; collectedAt: string };
}

/** Deploys the collector with other settings than the stack's, until the test is over. */
async function setCollector(variables: Record<string, string>, timeout?: number): Promise<void> {
  collectorIsChanged = true;
  await collector.set(variables, timeout);
}

/** Holds the next look, or the one after so many, at its first call: before it has seen anything of the client's server. */
function holdLook(after = 0): Fault {
  return fashion.laptop.proxy.faults.add(
    { caller: callerOf(fashion, 'Collect'), operation: 'GetSecretValue', after, times: 1 },
    { kind: 'hold' },
  );
}

/** Does something before each look from now on, which waits for it. Never settles; to be raced with what looks. */
async function beforeEachLook(work: () => Promise<unknown>): Promise<never> {
  for (let look = holdLook(); ; ) {
    await look.reached();
    await work();
    const next = holdLook();
    look.release();
    look = next;
  }
}

/** Collects and waits for the imports of all that was collected. */
async function collectAndImport(at: DateAndSlot, changes: Partial<CollectionInput> = {}): Promise<string[]> {
  const { execution, result } = await collect(at, changes);
  expect(execution).toMatchObject({ status: 'SUCCEEDED' });
  const keys = result.collected.map(({ key }) => key);
  for (const key of keys) expect(await fashion.driver.imported(key)).toMatchObject({ status: 'SUCCEEDED' });
  return keys;
}

/** The client's server since now. */
function watched() {
  const { sftp } = fashion.driver;
  const [connections, logins, requests] = [sftp.connections, sftp.logins.length, sftp.requests.length];
  return {
    connections: () => sftp.connections - connections,
    logins: () => sftp.logins.slice(logins),
    operations: () => sftp.requests.slice(requests).map(({ operation }) => operation),
    /** How often the directory was listed. */
    looks: () => sftp.requests.slice(requests).filter(({ operation }) => operation === 'OPENDIR').length,
    /** The files that were opened, one entry each time. */
    opens: () =>
      sftp.requests
        .slice(requests)
        .filter(({ operation }) => operation === 'OPEN')
        .map(({ path }) => path),
    /** Settles when the first byte of a file has been asked for. */
    reading: async () => {
      while (!sftp.requests.slice(requests).some(({ operation }) => operation === 'READ')) await sleep(5);
    },
  };
}

interface Metrics extends Record<string, unknown> {
  _aws: { Timestamp: number; CloudWatchMetrics: unknown[] };
}

/** Calls a function: what it returns, and the lines for CloudWatch in its log, those of a call before included. */
async function called<Result>(
  name: string,
  request: unknown,
): Promise<{ result: Result; metrics: Metrics[] }> {
  const { Payload, LogResult = '' } = await lambda.send(
    new InvokeCommand({
      FunctionName: fashion.lab.resources.get(logicalIdOf(fashion.lab, name)),
      Payload: JSON.stringify(request),
      LogType: 'Tail',
    }),
  );
  const lines = Buffer.from(LogResult, 'base64').toString().split('\n');
  return {
    result: JSON.parse(Payload?.transformToString() ?? '') as Result,
    metrics: lines.filter((line) => line.startsWith('{"_aws"')).map((line) => JSON.parse(line) as Metrics),
  };
}

const nameFor = ({ date, slot }: DateAndSlot) => `inventory_${date}_${slot}.xlsx`;
const writtenAt = (at: DateAndSlot) => slotInstant(at, timeZone) + 90_000;

it('reads a file of the client once and changes nothing on the server', async () => {
  const at = { date: nextDay(), slot: '0600' };
  const bytes = await stockOf({ coat: 1 });
  await clientWrites(nameFor(at), bytes, writtenAt(at));
  const [key = ''] = await collectAndImport(at);

  const second = watched();
  const { execution, result } = await collect(at);
  expect(execution.status).toBe('SUCCEEDED');
  expect(result.collected).toEqual([]);
  expect(second.operations()).not.toContain('OPEN');

  const { Versions } = await fashion.driver.s3.send(
    new ListObjectVersionsCommand({ Bucket: fashion.driver.output('ArchiveBucketName'), Prefix: key }),
  );
  expect(Versions).toHaveLength(1);
  expect(fashion.driver.sftp.refused).toEqual([]);
  const path = join(fashion.driver.served, nameFor(at));
  expect(await readdir(fashion.driver.served)).toEqual([nameFor(at)]);
  expect(Buffer.compare(await readFile(path), bytes)).toBe(0);
  expect((await stat(path)).mtimeMs).toBe(writtenAt(at));
});

it('a server with another host key is refused before the login, and not tried again', async () => {
  const at = { date: nextDay(), slot: '0600' };
  const server = watched();
  fashion.driver.sftp.faults.otherHostKey = true;
  const { execution } = await collect(at, { attempts: 3, looks: 3 });
  expect(execution).toMatchObject({ status: 'FAILED', error: 'SftpHostKeyMismatch' });
  expect(server.connections()).toBe(1);
  expect(server.logins()).toEqual([]);
});

it('a wrong password fails the collection, and is not tried again', async () => {
  const at = { date: nextDay(), slot: '0600' };
  const server = watched();
  await fashion.driver.fillInSecret({ password: 'of last year' });
  const { execution } = await collect(at, { attempts: 3, looks: 3 });
  expect(execution).toMatchObject({ status: 'FAILED', error: 'SftpLoginRefused' });
  expect(execution.cause).not.toContain('of last year');
  expect(server.connections()).toBe(1);
});

it('a secret that nobody has filled in fails the collection by name', async () => {
  await fashion.driver.fillInSecret({ hostKey: undefined, password: undefined });
  const { execution } = await collect({ date: nextDay(), slot: '0600' }, { attempts: 3 });
  expect(execution).toMatchObject({ status: 'FAILED', error: 'SftpSecretInvalid' });
  expect(execution.cause).toContain('hostKey');
});

it('a server that refuses connections is tried again, and the report loads when it is back', async () => {
  const at = { date: nextDay(), slot: '0600' };
  await clientWrites(nameFor(at), await stockOf({ coat: 2 }), writtenAt(at));
  const server = watched();
  Object.assign(fashion.driver.sftp.faults, { refuse: true, strikes: 2 });
  await collectAndImport(at, { attempts: 3 });
  // Two refused, one that sees the file, one that sees it at rest.
  expect(server.connections()).toBe(4);
  expect(await currentStock(fashion)).toEqual({ coat: 2 });
});

it('a server that stays away fails the collection after as many attempts as its input says', async () => {
  const server = watched();
  fashion.driver.sftp.faults.refuse = true;
  const { execution } = await collect({ date: nextDay(), slot: '0600' }, { attempts: 2 });
  expect(execution).toMatchObject({ status: 'FAILED', error: 'SftpUnreachable' });
  expect(server.connections()).toBe(2);
});

it('a connection that breaks within a file leaves nothing below xlsx/, and the next attempt takes the file', async () => {
  const at = { date: nextDay(), slot: '0600' };
  const bytes = await stockOf({ coat: 3 });
  await clientWrites(nameFor(at), bytes, writtenAt(at));
  Object.assign(fashion.driver.sftp.faults, { dropAfterBytes: Math.floor(bytes.length / 2), strikes: 1 });
  const [key = ''] = await collectAndImport(at, { attempts: 2 });
  expect(fashion.driver.sftp.struck.at(-1)?.fault).toBe('dropAfterBytes');
  const { Versions } = await fashion.driver.s3.send(
    new ListObjectVersionsCommand({
      Bucket: fashion.driver.output('ArchiveBucketName'),
      Prefix: `xlsx/date=${at.date}/`,
    }),
  );
  expect(Versions?.map(({ Key, Size }) => [Key, Size])).toEqual([[key, bytes.length]]);
});

it('a private key logs in where no password does', async () => {
  const at = { date: nextDay(), slot: '0600' };
  const pair = newKeyPair();
  const server = await startSftpServer({
    root: fashion.driver.served,
    accounts: [{ username: 'inventory', publicKey: pair.public }],
  });
  try {
    await clientWrites(nameFor(at), await stockOf({ coat: 4 }), writtenAt(at));
    await fashion.driver.fillInSecret({
      port: server.port,
      hostKey: server.hostKeyFingerprint,
      password: undefined,
      privateKey: pair.private,
    });
    await collectAndImport(at);
    expect(server.logins.at(-1)).toMatchObject({ method: 'publickey', accepted: true });
    expect(await currentStock(fashion)).toEqual({ coat: 4 });
  } finally {
    await server.close();
  }
});

it('a slot without a report uses up its looks and fails as DropMissing', async () => {
  const at = { date: nextDay(), slot: '1800' };
  const server = watched();
  const { execution } = await collect(at, { looks: 3, attempts: 5 });
  expect(execution).toMatchObject({ status: 'FAILED', error: 'DropMissing' });
  expect(execution.cause).toContain(`${at.date}/1800`);
  expect(server.connections()).toBe(3);
});

it('a report that comes after the first look is collected at the second', async () => {
  const at = { date: nextDay(), slot: '0600' };
  const server = watched();
  // The second look is held at its first call, until the client has written the file.
  const second = holdLook(1);
  const collected = collectAndImport(at, { looks: 3 });
  await second.reached();
  await clientWrites(nameFor(at), await stockOf({ coat: 5 }), writtenAt(at));
  second.release();
  expect(await collected).toHaveLength(1);
  // And a third that sees it at rest.
  expect(server.connections()).toBe(3);
  expect(await currentStock(fashion)).toEqual({ coat: 5 });
});

it('a file name without a date is placed by its time in the zone of the client', async () => {
  const date = nextDay();
  // Paris is an hour ahead of UTC in winter: 17:00 UTC is 18:00 there, and a second before belongs to 06:00.
  const evening = Date.parse(`${date}T17:00:00Z`);
  await clientWrites('stock before.xlsx', await stockOf({ coat: 6 }), evening - 1000);
  await clientWrites('stock.xlsx', await stockOf({ coat: 7 }), evening);
  const keys = await collectAndImport({ date, slot: '1800' });
  expect(keys.map((key) => key.split('/').slice(0, 3).join('/'))).toEqual([
    `xlsx/date=${date}/slot=0600`,
    `xlsx/date=${date}/slot=1800`,
  ]);
  expect(await currentStock(fashion)).toEqual({ coat: 7 });
});

it('a file of an older slot that was never collected is collected with the next: nothing is skipped', async () => {
  const missed = { date: nextDay(), slot: '1800' };
  const at = { date: nextDay(), slot: '0600' };
  await clientWrites(nameFor(missed), await stockOf({ coat: 8 }), writtenAt(missed));
  await clientWrites(nameFor(at), await stockOf({ coat: 9 }), writtenAt(at));
  expect(await collectAndImport(at)).toHaveLength(2);
  expect(await currentStock(fashion)).toEqual({ coat: 9 });
  expect(await ledgerOf(fashion, missed)).toHaveLength(1);
  expect(await ledgerOf(fashion, at)).toHaveLength(1);
});

it('a corrected file under the same name is collected again as a drop of its own', async () => {
  const at = { date: nextDay(), slot: '0600' };
  await clientWrites(nameFor(at), await stockOf({ coat: 10 }), writtenAt(at));
  const first = await collectAndImport(at);
  await clientWrites(nameFor(at), await stockOf({ coat: 11 }), writtenAt(at) + 60_000);
  const second = await collectAndImport(at);
  expect([...first, ...second]).toHaveLength(2);
  expect(second).not.toEqual(first);
  expect(await currentStock(fashion)).toEqual({ coat: 11 });
  expect(Object.keys(await historyOf(fashion, at))).toHaveLength(2);
});

it('a file whose name holds an impossible date fails the collection, and no other file waits for it', async () => {
  const at = { date: nextDay(), slot: '0600' };
  // The older one comes first.
  await clientWrites('inventory_2026-02-30_0600.xlsx', await stockOf({ coat: 99 }), writtenAt(at) - 60_000);
  await clientWrites(nameFor(at), await stockOf({ coat: 12 }), writtenAt(at));
  const { execution } = await collect(at, { attempts: 3 });
  expect(execution).toMatchObject({ status: 'FAILED', error: 'DropNameInvalid' });
  expect(execution.cause).toContain('inventory_2026-02-30_0600.xlsx');
  const [key = ''] = await keysBelow(fashion, `xlsx/date=${at.date}/`);
  expect(await fashion.driver.imported(key)).toMatchObject({ status: 'SUCCEEDED' });
  expect(await currentStock(fashion)).toEqual({ coat: 12 });
});

it('a refused file does not end the wait for the report of the slot', async () => {
  const at = { date: nextDay(), slot: '0600' };
  await clientWrites('inventory_2026-02-30_0600.xlsx', await stockOf({ coat: 99 }), writtenAt(at) - 60_000);
  const server = watched();
  const { execution } = await collect(at, { looks: 2, attempts: 3 });
  expect(execution).toMatchObject({ status: 'FAILED', error: 'DropMissing' });
  expect(execution.cause).toContain('inventory_2026-02-30_0600.xlsx');
  expect(server.connections()).toBe(2);
});

describe('two collections at once', () => {
  /** @param overlapping lets the one that came first wait within the file until the other one has looked again */
  async function bothCollect(at: DateAndSlot, overlapping: boolean): Promise<void> {
    const report = await countedReport(20, 1, 13);
    await clientWrites(nameFor(at), report.bytes, writtenAt(at));
    const server = watched();
    const first = fashion.laptop.proxy.faults.add(
      { caller: callerOf(fashion, 'Collect'), operation: 'PutObject', times: 1 },
      { kind: 'hold' },
    );
    // The rounds are for the other one, which looks again and again while the file is read.
    const settleRounds = 1000;
    const both = Promise.all([collect(at, { settleRounds }), collect(at, { settleRounds })]);
    await first.reached();
    if (overlapping) {
      const { looks } = server;
      for (const until = looks() + 3; looks() < until; ) await sleep(20);
    }
    first.release();
    const [one, other] = await both;
    expect([one.execution.status, other.execution.status]).toEqual(['SUCCEEDED', 'SUCCEEDED']);
    expect(server.opens()).toEqual([`/${nameFor(at)}`]);
    const keys = [one, other].flatMap(({ result }) => result.collected.map(({ key }) => key));
    expect(keys).toHaveLength(1);
    const [key = ''] = keys;
    expect(await fashion.driver.imported(key)).toMatchObject({ status: 'SUCCEEDED' });
    expect(await fashion.driver.imports(key)).toHaveLength(1);
    await expectEachRowOnce(fashion, at, [report]);
  }

  it('read the file once, archive it once and import it once', () =>
    bothCollect({ date: nextDay(), slot: '0600' }, false));

  it('do so too when the one comes while the other has the file', () =>
    bothCollect({ date: nextDay(), slot: '0600' }, true));

  it('hash a file again once', async () => {
    const at = { date: nextDay(), slot: '0600' };
    await clientWrites(nameFor(at), await stockOf({ coat: 15 }), writtenAt(at));
    await collectAndImport(at);
    const server = watched();
    fashion.driver.sftp.faults.holdReads = true;
    const claims = fashion.laptop.proxy.faults.add(
      { caller: callerOf(fashion, 'Collect'), operation: 'UpdateItem' },
      { kind: 'delay', ms: 0 },
    );
    const both = Promise.all([collect(at, again), collect(at, again)]);
    // One that came to the claim only after the other one had finished would rightly hash the file once more.
    await claims.reached(2);
    await server.reading();
    fashion.driver.sftp.heal();
    const counts = (await both).map(({ result }) => result.rehashed);
    expect(server.opens()).toHaveLength(1);
    expect(counts).toEqual(
      expect.arrayContaining([
        { same: 1, changed: 0, left: 0 },
        { same: 0, changed: 0, left: 1 },
      ]),
    );
  });
});

it('a collector that is killed with a file in its hands: the next one takes it when the claim has lapsed', async () => {
  const at = { date: nextDay(), slot: '0600' };
  const report = await countedReport(20, 1, 16);
  await clientWrites(nameFor(at), report.bytes, writtenAt(at));
  await setCollector({ LEASE_SECONDS: '6' });
  const server = watched();
  const put = fashion.laptop.proxy.faults.add(
    { caller: callerOf(fashion, 'Collect'), operation: 'PutObject', times: 1 },
    { kind: 'hold' },
  );
  const running = collect(at, {
    attempts: 2,
    settleRounds: 100,
    waits: { ...noWaits, settleSeconds: 1 },
  });
  await put.reached();
  const { claim } = await known(nameFor(at));
  expect(killFunction(fashion.laptop, fashion.lab, logicalIdOf(fashion.lab, 'Collect'))).toBeGreaterThan(0);
  put.remove();

  const { execution, result } = await running;
  expect(execution).toMatchObject({ status: 'SUCCEEDED' });
  const { claim: after, collectedAt } = await known(nameFor(at));
  expect(after).toBeUndefined();
  expect(Date.parse(collectedAt)).toBeGreaterThan(claim.lapsesAt);
  expect(server.opens()).toHaveLength(2);
  expect(await fashion.driver.imported(result.collected[0]?.key ?? '')).toMatchObject({
    status: 'SUCCEEDED',
  });
  await expectEachRowOnce(fashion, at, [report]);
});

it.each([
  ['claim', 1],
  ['record of the drop', 2],
])('a %s whose answer is lost holds up nothing', async (_what, after) => {
  const at = { date: nextDay(), slot: '0600' };
  const report = await countedReport(5, 1, 30);
  await clientWrites(nameFor(at), report.bytes, writtenAt(at));
  const server = watched();
  const lost = fashion.laptop.proxy.faults.add(
    // Before both, the first look is noted.
    { caller: callerOf(fashion, 'Collect'), operation: 'UpdateItem', after, times: 1 },
    { kind: 'cut', at: 'response' },
  );
  expect(await collectAndImport(at, { attempts: 1 })).toHaveLength(1);
  expect(lost.hits).toBe(1);
  expect(server.looks()).toBe(2);
  await expectEachRowOnce(fashion, at, [report]);
});

describe('a file that is still being written', () => {
  it('waits until it has come to rest, and is read once', async () => {
    const at = { date: nextDay(), slot: '0600' };
    const report = await countedReport(200, 1, 17);
    const server = watched();
    const path = join(fashion.driver.served, nameFor(at));
    const steps = 4;
    const piece = Math.ceil(report.bytes.length / steps);
    let written = 0;
    const collected = await Promise.race([
      // One look of the grace period: the rounds for a file that grows are counted apart.
      collectAndImport(at, { waits: { ...noWaits, settleSeconds: 1 } }),
      beforeEachLook(async () => {
        if (written < report.bytes.length)
          await appendFile(path, report.bytes.subarray(written, written + piece));
        written += piece;
      }),
    ]);
    expect(collected).toHaveLength(1);
    expect(server.opens()).toHaveLength(1);
    expect(server.looks()).toBe(steps + 1);
    await expectEachRowOnce(fashion, at, [report]);
  });

  it('and grows while it is read is read again when it has come to rest', async () => {
    const at = { date: nextDay(), slot: '0600' };
    const report = await countedReport(200, 1, 18);
    const server = watched();
    const path = join(fashion.driver.served, nameFor(at));
    const half = Math.ceil(report.bytes.length / 2);
    await writeFile(path, report.bytes.subarray(0, half));
    fashion.driver.sftp.faults.holdReads = true;
    const running = collectAndImport(at);
    await server.reading();
    await appendFile(path, report.bytes.subarray(half));
    fashion.driver.sftp.heal();
    expect(await running).toHaveLength(1);
    expect(server.opens()).toHaveLength(2);
    await expectEachRowOnce(fashion, at, [report]);
  });

  it('and never comes to rest uses up its rounds, then the looks, and fails as DropMissing', async () => {
    const at = { date: nextDay(), slot: '0600' };
    const server = watched();
    const path = join(fashion.driver.served, nameFor(at));
    await writeFile(path, 'PK');
    const { execution } = await Promise.race([
      collect(at, { looks: 2, settleRounds: 2, waits: { ...noWaits, settleSeconds: 1 } }),
      beforeEachLook(() => appendFile(path, 'more')),
    ]);
    expect(execution).toMatchObject({ status: 'FAILED', error: 'DropMissing' });
    expect(execution.cause).toContain('not at rest: 1 file');
    expect(server.looks()).toBe(4);
    expect(server.opens()).toEqual([]);
  });

  it('holds up no other file', async () => {
    const at = { date: nextDay(), slot: '0600' };
    const report = await countedReport(5, 0, 19);
    await clientWrites(nameFor(at), report.bytes, writtenAt(at));
    const growing = join(fashion.driver.served, nameFor({ ...at, slot: '1800' }));
    await writeFile(growing, 'PK');
    const { execution, result } = await Promise.race([
      collect(at, { settleRounds: 2, waits: { ...noWaits, settleSeconds: 1 } }),
      beforeEachLook(() => appendFile(growing, 'more')),
    ]);
    expect(execution).toMatchObject({ status: 'SUCCEEDED' });
    expect(result.collected.map(({ path }) => path)).toEqual([`/${nameFor(at)}`]);
    expect(result.settling).toBe(1);
    await fashion.driver.imported(result.collected[0]?.key ?? '');
    await expectEachRowOnce(fashion, at, [report]);
  });
});

it('a file that is replaced while it is read: the new content loads in the same run, and the old one is kept', async () => {
  const at = { date: nextDay(), slot: '0600' };
  const old = await countedReport(20, 1, 20);
  const replacing = await countedReport(30, 2, 21);
  await clientWrites(nameFor(at), old.bytes, writtenAt(at));
  const server = watched();
  fashion.driver.sftp.faults.holdReads = true;
  const running = collectAndImport(at);
  await server.reading();
  await clientWrites(nameFor(at), replacing.bytes, writtenAt(at) + 60_000);
  fashion.driver.sftp.heal();
  expect(await running).toHaveLength(2);
  await expectEachRowOnce(fashion, at, [old, replacing]);
});

describe('hashed again', () => {
  it('a file with other content of the same size within the same second is a drop after the one that it corrects', async () => {
    const at = { date: nextDay(), slot: '0600' };
    const wrong = await countedReport(10, 1, 100);
    let right = await countedReport(10, 1, 101);
    for (let onHand = 102; right.bytes.length !== wrong.bytes.length; onHand += 1)
      right = await countedReport(10, 1, onHand);
    await clientWrites(nameFor(at), wrong.bytes, writtenAt(at));
    const [first = ''] = await collectAndImport(at);
    await clientWrites(nameFor(at), right.bytes, writtenAt(at));
    const { execution, result } = await collect(at, again);
    expect(execution).toMatchObject({ status: 'SUCCEEDED' });
    expect(result.rehashed).toEqual({ same: 0, changed: 1, left: 0 });
    const second = result.collected[0]?.key ?? '';
    await fashion.driver.imported(second);
    expect([first, second].map((key) => (parseArchiveKey(key) as DropKey).modifiedAt)).toEqual([
      writtenAt(at),
      writtenAt(at) + 1,
    ]);
    await expectEachRowOnce(fashion, at, [wrong, right]);

    // From now on that is what is known.
    const third = await collect(at, again);
    expect(third.result).toMatchObject({ collected: [], rehashed: { same: 1, changed: 0, left: 0 } });
    await expectEachRowOnce(fashion, at, [wrong, right]);
  });

  it('a file that is the same is read once a run, and writes nothing to the archive', async () => {
    const at = { date: nextDay(), slot: '0600' };
    const report = await countedReport(10, 1, 22);
    await clientWrites(nameFor(at), report.bytes, writtenAt(at));
    await collectAndImport(at);
    const uploads = fashion.laptop.proxy.faults.add(
      { caller: callerOf(fashion, 'Collect'), service: 's3' },
      { kind: 'refuse', status: 403, code: 'AccessDenied', message: 'nothing is to be written' },
    );
    const server = watched();
    // Three looks for a report that does not come.
    const { execution } = await collect({ ...at, slot: '1800' }, { ...again, looks: 3 });
    expect(execution).toMatchObject({ status: 'FAILED', error: 'DropMissing' });
    expect(server.looks()).toBe(3);
    expect(server.opens()).toHaveLength(1);
    expect(uploads.hits).toBe(0);
    await expectEachRowOnce(fashion, at, [report]);
  });

  it('are the files of the last days alone, counted from the newest', async () => {
    const [before, , , at] = [nextDay(), nextDay(), nextDay(), nextDay()].map((date) => ({
      date,
      slot: '0600',
    })) as [DateAndSlot, DateAndSlot, DateAndSlot, DateAndSlot];
    await clientWrites(nameFor(before), await stockOf({ coat: 23 }), writtenAt(before));
    await clientWrites(nameFor(at), await stockOf({ coat: 24 }), writtenAt(at));
    await collectAndImport(at);
    const server = watched();
    const { result } = await collect(at, { rehashSeconds: 2 * 86_400 });
    expect(result.rehashed).toEqual({ same: 1, changed: 0, left: 0 });
    expect(server.opens()).toEqual([`/${nameFor(at)}`]);
  });

  it('are left for the next run when the time of the function is nearly up, and the run says so', async () => {
    const at = { date: nextDay(), slot: '0600' };
    await clientWrites(nameFor(at), await stockOf({ coat: 25 }), writtenAt(at));
    await clientWrites('inventory.xlsx', await stockOf({ coat: 25 }), writtenAt(at) - 60_000);
    await collectAndImport(at);
    // Its time passes by its clock, which the test puts forward: past four fifths of it, however slow the machine is. What
    // ends the function and its connection goes by the true time, and that is long.
    const seconds = 120;
    const clock = join(fashion.laptop.runDirectory.path, 'ahead-of-time');
    await writeFile(clock, '0');
    await setCollector(withClock(clock), seconds);
    const server = watched();
    fashion.driver.sftp.faults.holdReads = true;
    const running = collect(at, again);
    await server.reading();
    await writeFile(clock, String(seconds * 1000 * 0.85));
    fashion.driver.sftp.heal();
    const { execution, result } = await running;
    expect(execution).toMatchObject({ status: 'SUCCEEDED' });
    expect(result.rehashed).toEqual({ same: 0, changed: 0, left: 2 });
    expect(server.opens()).toHaveLength(1);
    // No claim stays behind.
    await setCollector({}, 600);
    expect((await collect(at, again)).result.rehashed).toEqual({ same: 2, changed: 0, left: 0 });
  });
});

it('a server that falls silent within a file ends the attempt, nothing is below xlsx/, and the next one takes the file', async () => {
  const at = { date: nextDay(), slot: '0600' };
  const report = await countedReport(20, 1, 26);
  await clientWrites(nameFor(at), report.bytes, writtenAt(at));
  await setCollector({ SFTP_SILENCE_SECONDS: '1' });
  const { sftp } = fashion.driver;
  const before = sftp.struck.length;
  const struck = () => sftp.struck.slice(before).filter(({ fault }) => fault === 'stallAfterBytes').length;
  const fault = { stallAfterBytes: Math.floor(report.bytes.length / 2), strikes: 1 };
  Object.assign(sftp.faults, fault);
  // A machine that stands still for a second is such a silence as well, wherever a look is then: no run ends otherwise
  // before the fault has struck.
  while (struck() < 1) {
    const { execution } = await collect(at, { attempts: 1 });
    expect(execution).toMatchObject({ status: 'FAILED', error: 'SftpTransferBroken' });
    expect(execution.cause).toContain('no answer for 1000 ms');
  }
  expect(await keysBelow(fashion, `xlsx/date=${at.date}/`)).toEqual([]);

  const server = watched();
  Object.assign(sftp.faults, fault);
  const { execution } = await collect(at, { attempts: 50 });
  expect(execution).toMatchObject({ status: 'SUCCEEDED' });
  expect(struck()).toBe(2);
  const { WaitToRetry = 0, WaitToSettle = 0 } = await statesOf(fashion, execution.arn);
  expect(server.connections()).toBe(1 + WaitToRetry);
  // The claim was given back, so nobody waits for it.
  expect(WaitToSettle).toBe(0);
  const [key = ''] = await keysBelow(fashion, `xlsx/date=${at.date}/`);
  expect(await fashion.driver.imported(key)).toMatchObject({ status: 'SUCCEEDED' });
  await expectEachRowOnce(fashion, at, [report]);
});

describe('a late report', () => {
  const minutes = (count: number) => count * 60_000;
  /** Two looks by hand: what the second one took, and the line for CloudWatch in its log. */
  async function lookTwice() {
    const request: CollectRequest = { scheduledAt: null, settleSeconds: 0, rehashSeconds: 0 };
    const since = Date.now();
    const counted: Metrics[] = [];
    const look = async () => {
      const { result, metrics } = await called<CollectResult>('Collect', request);
      counted.push(...metrics.filter(({ _aws }) => _aws.Timestamp >= since));
      return result;
    };
    await look();
    const { collected } = await look();
    for (const { key } of collected) await fashion.driver.imported(key);
    // The emulator waits a moment only for what a function says: what comes later is in the log of the next call.
    while (counted.length < 2) await look();
    return { collected, metrics: counted[1] as Metrics };
  }

  it('is collected, and counted in the metric that the alarm watches', async () => {
    const at = { date: nextDay(), slot: '0600' };
    await clientWrites(nameFor(at), await stockOf({ coat: 27 }), slotInstant(at, timeZone) + minutes(46));
    const { collected, metrics } = await lookTwice();
    expect(collected.map((file) => file.late)).toEqual([true]);
    expect(metrics).toMatchObject({ service: 'Collect', LateDrops: 1, DropsCollected: 1 });
    expect(metrics._aws.CloudWatchMetrics[0]).toMatchObject({
      Namespace: metricNamespaceOf(fashion.lab.stack),
      Dimensions: [['service']],
    });
    expect(await currentStock(fashion)).toEqual({ coat: 27 });
  });

  it('is not one within the grace period, nor a correction of one that came in time', async () => {
    const at = { date: nextDay(), slot: '0600' };
    await clientWrites(nameFor(at), await stockOf({ coat: 28 }), slotInstant(at, timeZone) + minutes(45));
    const first = await lookTwice();
    await clientWrites(nameFor(at), await stockOf({ coat: 29 }), slotInstant(at, timeZone) + minutes(90));
    const second = await lookTwice();
    const files = [...first.collected, ...second.collected];
    expect(files.map((file) => file.late)).toEqual([false, false]);
    expect([first.metrics.LateDrops, second.metrics.LateDrops]).toEqual([0, 0]);
  });
});

it('asked for by hand, without a slot, it takes what is there and waits for nothing', async () => {
  const at = { date: nextDay(), slot: '0600' };
  const command = /--input '(.*)'$/.exec(fashion.driver.output('RunNowCommand'))?.[1] ?? '';
  const run = (changes: Partial<CollectionInput> = {}) =>
    fashion.driver.run(fashion.driver.output('CollectionStateMachineArn'), {
      ...JSON.parse(command),
      ...changes,
    });
  const nothing = await run();
  expect(nothing).toMatchObject({ status: 'SUCCEEDED', output: { slot: null, collected: [] } });
  await clientWrites(nameFor(at), await stockOf({ coat: 14 }), writtenAt(at));
  const { collected } = (await run({ waits: noWaits })).output as unknown as CollectResult;
  expect(collected).toHaveLength(1);
  expect(await fashion.driver.imported(collected[0]?.key ?? '')).toMatchObject({ status: 'SUCCEEDED' });
});

describe('an import that has not finished', () => {
  /** Without a wait for events that may still be on their way. */
  const recovering = {
    recovery: { afterSeconds: 0, withinSeconds: 86_400, atMost: 100 },
  } satisfies Partial<CollectionInput>;

  const announce = (announced: boolean) =>
    fashion.driver.s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: fashion.driver.output('ArchiveBucketName'),
        NotificationConfiguration: announced ? { EventBridgeConfiguration: {} } : {},
      }),
    );
  /** Every event of the archive is lost, as while S3's setting is not in force yet. */
  const loseEvents = () => announce(false);
  afterEach(() => announce(true));

  const keyAt = ({ date, slot }: DateAndSlot) => `xlsx/date=${date}/slot=${slot}/put back by hand.xlsx`;

  /** Collects; of what was started again, that of this day. */
  async function recover(at: DateAndSlot, changes: Partial<CollectionInput> = {}) {
    const { execution, result } = await collect(at, { ...recovering, ...changes });
    const keys = execution.status === 'SUCCEEDED' ? result.recovered.restarted : [];
    return { execution, result, restarted: keys.filter((key) => key.includes(at.date)) };
  }
  /** The same, where no report is waited for. */
  const recoverAlone = async (at: DateAndSlot) => {
    const command = /--input '(.*)'$/.exec(fashion.driver.output('RunNowCommand'))?.[1] ?? '';
    const { status, output } = await fashion.driver.run(fashion.driver.output('CollectionStateMachineArn'), {
      ...JSON.parse(command),
      ...recovering,
    });
    expect(status).toBe('SUCCEEDED');
    const { recovered } = output as unknown as Collected;
    return recovered.restarted.filter((key) => key.includes(at.date));
  };

  it('because its event was lost is started by the next collection as the event would have, once, and loads', async () => {
    const at = { date: nextDay(), slot: '0600' };
    const report = await countedReport(20, 2, 31);
    await loseEvents();
    await clientWrites(nameFor(at), report.bytes, writtenAt(at));
    const first = await recover(at);
    const key = first.result.collected[0]?.key ?? '';
    expect(first.restarted).toEqual([]);
    // A collection looks several times, and recovers once.
    expect(await statesOf(fashion, first.execution.arn)).toMatchObject({ Recover: 1, Collect: 2 });
    expect(await fashion.driver.imports(key)).toEqual([]);

    const lost = fashion.laptop.proxy.faults.add(
      { caller: callerOf(fashion, 'Recover'), operation: 'StartExecution', times: 1 },
      { kind: 'cut', at: 'response' },
    );
    expect((await recover(at)).restarted).toEqual([key]);
    expect(lost.hits).toBe(1);
    const imported = await fashion.driver.imported(key);
    expect(imported).toMatchObject({ status: 'SUCCEEDED', output: { outcome: 'current' } });
    const Bucket = fashion.driver.output('ArchiveBucketName');
    const { LastModified } = await fashion.driver.s3.send(new HeadObjectCommand({ Bucket, Key: key }));
    const { arrivedAt, ...input } = importOfArrival({ bucket: Bucket, key, arrivedAt: '' });
    expect(imported.input).toEqual({ ...input, arrivedAt: expect.any(String) });
    // The header of an answer tells whole seconds.
    expect(Math.floor(Date.parse(imported.input.arrivedAt) / 1000) * 1000).toBe(LastModified?.getTime());

    expect((await recover(at)).restarted).toEqual([]);
    expect(await fashion.driver.imports(key)).toHaveLength(1);
    await expectEachRowOnce(fashion, at, [report]);
  });

  it('is started though the SFTP server is away, put there by whomever', async () => {
    const at = { date: nextDay(), slot: '0600' };
    const report = await countedReport(5, 1, 32);
    await loseEvents();
    await putObject(fashion, keyAt(at), report.bytes);
    fashion.driver.sftp.faults.refuse = true;
    const { execution } = await recover(at, { attempts: 1 });
    expect(execution).toMatchObject({ status: 'FAILED', error: 'SftpUnreachable' });
    expect(await fashion.driver.imported(keyAt(at))).toMatchObject({ status: 'SUCCEEDED' });
    await expectEachRowOnce(fashion, at, [report]);
  });

  it('is not one that refused its workbook by name, until another one is put there', async () => {
    const at = { date: nextDay(), slot: '0600' };
    const report = await countedReport(5, 0, 33);
    const refused = await importDrop(fashion, new TextEncoder().encode('SKU;on hand\n'), keyAt(at));
    expect(refused).toMatchObject({ status: 'FAILED', error: 'WorkbookUnreadable' });
    expect(await recoverAlone(at)).toEqual([]);
    await loseEvents();
    await putObject(fashion, keyAt(at), report.bytes);
    expect(await recoverAlone(at)).toEqual([keyAt(at)]);
    expect(await fashion.driver.imported(keyAt(at), 2)).toMatchObject({ status: 'SUCCEEDED' });
    expect(await currentStock(fashion)).toEqual(
      Object.fromEntries(Array.from({ length: 5 }, (_, n) => [`article-${n}`, 33])),
    );
  });

  it('because it runs is left alone', async () => {
    const at = { date: nextDay(), slot: '0600' };
    const report = await countedReport(5, 1, 34);
    const held = fashion.laptop.proxy.faults.add(
      { caller: callerOf(fashion, 'Transform'), operation: 'GetObject', times: 1 },
      { kind: 'hold' },
    );
    const running = importDrop(fashion, report.bytes, keyAt(at));
    await held.reached();
    expect(await recoverAlone(at)).toEqual([]);
    held.release();
    expect(await running).toMatchObject({ status: 'SUCCEEDED' });
    expect(await recoverAlone(at)).toEqual([]);
    expect(await fashion.driver.imports(keyAt(at))).toHaveLength(1);
    await expectEachRowOnce(fashion, at, [report]);
  });

  it('because the warehouse was away for all its attempts is started again, and loads', async () => {
    const at = { date: nextDay(), slot: '0600' };
    const report = await countedReport(5, 1, 35);
    const away = fashion.laptop.proxy.faults.add(
      { caller: callerOf(fashion, 'Load'), operation: 'ExecuteStatement' },
      { kind: 'refuse', status: 500, code: 'InternalServerException', message: 'away' },
    );
    const failed = await importWith(fashion, report.bytes, keyAt(at), { attempts: 1 });
    expect(failed.status).toBe('FAILED');
    away.remove();
    const before = (await fashion.driver.imports(keyAt(at))).length;
    expect(await recoverAlone(at)).toEqual([keyAt(at)]);
    expect(await fashion.driver.imported(keyAt(at), before + 1)).toMatchObject({ status: 'SUCCEEDED' });
    await expectEachRowOnce(fashion, at, [report]);
  });

  it('is not one that a person has replayed; a replay that is refused says nothing of its drop', async () => {
    const at = { date: nextDay(), slot: '0600' };
    const report = await countedReport(5, 1, 36);
    await loseEvents();
    await putObject(fashion, keyAt(at), report.bytes);
    const replay = (from: ImportInput['from'], id: string) =>
      fashion.driver.run(fashion.driver.output('ImportStateMachineArn'), {
        ...importOfArrival({
          bucket: fashion.driver.output('ArchiveBucketName'),
          key: keyAt(at),
          arrivedAt: new Date().toISOString(),
        }),
        from,
        replay: id,
      });
    expect(await replay('csv', 'refused')).toMatchObject({ status: 'FAILED', error: 'ArchivedCsvMissing' });
    expect(await recoverAlone(at)).toEqual([keyAt(at)]);
    expect(await fashion.driver.imported(keyAt(at), 2)).toMatchObject({ status: 'SUCCEEDED' });

    const other = { date: nextDay(), slot: '0600' };
    await putObject(fashion, keyAt(other), report.bytes);
    const replayed = await fashion.driver.run(fashion.driver.output('ImportStateMachineArn'), {
      ...importOfArrival({
        bucket: fashion.driver.output('ArchiveBucketName'),
        key: keyAt(other),
        arrivedAt: new Date().toISOString(),
      }),
      replay: 'loaded',
    });
    expect(replayed.status).toBe('SUCCEEDED');
    expect(await recoverAlone(other)).toEqual([]);
  });

  it('holds up no report where it cannot be started, and fails the collection when the attempts are used up', async () => {
    const at = { date: nextDay(), slot: '0600' };
    const report = await countedReport(5, 1, 37);
    await clientWrites(nameFor(at), report.bytes, writtenAt(at));
    const denied = { kind: 'refuse', status: 403, code: 'AccessDenied', message: 'not now' } as const;
    const listing = { caller: callerOf(fashion, 'Recover'), operation: 'ListObjectsV2' };
    const staying = fashion.laptop.proxy.faults.add(listing, denied);
    const { execution } = await recover(at, { attempts: 2 });
    expect(execution).toMatchObject({ status: 'FAILED', error: 'AccessDenied' });
    // With the first look, with the one that sees the report at rest, and after the one wait between attempts.
    expect(await statesOf(fashion, execution.arn)).toMatchObject({ Recover: 3, WaitToRetry: 1 });
    const [key = ''] = await keysBelow(fashion, `xlsx/date=${at.date}/`);
    expect(await fashion.driver.imported(key)).toMatchObject({ status: 'SUCCEEDED' });
    await expectEachRowOnce(fashion, at, [report]);
    staying.remove();

    fashion.laptop.proxy.faults.add({ ...listing, times: 1 }, denied);
    const next = { date: nextDay(), slot: '0600' };
    await clientWrites(nameFor(next), report.bytes, writtenAt(next));
    const { execution: second, result } = await recover(next, { attempts: 1 });
    expect(second).toMatchObject({ status: 'SUCCEEDED' });
    // Until its import has begun it counts as one that has not finished.
    expect(await fashion.driver.imported(result.collected[0]?.key ?? '')).toMatchObject({
      status: 'SUCCEEDED',
    });
  });

  it('is counted in the metric that the alarm watches; those above what one collection starts are left to the next', async () => {
    const [one, other] = [nextDay(), nextDay()].map((date) => keyAt({ date, slot: '0600' }));
    await loseEvents();
    await putObject(fashion, one ?? '', await stockOf({ coat: 38 }));
    await putObject(fashion, other ?? '', await stockOf({ coat: 39 }));
    const started: string[] = [];
    const counted: unknown[] = [];
    const request = (collection: string): RecoverRequest => ({
      collection,
      ...recovering.recovery,
      atMost: 1,
    });
    for (const collection of ['first', 'second', 'third']) {
      const { result, metrics } = await called<RecoverResult>('Recover', request(collection));
      started.push(...result.restarted);
      expect(result.left).toBe(collection === 'first' ? 1 : 0);
      counted.push(...metrics);
      for (const key of result.restarted) await fashion.driver.imported(key);
    }
    expect(started).toEqual([one, other]);
    // The emulator waits a moment only for what a function says: what comes later is in the log of the next call.
    while (counted.length < 2)
      counted.push(...(await called<RecoverResult>('Recover', request('later'))).metrics);
    expect(counted.slice(0, 2)).toMatchObject([
      { service: 'Recover', ImportsRestarted: 1 },
      { service: 'Recover', ImportsRestarted: 1 },
    ]);
  });
});
