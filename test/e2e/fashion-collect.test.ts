import { readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ListObjectsV2Command, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import type { CollectionInput, CollectResult } from '../../domain/fashion/contract.ts';
import { type DateAndSlot, slotInstant } from '../../domain/fashion/drop.ts';
import { type Execution, timeZone } from '../../local/fashion/driver.ts';
import { startSftpServer } from '../../local/outside/sftp-server.ts';
import { newKeyPair } from '../../local/outside/ssh-keys.ts';
import {
  calendar,
  callerOf,
  currentStock,
  type FashionLab,
  historyOf,
  ledgerOf,
  noWaits,
  openFashionLab,
  stockOf,
} from './fashion-lab.ts';

let fashion: FashionLab;
beforeAll(async () => {
  fashion = await openFashionLab();
});
afterAll(() => fashion?.close());
afterEach(async () => {
  fashion.laptop.proxy.faults.clear();
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

async function collect(
  at: DateAndSlot,
  changes: Partial<CollectionInput> = {},
): Promise<{ execution: Execution; result: Pick<CollectResult, 'slot' | 'collected'> }> {
  const execution = await fashion.driver.triggerSchedule(at, { looks: 1, waits: noWaits, ...changes });
  return { execution, result: execution.output as unknown as Pick<CollectResult, 'slot' | 'collected'> };
}

/** Collects and waits for the imports of all that was collected. */
async function collectAndImport(at: DateAndSlot, changes: Partial<CollectionInput> = {}): Promise<string[]> {
  const { execution, result } = await collect(at, changes);
  expect(execution).toMatchObject({ status: 'SUCCEEDED' });
  const keys = result.collected.map(({ key }) => key);
  for (const key of keys) expect(await fashion.driver.imported(key)).toMatchObject({ status: 'SUCCEEDED' });
  return keys;
}

async function keysBelow(Prefix: string): Promise<string[]> {
  const { Contents = [] } = await fashion.driver.s3.send(
    new ListObjectsV2Command({ Bucket: fashion.driver.output('ArchiveBucketName'), Prefix }),
  );
  return Contents.map(({ Key }) => Key ?? '');
}

/** The client's server since now. */
function watched() {
  const { sftp } = fashion.driver;
  const [connections, logins, requests] = [sftp.connections, sftp.logins.length, sftp.requests.length];
  return {
    connections: () => sftp.connections - connections,
    logins: () => sftp.logins.slice(logins),
    operations: () => sftp.requests.slice(requests).map(({ operation }) => operation),
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
  expect(server.connections()).toBe(3);
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
  const second = fashion.laptop.proxy.faults.add(
    { caller: callerOf(fashion, 'Collect'), operation: 'GetSecretValue', after: 1, times: 1 },
    { kind: 'hold' },
  );
  const collected = collectAndImport(at, { looks: 3 });
  await second.reached();
  await clientWrites(nameFor(at), await stockOf({ coat: 5 }), writtenAt(at));
  second.release();
  expect(await collected).toHaveLength(1);
  expect(server.connections()).toBe(2);
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
  const [key = ''] = await keysBelow(`xlsx/date=${at.date}/`);
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

it('two collections at once end with the drop loaded once', async () => {
  const at = { date: nextDay(), slot: '0600' };
  await clientWrites(nameFor(at), await stockOf({ coat: 13, dress: 13 }), writtenAt(at));
  const both = await Promise.all([collect(at), collect(at)]);
  expect(both.map(({ execution }) => execution.status)).toEqual(['SUCCEEDED', 'SUCCEEDED']);
  const keys = both.flatMap(({ result }) => result.collected.map(({ key }) => key));
  expect(new Set(keys).size).toBe(1);
  // Whoever came first, each copy into the archive starts an import.
  for (const [index, key] of keys.entries()) {
    expect(await fashion.driver.imported(key, index + 1)).toMatchObject({ status: 'SUCCEEDED' });
  }
  expect(await currentStock(fashion)).toEqual({ coat: 13, dress: 13 });
  expect(await ledgerOf(fashion, at)).toHaveLength(1);
  expect(Object.values(await historyOf(fashion, at))).toEqual([2]);
});

it('asked for by hand, without a slot, it takes what is there and waits for nothing', async () => {
  const at = { date: nextDay(), slot: '0600' };
  const command = /--input '(.*)'$/.exec(fashion.driver.output('RunNowCommand'))?.[1] ?? '';
  const run = () =>
    fashion.driver.run(fashion.driver.output('CollectionStateMachineArn'), JSON.parse(command));
  const nothing = await run();
  expect(nothing).toMatchObject({ status: 'SUCCEEDED', output: { slot: null, collected: [] } });
  await clientWrites(nameFor(at), await stockOf({ coat: 14 }), writtenAt(at));
  const { collected } = (await run()).output as unknown as CollectResult;
  expect(collected).toHaveLength(1);
  expect(await fashion.driver.imported(collected[0]?.key ?? '')).toMatchObject({ status: 'SUCCEEDED' });
});
