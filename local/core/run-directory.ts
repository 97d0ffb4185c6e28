/**
 * The directory of one run: logs, certificate, state. It goes with the run; what dead runs left behind (directories,
 * processes) goes when the next one starts.
 */
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { LabError } from '../../domain/errors.ts';
import { processStarted } from './process-table.mjs';

/** Failed runs whose logs stay, the newest ones. */
const KEPT_RUNS = 3;
const OUTSIDE_PREFIX = 'data-pipeline-labs-';

export interface RunDirectory {
  /** Absolute path, mode 0700. */
  path: string;
  /** Where logs go; all that stays of a run that is kept. */
  logs: string;
  /** Path of the log of that name. */
  logFile(name: string): string;
  /**
   * A temporary directory outside the checkout, removed with the run, for what another user must reach.
   * Mode 0755, owned by `owner` if given.
   */
  outside(name: string, owner?: { uid: number; gid: number }): Promise<string>;
  /** Keep the logs when the run ends. */
  keep(): void;
  /** Ends the run: removes everything, or all but the logs. Returns where the logs are when they were kept. */
  close(): Promise<string | undefined>;
}

export interface RunDirectoryOptions {
  /** Holds one directory per run. @default .local/runs under the current directory */
  root?: string;
  now?: () => Date;
}

const stamp = (date: Date): string => date.toISOString().slice(0, 19).replaceAll(/[-:]/g, '');

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The run's process, `pid started`: a recycled pid does not pass for it. */
function isAlive(directory: string): boolean {
  const owner = read(join(directory, 'owner'));
  if (owner === '') {
    // Being made this moment, or its making was cut short: the name holds the pid.
    const pid = Number(/-(\d+)$/.exec(directory)?.[1]);
    return processStarted(pid) !== undefined;
  }
  const [pid, ...started] = owner.trim().split(' ');
  return processStarted(Number(pid)) === started.join(' ');
}

/** Processes on record that outlived both the run and their tether. */
function endProcesses(logs: string): void {
  if (!existsSync(logs)) return;
  for (const name of readdirSync(logs).filter((file) => file.endsWith('.pid'))) {
    const [pid, ...started] = read(join(logs, name)).trim().split(' ');
    if (pid === undefined || started.length === 0 || processStarted(Number(pid)) !== started.join(' '))
      continue;
    try {
      process.kill(-Number(pid), 'SIGKILL');
    } catch {
      // ended in the meantime, or not ours to end
    }
  }
}

async function removeOutside(directory: string): Promise<void> {
  for (const path of read(join(directory, 'outside')).split('\n').filter(Boolean)) {
    // The record is a file that anything may have written to: only what this module made is removed.
    if (basename(path).startsWith(OUTSIDE_PREFIX)) await rm(path, { recursive: true, force: true });
  }
}

async function removeAllBut(directory: string, kept: readonly string[]): Promise<void> {
  for (const name of readdirSync(directory)) {
    if (!kept.includes(name)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

/** Removes what dead runs left under `root`. A run that cannot be removed (another user's) is left alone. */
export async function sweepRuns(root: string): Promise<void> {
  const dead = readdirSync(root)
    .filter((name) => /^\d{8}T\d{6}-\d+$/.test(name))
    .sort()
    .reverse()
    .map((name) => join(root, name))
    .filter((directory) => !isAlive(directory));
  const kept = dead.filter((directory) => existsSync(join(directory, 'kept'))).slice(0, KEPT_RUNS);
  for (const directory of dead) {
    try {
      endProcesses(join(directory, 'logs'));
      await removeOutside(directory);
      if (kept.includes(directory)) await removeAllBut(directory, ['kept', 'owner', 'logs']);
      else await rm(directory, { recursive: true, force: true });
    } catch {
      // the next start tries again
    }
  }
}

/**
 * Makes the directory of this run, and removes what dead runs left behind.
 *
 * @throws RunDirectoryUnusable when it cannot be made (no rights, no disk)
 */
export async function openRunDirectory(options: RunDirectoryOptions = {}): Promise<RunDirectory> {
  const root = resolve(options.root ?? '.local/runs');
  const now = options.now ?? (() => new Date());
  const path = join(root, `${stamp(now())}-${process.pid}`);
  const logs = join(path, 'logs');
  try {
    await mkdir(root, { recursive: true, mode: 0o700 });
    await sweepRuns(root);
    await mkdir(path, { mode: 0o700 });
    await writeFile(join(path, 'owner'), `${process.pid} ${processStarted(process.pid)}\n`);
    await mkdir(logs, { mode: 0o700 });
  } catch (error) {
    throw new LabError('RunDirectoryUnusable', (error as Error).message, { cause: error });
  }
  let kept = false;
  return {
    path,
    logs,
    logFile: (name) => join(logs, `${name}.log`),
    async outside(name, owner) {
      try {
        const directory = await mkdtemp(join(tmpdir(), `${OUTSIDE_PREFIX}${name}-`));
        appendFileSync(join(path, 'outside'), `${directory}\n`);
        await chmod(directory, 0o755);
        if (owner !== undefined) await chown(directory, owner.uid, owner.gid);
        return directory;
      } catch (error) {
        throw new LabError('RunDirectoryUnusable', (error as Error).message, { cause: error });
      }
    },
    keep() {
      kept = true;
    },
    async close() {
      await removeOutside(path);
      if (!kept) {
        await rm(path, { recursive: true, force: true });
        return undefined;
      }
      await writeFile(join(path, 'kept'), '');
      await removeAllBut(path, ['kept', 'owner', 'logs']);
      return logs;
    },
  };
}
