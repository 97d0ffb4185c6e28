import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import SftpClient from 'ssh2-sftp-client';
import { type SftpServer, startSftpServer } from '../../../local/outside/sftp-server.ts';
import { newKeyPair } from '../../../local/outside/ssh-keys.ts';

const account = { username: 'collector', password: 'correct horse' };
const pair = newKeyPair();
const content = randomBytes(1_000_000);
const quiet = { error: () => {}, end: () => {}, close: () => {} };

let scratch: string;
let root: string;
let server: SftpServer;
const clients: SftpClient[] = [];

/** Without Nagle's algorithm: npm ssh2 writes a packet in pieces, each of which would wait for the last one's receipt. */
const toServer = () => ({ sock: connect({ host: server.host, port: server.port, noDelay: true }) });

async function stockClient(options: object = account): Promise<SftpClient> {
  const client = new SftpClient('stock', quiet);
  clients.push(client);
  await client.connect({ ...toServer(), ...options });
  return client;
}

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sftp-server-'));
  root = join(scratch, 'served');
  await mkdir(join(root, 'Véronique'), { recursive: true });
  await writeFile(join(root, 'report.xlsx'), content);
  await utimes(join(root, 'report.xlsx'), 1_700_000_000, 1_700_000_000);
  server = await startSftpServer({
    root,
    accounts: [
      account,
      { username: 'keyholder', publicKey: pair.public },
      { username: 'typist', password: 'typed', keyboardInteractive: true },
    ],
  });
});

afterEach(async () => {
  await Promise.allSettled(clients.splice(0).map((client) => client.end()));
  await server.close();
  await rm(scratch, { recursive: true });
});

describe('what it serves', () => {
  it('a stock client lists, stats and reads', async () => {
    const client = await stockClient();
    expect(await client.realPath('.')).toBe('/');
    const listed = await client.list('/');
    expect(listed.map(({ name, type, size, modifyTime }) => ({ name, type, size, modifyTime }))).toEqual([
      { name: 'Véronique', type: 'd', size: expect.any(Number), modifyTime: expect.any(Number) },
      { name: 'report.xlsx', type: '-', size: content.length, modifyTime: 1_700_000_000_000 },
    ]);
    expect((await client.stat('report.xlsx')).size).toBe(content.length);
    expect(content.equals((await client.get('report.xlsx')) as Buffer)).toBe(true);
    expect(await client.list('Véronique')).toEqual([]);
  });

  it('many files are listed, those with a leading dot are not', async () => {
    await Promise.all(
      Array.from({ length: 300 }, (_, n) => writeFile(join(root, 'Véronique', `${n}.csv`), '')),
    );
    await writeFile(join(root, 'Véronique', '.half-written'), '');
    const client = await stockClient();
    expect(await client.list('/Véronique')).toHaveLength(300);
  });

  it('reads of many clients and many files at once do not disturb each other', async () => {
    const files = Array.from({ length: 8 }, (_, n) => ({ name: `f${n}`, bytes: randomBytes(300_000 + n) }));
    await Promise.all(files.map(({ name, bytes }) => writeFile(join(root, name), bytes)));
    const readers = await Promise.all([1, 2, 3].map(() => stockClient()));
    await Promise.all(
      readers.flatMap((client, reader) =>
        files.map(async ({ name, bytes }) => {
          const target = join(scratch, `${reader}-${name}`);
          await client.fastGet(name, target);
          const read = createHash('sha256')
            .update((await client.get(name)) as Buffer)
            .digest('hex');
          expect(read).toBe(createHash('sha256').update(bytes).digest('hex'));
        }),
      ),
    );
  });

  it('nothing outside of the directory can be reached, by path or by link', async () => {
    await writeFile(join(scratch, 'outside.txt'), 'secret');
    await symlink(join(scratch, 'outside.txt'), join(root, 'link-out'));
    await symlink(scratch, join(root, 'directory-out'));
    await symlink('report.xlsx', join(root, 'link-in'));
    const client = await stockClient();
    await expect(client.get('../outside.txt')).rejects.toThrow(/No such file|no such file/i);
    await expect(client.get('/../../outside.txt')).rejects.toThrow(/no such file/i);
    await expect(client.get('link-out')).rejects.toThrow(/outside of the served directory/);
    await expect(client.get('directory-out/outside.txt')).rejects.toThrow(/outside of the served directory/);
    await expect(client.list('directory-out')).rejects.toThrow(/outside of the served directory/);
    expect(await client.exists('link-out')).toBe('l');
    expect(((await client.get('link-in')) as Buffer).length).toBe(content.length);
    expect(server.refused.map(({ operation }) => operation)).toEqual(['OPEN', 'OPEN', 'OPENDIR']);
  });

  it('whatever would write is refused and noted, and changes nothing', async () => {
    const client = await stockClient();
    const before = await readdir(root, { recursive: true });
    for (const attempt of [
      () => client.put(Buffer.from('x'), 'new.txt'),
      () => client.append(Buffer.from('x'), 'report.xlsx'),
      () => client.delete('report.xlsx'),
      () => client.rename('report.xlsx', 'taken.xlsx'),
      () => client.mkdir('made'),
      () => client.rmdir('Véronique'),
      () => client.chmod('report.xlsx', 0o777),
    ]) {
      await expect(attempt()).rejects.toThrow(/read-only/);
    }
    expect(await readdir(root, { recursive: true })).toEqual(before);
    expect(server.refused.map(({ operation, path }) => `${operation} ${path}`)).toEqual([
      'OPEN new.txt',
      'OPEN report.xlsx',
      'REMOVE report.xlsx',
      'RENAME report.xlsx',
      'MKDIR made',
      'RMDIR Véronique',
      'SETSTAT report.xlsx',
    ]);
  });
});

