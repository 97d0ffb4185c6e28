import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * A clone with the real launcher in it and nothing else that is real: `npm` and `python3` on its PATH are shell scripts,
 * and what `npm ci` "installs" are small programs in the places of jest, the linter and local/main.ts. Each fake writes
 * one line per call into `calls`.
 */
export interface FakeClone {
  root: string;
  /** Lines such as `npm ci`, `venv`, `pip install`, in the order they were called. */
  calls: () => string[];
  /** Replaces an executable on the PATH; the body is a shell script. */
  executable: (name: string, body: string) => void;
  remove: (name: string) => void;
  /** Runs `run.mjs` with these arguments to its end. */
  run: (args: string[], env?: Record<string, string>) => Promise<Ended>;
  /** Starts `run.mjs` and leaves it running. */
  start: (args: string[], env?: Record<string, string>) => Running;
  /** The same, as the child of a process that stands for a program such as npm. */
  startUnder: (args: string[], env?: Record<string, string>) => Running;
  dispose: () => void;
}

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  child: ChildProcess;
  ended: Promise<Ended>;
  /** Resolves when the standard output or error has this text; rejects when the program ends without it. */
  says: (text: string) => Promise<void>;
}

const repository = path.resolve(import.meta.dirname, '../../..');

/** Tools that the fakes and the launcher use, linked into the fake PATH: nothing else of the machine is on it. */
const tools = ['sh', 'mkdir', 'cat', 'cp', 'chmod', 'sleep', 'ps', 'dirname', 'ln'];

/** A Python that answers the launcher's question, and makes environments that hold a copy of itself. */
export const python = (version: string, venv = true) => `
case "$*" in
  *ensurepip*) echo '{"version": [${version.split('.').join(', ')}], "venv": ${venv}}' ;;
  "-m venv "*) echo venv >> "$CALLS"; mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; chmod +x "$3/bin/python" ;;
  "-m pip install "*) echo "pip install" >> "$CALLS" ;;
  *) exit 2 ;;
esac`;

/** An npm that makes the programs the launcher runs; tsx alone is the real one. */
export const npm = `
echo "npm $1" >> "$CALLS"
mkdir -p node_modules/jest/bin node_modules/typescript/bin
echo '{}' > node_modules/.package-lock.json
cp "$PROGRAM" node_modules/jest/bin/jest.js
cp "$PROGRAM" node_modules/typescript/bin/tsc
[ -e node_modules/tsx ] || ln -s "$TSX" node_modules/tsx`;

/** What stands for jest, tsc and local/main.ts: it tells its arguments and Python, then does what BEHAVE says. */
const program = `
console.log(JSON.stringify({ args: process.argv.slice(2), python: process.env.LABS_PYTHON ?? null }));
const behave = process.env.BEHAVE ?? '';
if (behave.startsWith('exit ')) process.exit(Number(behave.slice(5)));
if (behave === 'die') process.kill(process.pid, 'SIGKILL');
if (behave === 'stay') {
  setInterval(() => {}, 1000);
  let clean = false;
  process.on('SIGTERM', () => {
    if (clean) return;
    clean = true;
    console.log('cleaning up');
    setTimeout(() => { console.log('clean'); process.exit(7); }, 300);
  });
  console.log('up ' + process.pid);
}
`;

export function fakeClone(): FakeClone {
  const folder = mkdtempSync(path.join(tmpdir(), 'launcher-'));
  const root = path.join(folder, 'clone');
  const bin = path.join(folder, 'bin');
  const calls = path.join(folder, 'calls');
  const home = path.join(folder, 'home');
  for (const name of [root, bin, home, path.join(root, 'python')]) mkdirSync(name, { recursive: true });
  cpSync(path.join(repository, 'local/launcher'), path.join(root, 'local/launcher'), { recursive: true });
  writeFileSync(path.join(root, 'package-lock.json'), '{"lockfileVersion":3}\n');
  writeFileSync(path.join(root, 'package.json'), '{"type":"module"}\n');
  writeFileSync(path.join(root, 'python/requirements.txt'), 'emulator==1\n');
  writeFileSync(path.join(folder, 'program.mjs'), program);
  writeFileSync(path.join(root, 'local/main.ts'), program);
  writeFileSync(calls, '');
  for (const tool of tools) {
    const found = ['/bin', '/usr/bin']
      .map((place) => path.join(place, tool))
      .find((file) => existsSync(file));
    if (found) symlinkSync(found, path.join(bin, tool));
  }

  const executable = (name: string, body: string) => {
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${body}\n`);
    chmodSync(path.join(bin, name), 0o755);
  };
  executable('npm', npm);
  executable('python3', python('3.12.4'));

  const launcher = path.join(root, 'local/launcher/run.mjs');
  const startUnder: FakeClone['startUnder'] = (args, env) =>
    // Not the last command of the shell, which otherwise becomes the launcher itself.
    spawnClone('sh', ['-c', '"$@"; exit $?', 'sh', process.execPath, launcher, ...args], env);
  const start: FakeClone['start'] = (args, env) => spawnClone(process.execPath, [launcher, ...args], env);
  const spawnClone = (command: string, args: string[], env: Record<string, string> = {}): Running => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: bin,
        HOME: home,
        CI: 'true',
        CALLS: calls,
        PROGRAM: path.join(folder, 'program.mjs'),
        TSX: path.join(repository, 'node_modules/tsx'),
        ...env,
      },
    });
    const output = { stdout: '', stderr: '' };
    const watchers = new Set<() => void>();
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
        for (const watch of watchers) watch();
      });
    }
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, ...output }));
    });
    const says = (text: string) =>
      new Promise<void>((resolve, reject) => {
        const watch = () => {
          if (output.stdout.includes(text) || output.stderr.includes(text)) resolve();
        };
        watchers.add(watch);
        watch();
        ended.then(
          ({ stdout, stderr }) => reject(new Error(`ended without saying "${text}": ${stdout}${stderr}`)),
          reject,
        );
      });
    return { child, ended, says };
  };

  return {
    root,
    calls: () => readFileSync(calls, 'utf8').split('\n').filter(Boolean),
    executable,
    remove: (name) => rmSync(path.join(bin, name), { force: true }),
    run: (args, env) => start(args, env).ended,
    start,
    startUnder,
    // More than once: a launcher that was killed may have left a child that writes its last.
    dispose: () => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  };
}

/** Whether a process runs (a zombie does not). */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/\) [ZX] /.test(readFileSync(stat, 'utf8'));
}

/** Waits until something holds; the test's own time limit is the limit. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}
