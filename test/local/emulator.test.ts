import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Certificate, makeCertificate } from '../../local/core/certificate.ts';
import { freePort } from '../../local/core/ports.ts';
import { openRunDirectory, type RunDirectory } from '../../local/core/run-directory.ts';
import { startEmulator } from '../../local/emulator.ts';

const python = process.env.LABS_PYTHON ?? '.local/python/bin/python';
let directory: string;
let runDirectory: RunDirectory;
let certificate: Certificate;
let other: Server;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'labs-test-'));
  runDirectory = await openRunDirectory({ root: directory });
  certificate = await makeCertificate({ directory: join(runDirectory.path, 'certificate'), python });
  other = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(other, 'listening');
});
afterAll(async () => {
  other?.close();
  await runDirectory?.close();
  await rm(directory, { recursive: true, force: true });
});

it('a port that another program takes before the emulator does is given up for another one', async () => {
  const taken = (other.address() as AddressInfo).port;
  const asked: number[] = [];
  const emulator = await startEmulator({ python, runDirectory, certificate }, async () => {
    asked.push(asked.length < 2 ? taken : await freePort());
    return asked.at(-1) as number;
  });
  await emulator.stop();
  expect(asked).toEqual([taken, taken, expect.any(Number)]);
  expect(emulator.url).toBe(`https://127.0.0.1:${asked[2]}`);
});
