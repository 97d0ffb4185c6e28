import { randomBytes } from 'node:crypto';
import {
  appendFile,
  mkdir,
  mkdtemp,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { jest } from '@jest/globals';
import ssh2 from 'ssh2';
import {
  parseSftpSecret,
  type SftpOptions,
  type SftpSource,
  withSftp,
} from '../../../lambdas/fashion/sftp-source.ts';
import { type SftpServer, startSftpServer } from '../../../local/outside/sftp-server.ts';
import { newKeyPair } from '../../../local/outside/ssh-keys.ts';
import { fakeOnly } from '../../fake-timers.ts';

const password = 'correct horse';
const pair = newKeyPair('open sesame');
const content = randomBytes(1_000_001);
const modified = 1_700_000_000;

let scratch: string;
let root: string;
let server: SftpServer;

const file = (name: string): string => join(root, name);

function secret(fields: object = {}) {
  return parseSftpSecret(
    JSON.stringify({
      host: server.host,
      port: server.port,
      username: 'collector',
      password,
      hostKey: server.hostKeyFingerprint,
      ...fields,
    }),
  );
}

const visit = <T>(use: (source: SftpSource) => Promise<T>, fields: object = {}, options: SftpOptions = {}) =>
  withSftp(secret(fields), { readyTimeoutMs: 60_000, stallTimeoutMs: 60_000, ...options }, use);

const readAll = (path = 'report.xlsx') => visit((source) => buffer(source.read(path)));

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sftp-source-'));
  root = join(scratch, 'served');
  await mkdir(root);
  await writeFile(file('report.xlsx'), content);
  await utimes(file('report.xlsx'), modified, modified);
  server = await startSftpServer({
    root,
    accounts: [
      { username: 'collector', password },
      { username: 'keyholder', publicKey: pair.public },
      { username: 'typist', password, keyboardInteractive: true },
    ],
  });
});

afterEach(async () => {
  // The connection is ended by withSftp itself, whatever happened.
  while (server.openConnections > 0) await sleep(5);
  expect(server.refused).toEqual([]);
  await server.close();
  await rm(scratch, { recursive: true });
});

describe('logging in', () => {
  const accepted = () => server.logins.filter((login) => login.accepted).map(({ method }) => method);

  it.each([
    ['password', {}],
    [
      'publickey',
      { username: 'keyholder', password: '', privateKey: pair.private, passphrase: 'open sesame' },
    ],
    ['keyboard-interactive', { username: 'typist' }],
  ])('works by %s', async (method, fields) => {
    await visit(async () => {}, fields);
    expect(accepted()).toEqual([method]);
  });

  it.each([
    ['a wrong password', { password: 'wrong' }],
    ['an unknown user', { username: 'nobody' }],
    ['a key of nobody', { password: '', privateKey: newKeyPair().private }],
  ])('is refused with %s, by code', async (_what, fields) => {
    await expect(visit(async () => {}, fields)).rejects.toMatchObject({ code: 'SftpLoginRefused' });
  });

  it('the error of a refused login shows no secret', async () => {
    const error = await visit(async () => {}, { password: 'wrong-hunter2' }).catch((reason: Error) => reason);
    expect(JSON.stringify([String(error), (error as Error).stack])).not.toContain('hunter2');
  });
});

describe('the pinned host key', () => {
  it.each([
    ['a fingerprint', () => server.hostKeyFingerprint],
    ['a public key line', () => server.hostPublicKey],
    [
      'one of two, while the server changes its key',
      () => [`SHA256:${'A'.repeat(43)}`, server.hostPublicKey],
    ],
  ])('is accepted as %s', async (_what, hostKey) => {
    expect(await visit((source) => source.list(/./), { hostKey: hostKey() })).toHaveLength(1);
  });

  it('when it is another, neither user nor password reach the server, and the error shows what it presented', async () => {
    server.faults.otherHostKey = true;
    const error = await visit(async () => {}).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'SftpHostKeyMismatch' });
    expect(error.value).toMatch(/SHA256:[A-Za-z0-9+/]{43}$/);
    expect(error.value).not.toContain(server.hostKeyFingerprint);
    expect(server.struck.map(({ fault }) => fault)).toEqual(['otherHostKey']);
    expect(server.logins).toEqual([]);
  });

  it('of a server with several is asked for by its kind', async () => {
    const rsa = ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 });
    const shown: string[] = [];
    const both = new ssh2.Server({
      hostKeys: [newKeyPair().private, rsa.private],
    });
    both.on('connection', (client) => {
      client.on('error', () => {});
      client.on('handshake', (negotiated) => shown.push(negotiated.serverHostKey));
      client.on('authentication', (context) => context.reject());
    });
    await new Promise<void>((settle) => both.listen(0, '127.0.0.1', settle));
    const { port } = both.address() as { port: number };
    await expect(visit(async () => {}, { port, hostKey: rsa.public })).rejects.toMatchObject({
      code: 'SftpLoginRefused',
    });
    expect(shown).toEqual(['rsa-sha2-512']);
    await new Promise((settle) => both.close(settle));
  });
});