describe('who gets in', () => {
  const accepted = () => server.logins.filter((login) => login.accepted).map(({ method }) => method);

  it.each([
    ['password', account],
    ['publickey', { username: 'keyholder', privateKey: pair.private }],
  ])('by %s', async (method, credentials) => {
    await stockClient(credentials);
    expect(accepted()).toEqual([method]);
  });

  it('by keyboard-interactive, where the account wants that', async () => {
    const client = new SftpClient('typist', quiet);
    clients.push(client);
    client.on('keyboard-interactive', (_n, _i, _l, _p, finish) => finish(['typed']));
    await client.connect({ ...toServer(), username: 'typist', tryKeyboard: true });
    expect(accepted()).toEqual(['keyboard-interactive']);
  });

  it.each([
    ['a wrong password', { ...account, password: 'wrong' }],
    ['an unknown user', { username: 'nobody', password: 'correct horse' }],
    ['no password', { username: 'keyholder', password: '' }],
    ['another key', { username: 'keyholder', privateKey: newKeyPair().private }],
    ['the right key of another user', { username: 'collector', privateKey: pair.private }],
    ['a password by the wrong method', { username: 'typist', password: 'typed' }],
  ])('not with %s', async (_what, credentials) => {
    await expect(stockClient(credentials)).rejects.toThrow(/authentication methods failed/);
    expect(accepted()).toEqual([]);
  });

  it('the host key is the one announced', async () => {
    let seen: Buffer | undefined;
    await stockClient({
      ...account,
      hostVerifier: (key: Buffer) => {
        seen = key;
        return true;
      },
    });
    expect(server.hostPublicKey).toBe(`ssh-ed25519 ${seen?.toString('base64')}`);
    expect(server.hostKeyFingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
  });

  it('a host key that is handed in is used', async () => {
    const key = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
    const other = await startSftpServer({ root, accounts: [account], hostKey: key.private });
    expect(key.public).toContain(other.hostPublicKey);
    await other.close();
  });
});

describe('what it can be told to do wrong', () => {
  const read = async () => ((await (await stockClient()).get('report.xlsx')) as Buffer).length;

  it('refuse connections', async () => {
    server.faults.refuse = true;
    await expect(stockClient()).rejects.toThrow(/ECONNRESET|reset|lost/i);
    server.heal();
    expect(await read()).toBe(content.length);
  });

  it('take connections and stay mute', async () => {
    server.faults.mute = true;
    await expect(stockClient({ ...account, readyTimeout: 500 })).rejects.toThrow(/Timed out/i);
    expect(server.logins).toEqual([]);
  });

  it('show another host key', async () => {
    const shown: string[] = [];
    const hostVerifier = (key: Buffer) => {
      shown.push(`ssh-ed25519 ${key.toString('base64')}`);
      return true;
    };
    server.faults.otherHostKey = true;
    await stockClient({ ...account, hostVerifier });
    server.heal();
    await stockClient({ ...account, hostVerifier });
    expect(shown[0]).not.toBe(server.hostPublicKey);
    expect(shown[1]).toBe(server.hostPublicKey);
  });

  it('drop the connection in the middle of a file', async () => {
    server.faults.dropAfterBytes = 200_000;
    await expect(read()).rejects.toThrow();
    expect(server.struck.map(({ fault }) => fault)).toEqual(['dropAfterBytes']);
    server.heal();
    expect(await read()).toBe(content.length);
  });

  it('stop answering in the middle of a file', async () => {
    server.faults.stallAfterBytes = 200_000;
    const client = await stockClient();
    const stream = client.createReadStream('report.xlsx');
    let received = 0;
    stream.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    stream.on('error', () => {});
    while (server.struck.length === 0 || received === 0) await new Promise((settle) => setTimeout(settle, 5));
    await new Promise((settle) => setTimeout(settle, 50));
    expect(received).toBeLessThanOrEqual(200_000);
  });

  it('answer slowly', async () => {
    server.faults.readDelayMs = 20;
    const start = performance.now();
    await read();
    // 31 chunks, of which a stock client has one under way at a time.
    expect(performance.now() - start).toBeGreaterThan(30 * 19);
  });

  it('hold back what they have read, until they are told', async () => {
    server.faults.holdReads = true;
    const reading = read();
    const early = await Promise.race([reading, new Promise((settle) => setTimeout(settle, 50, 'held'))]);
    expect(early).toBe('held');
    server.heal();
    expect(await reading).toBe(content.length);
  });

  it('do it once, and be well again', async () => {
    Object.assign(server.faults, { dropAfterBytes: 0, strikes: 1 });
    await expect(read()).rejects.toThrow();
    expect(await read()).toBe(content.length);
  });
});

describe('what it survives', () => {
  it('a client that vanishes while it reads', async () => {
    server.faults.readDelayMs = 20;
    const client = await stockClient();
    client
      .createReadStream('report.xlsx')
      .on('error', () => {})
      .resume();
    while (!server.requests.some(({ operation }) => operation === 'READ')) await new Promise(setImmediate);
    await client.end();
    server.heal();
    expect(((await (await stockClient()).get('report.xlsx')) as Buffer).length).toBe(content.length);
  });

  it('a peer that does not speak SSH', async () => {
    const socket = connect(server.port, server.host)
      .on('error', () => {})
      .resume();
    socket.write(`GET / HTTP/1.1\r\n\r\n${'x'.repeat(100_000)}`);
    await new Promise((settle) => socket.once('close', settle));
    await stockClient();
  });

  it('being closed with connections open, twice', async () => {
    await stockClient();
    server.faults.mute = true;
    const muted = stockClient().catch(() => 'failed');
    while (server.openConnections < 2) await new Promise(setImmediate);
    await Promise.all([server.close(), server.close()]);
    expect(server.openConnections).toBe(0);
    expect(await muted).toBe('failed');
  });
});
