/**
 * Child processes that end with us, crash included: each hangs on a tether (tether.mjs says how).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LabError } from '../../domain/errors.ts';
import { deferred } from './deferred.ts';
import { processStarted } from './process-table.mjs';

const tether = fileURLToPath(new URL('./tether.mjs', import.meta.url));

export interface ProcessOptions {
  /** What people call it: in messages, and as the tether's argument in `ps`. */
  name: string;
  command: string;
  args?: readonly string[];
  /** The whole environment. @default our own */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Standard output and error are appended here; `<logFile>.pid` beside it names the process. */
  logFile: string;
  /** Run as this user (only root may ask for it). */
  user?: { uid: number; gid: number };
  /** How it is asked to end. @default SIGTERM */
  stopSignal?: NodeJS.Signals;
  /** How long it may take to end before it is killed, ms. @default 5000 */
  graceMs?: number;
  /** Directories that the tether removes when we are killed and cannot do it ourselves. */
  removeWhenOrphaned?: readonly string[];
  /** Told once when the process ends without having been stopped. */
  onDeath?: (error: LabError) => void;
}

export interface ProcessExit {
  code: number | null;
  signal: string | null;
}

export interface TetheredProcess {
  name: string;
  pid: number;
  logFile: string;
  /** Settles when the process and all that it started have ended; never rejects. */
  exited: Promise<ProcessExit>;
  /** Ends the process and all that it started; may be called again. */
  stop(): Promise<void>;
  /** The last lines of the log. @default 20 */
  tail(lines?: number): string;
}

/** The last lines of a file, or '' when there is none. Reads 64 KB at most. */
export function tailOfFile(path: string, lines = 20): string {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(descriptor);
    const buffer = Buffer.alloc(Math.min(size, 65_536));
    readSync(descriptor, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    closeSync(descriptor);
  }
}

const describeExit = (exit: ProcessExit): string =>
  exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;

/**
 * Starts a process on a tether.
 *
 * @throws ProcessNotStarted when the command cannot be run at all
 */
export async function startProcess(options: ProcessOptions): Promise<TetheredProcess> {
  const { name, logFile } = options;
  const log = openSync(logFile, 'a', 0o600);
  const holder: ChildProcess = spawn(process.execPath, [tether, name], {
    // A session of its own: what kills our process group must not kill the one that cleans up after us.
    detached: true,
    stdio: ['pipe', 'pipe', log],
    // Nothing of ours: NODE_OPTIONS would load our loaders into it.
    env: { PATH: process.env.PATH },
  });
  closeSync(log);
  const { stdin, stdout } = holder;
  if (stdin === null || stdout === null) throw new Error('a spawned process with pipes has pipes');
  stdin.on('error', () => {}); // a tether that has ended is told by its own exit

  let stopping = false;
  let pid: number | undefined;
  let exit: ProcessExit | undefined;
  const tail = (lines = 20): string => tailOfFile(logFile, lines);

  const started = deferred<number>();
  const exited = deferred<ProcessExit>();
  createInterface({ input: stdout }).on('line', (line) => {
    const message = JSON.parse(line) as { pid?: number; error?: string } & Partial<ProcessExit>;
    if (message.error !== undefined) {
      started.reject(new LabError('ProcessNotStarted', `${name}: ${message.error}`));
    } else if (message.pid !== undefined) {
      pid = message.pid;
      writeFileSync(`${logFile}.pid`, `${pid} ${processStarted(pid) ?? ''}\n`, { mode: 0o600 });
      started.resolve(pid);
    } else {
      exit = { code: message.code ?? null, signal: message.signal ?? null };
    }
  });
  holder.on('error', (error) => {
    started.reject(new LabError('ProcessNotStarted', `${name}: ${error.message}`));
  });
  holder.on('close', () => {
    if (exit === undefined && pid !== undefined) {
      // The tether itself was killed: nobody else is left to end what it held.
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // ended on its own
      }
    }
    const how = exit ?? { code: null, signal: 'SIGKILL' };
    started.reject(new LabError('ProcessNotStarted', `${name}: its tether ended: ${tail(3)}`));
    exited.resolve(how);
    if (!stopping && pid !== undefined) {
      options.onDeath?.(
        new LabError('ProcessDied', `${name} (${describeExit(how)}, log ${logFile}):\n${tail(8)}\n`),
      );
    }
  });

  stdin.write(
    `${JSON.stringify({
      command: options.command,
      args: options.args ?? [],
      env: options.env ?? process.env,
      cwd: options.cwd,
      logFile,
      uid: options.user?.uid,
      gid: options.user?.gid,
      stopSignal: options.stopSignal ?? 'SIGTERM',
      graceMs: options.graceMs ?? 5_000,
      removeWhenOrphaned: options.removeWhenOrphaned ?? [],
    })}\n`,
  );

  return {
    name,
    pid: await started.promise,
    logFile,
    exited: exited.promise,
    async stop() {
      stopping = true;
      if (stdin.writable) stdin.write('stop\n');
      await exited.promise;
    },
    tail,
  };
}