describe('listing', () => {
  it('gives the files that match, by name, with size and time, and neither directories nor links', async () => {
    await mkdir(file('sub.xlsx'));
    await symlink('report.xlsx', file('latest.xlsx'));
    await writeFile(file('Größe Véronique 東京.xlsx'), 'x');
    await utimes(file('Größe Véronique 東京.xlsx'), modified + 1, modified + 1);
    await writeFile(file('notes.txt'), '');
    const found = await visit((source) => source.list(/\.xlsx$/g));
    expect(found).toEqual([
      {
        path: 'Größe Véronique 東京.xlsx',
        name: 'Größe Véronique 東京.xlsx',
        size: 1,
        modifiedAt: 1_700_000_001_000,
      },
      { path: 'report.xlsx', name: 'report.xlsx', size: content.length, modifiedAt: 1_700_000_000_000 },
    ]);
    expect(await visit((source) => source.stat('Größe Véronique 東京.xlsx'))).toEqual(found[0]);
    expect((await readAll('Größe Véronique 東京.xlsx')).toString()).toBe('x');
  });

  it('is of the directory of the secret', async () => {
    await mkdir(file('Été 2026'));
    await writeFile(file('Été 2026/a.xlsx'), 'a');
    const read = await visit(
      async (source) => {
        const [only] = await source.list(/./);
        return [only?.path, (await buffer(source.read(only?.path ?? ''))).toString()];
      },
      { directory: '/Été 2026' },
    );
    expect(read).toEqual(['/Été 2026/a.xlsx', 'a']);
  });

  it('what does not exist is refused by code and name', async () => {
    const missing = { code: 'SftpPathRefused', value: expect.stringContaining('/gone') };
    await expect(visit((source) => source.list(/./), { directory: '/gone' })).rejects.toMatchObject(missing);
    await expect(visit((source) => source.stat('/gone'))).rejects.toMatchObject(missing);
    await expect(readAll('/gone')).rejects.toMatchObject(missing);
  });
});

describe('reading', () => {
  it.each([0, 1, 32_767, 32_768, 32_769, 32_768 * 16 + 1])(
    'gives all of %d bytes, in order',
    async (size) => {
      await writeFile(file('sized'), content.subarray(0, size));
      expect((await readAll('sized')).equals(content.subarray(0, size))).toBe(true);
    },
  );

  it('several files at a time over one connection', async () => {
    await writeFile(file('other'), content.subarray(5));
    const [one, two] = await visit((source) =>
      Promise.all([buffer(source.read('report.xlsx')), buffer(source.read('other'))]),
    );
    expect(one.equals(content) && two.equals(content.subarray(5))).toBe(true);
    expect(server.connections).toBe(1);
  });

  it('asks ahead, so that a far server costs few round trips', async () => {
    server.faults.holdReads = true;
    const reading = readAll();
    // Of 31 chunks half are asked for before the first one has come.
    while (server.held < 16) await sleep(5);
    server.heal();
    expect((await reading).equals(content)).toBe(true);
  });

  it('only ever reads', async () => {
    await visit(async (source) => {
      await source.list(/./);
      await source.stat('report.xlsx');
      await buffer(source.read('report.xlsx'));
    });
    expect([...new Set(server.requests.map(({ operation }) => operation))].sort()).toEqual(
      ['CLOSE', 'FSTAT', 'OPEN', 'OPENDIR', 'READ', 'READDIR', 'STAT'].sort(),
    );
  });

  it('a reader that stops early ends nothing but its own reading', async () => {
    const rest = await visit(async (source) => {
      for await (const _chunk of source.read('report.xlsx')) break;
      return buffer(source.read('report.xlsx'));
    });
    expect(rest.equals(content)).toBe(true);
  });
});

describe('a fault while reading is an error, never a short file', () => {
  const broken = { code: 'SftpTransferBroken' };

  it.each([0, 1, 500_000, 1_000_000])('the connection drops after %d bytes', async (bytes) => {
    server.faults.dropAfterBytes = bytes;
    await expect(readAll()).rejects.toMatchObject(broken);
    server.heal();
    expect((await readAll()).equals(content)).toBe(true);
  });

  it('the server stops answering', async () => {
    server.faults.stallAfterBytes = 500_000;
    const reading = visit((source) => buffer(source.read('report.xlsx')), {}, { stallTimeoutMs: 100 });
    await expect(reading).rejects.toMatchObject({ ...broken, value: 'no answer for 100 ms' });
  });

  describe('as time passes for whoever waits for an answer', () => {
    beforeEach(() => fakeOnly('setTimeout', 'clearTimeout')); // the limits of whoever waits
    afterEach(() => void jest.useRealTimers());

    it('a slow server that still answers is no stall, however long the whole takes', async () => {
      await writeFile(file('large'), Buffer.concat([content, content, content]));
      const stallTimeoutMs = 1_000;
      let [bytes, passed] = [0, 0];
      await visit(
        async (source) => {
          for await (const chunk of source.read('large')) {
            bytes += (chunk as Buffer).length;
            // Of 16 chunks that are asked for at a time, all may be there at once.
            jest.advanceTimersByTime(stallTimeoutMs / 20);
            passed += stallTimeoutMs / 20;
          }
        },
        {},
        { stallTimeoutMs },
      );
      expect(bytes).toBe(3 * content.length);
      expect(passed).toBeGreaterThan(2 * stallTimeoutMs);
    });

    it('a slow consumer is no stall', async () => {
      const stallTimeoutMs = 1_000;
      const read = await visit(
        async (source) => {
          let bytes = 0;
          for await (const chunk of source.read('report.xlsx')) {
            if (bytes === 0) {
              while (jest.getTimerCount() > 0) await sleep(5); // until nobody waits for an answer any more
              jest.advanceTimersByTime(10 * stallTimeoutMs);
            }
            bytes += (chunk as Buffer).length;
          }
          return bytes;
        },
        {},
        { stallTimeoutMs },
      );
      expect(read).toBe(content.length);
    });
  });

  /** Reads the first chunk, lets the file be changed, and reads on. */
  const meanwhile = (change: () => Promise<void>) =>
    visit(async (source) => {
      await writeFile(file('large'), randomBytes(4_000_000));
      let chunks = 0;
      for await (const _chunk of source.read('large')) {
        if (chunks === 0) await change();
        chunks += 1;
      }
      return chunks;
    });

  it.each([
    ['grows', () => appendFile(file('large'), 'more')],
    ['is cut', () => truncate(file('large'), 3_000_000)],
    ['is touched', () => utimes(file('large'), 1_800_000_000, 1_800_000_000)],
  ])('the file %s', async (_what, change) => {
    await expect(meanwhile(change)).rejects.toMatchObject({ code: 'SftpFileChanged' });
  });

  it('a file that is replaced by renaming is read as it was', async () => {
    await writeFile(file('new'), 'new');
    expect(await meanwhile(() => rename(file('new'), file('large')))).toBeGreaterThan(1);
  });

  it('the file is no longer the one that was listed', async () => {
    const reading = visit(async (source) => {
      const [listed] = await source.list(/report/);
      await appendFile(file('report.xlsx'), 'more');
      return buffer(source.read('report.xlsx', listed));
    });
    await expect(reading).rejects.toMatchObject({ code: 'SftpFileChanged' });
  });
});

describe('a server that is not there', () => {
  const unreachable = { code: 'SftpUnreachable' };

  it('refuses the connection', async () => {
    server.faults.refuse = true;
    await expect(readAll()).rejects.toMatchObject(unreachable);
  });

  it('has no listener', async () => {
    const fields = secret();
    await server.close();
    await expect(withSftp(fields, {}, async () => {})).rejects.toMatchObject(unreachable);
  });

  it('has a name that does not resolve', async () => {
    const attempt = visit(async () => {}, { host: 'sftp.invalid' }, { readyTimeoutMs: 5_000 });
    await expect(attempt).rejects.toMatchObject(unreachable);
  });

  it('takes the connection and stays mute', async () => {
    server.faults.mute = true;
    await expect(visit(async () => {}, {}, { readyTimeoutMs: 500 })).rejects.toMatchObject(unreachable);
    while (server.struck.length === 0) await sleep(5); // it may come to take the connection after that
    expect(server.struck.map(({ fault }) => fault)).toEqual(['mute']);
  });

  it('does not speak SSH', async () => {
    const web = createServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    await new Promise<void>((settle) => web.listen(0, '127.0.0.1', settle));
    const { port } = web.address() as { port: number };
    await expect(visit(async () => {}, { port })).rejects.toMatchObject(unreachable);
    await new Promise((settle) => web.close(settle));
  });
});

describe('the connection ends', () => {
  it("when the work throws, and the error is the work's own", async () => {
    const reason = new Error('of the work');
    await expect(visit(() => Promise.reject(reason))).rejects.toBe(reason);
  });

  it('when the caller gives up while connecting', async () => {
    server.faults.mute = true;
    const signal = AbortSignal.timeout(50);
    await expect(visit(async () => {}, {}, { signal })).rejects.toMatchObject({ code: 'SftpUnreachable' });
  });

  it('when the caller gives up while reading', async () => {
    server.faults.stallAfterBytes = 0;
    const controller = new AbortController();
    const reading = visit(
      (source) => {
        setTimeout(() => controller.abort(), 50);
        return buffer(source.read('report.xlsx'));
      },
      {},
      { signal: controller.signal },
    );
    await expect(reading).rejects.toMatchObject({
      code: 'SftpTransferBroken',
      value: expect.stringContaining('given up'),
    });
  });

  it('not at all when the caller gave up before', async () => {
    const signal = AbortSignal.abort();
    await expect(visit(async () => {}, {}, { signal })).rejects.toMatchObject({ code: 'SftpUnreachable' });
    expect(server.connections).toBe(0);
  });

  it('with a reading that nobody waited for, as an error', async () => {
    const left = await visit(async (source): Promise<[Readable]> => [source.read('report.xlsx')]);
    await expect(buffer(left[0])).rejects.toMatchObject({ code: 'SftpTransferBroken' });
  });
});
