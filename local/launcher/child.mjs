import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';

/**
 * The processes that the launcher starts, and the signals that go on to them.
 *
 * Everything stays in the launcher's own process group, so that a closed terminal ends it all. The price: at Ctrl-C the
 * terminal tells the group, npm tells us once more, and we tell the child, which so hears of one key press twice or
 * thrice. Here what comes within `samePress` counts once; a program that counts presses must do likewise.
 */

const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
const samePress = 1000;

/** @type {import('node:child_process').ChildProcess | undefined} */
let current;
/** @type {{ name: NodeJS.Signals, at: number } | undefined} */
let last;

/** From now on a signal to the launcher goes to the running child, and the launcher waits for that child's end. */
export function forwardSignals() {
  for (const name of signals) process.on(name, () => forward(name));
}

/** @param {NodeJS.Signals} name */
function forward(name) {
  const now = performance.now();
  if (last?.name === name && now - last.at < samePress) return;
  last = { name, at: now };
  // Between two children there is nothing to wait for.
  if (current === undefined) process.exit(exitCode(null, name));
  current.kill(name);
}

/**
 * npm passes signals on, but cannot when it is killed for good: the launcher then sees that its parent is another one,
 * and ends as if told to. Only under npm: a launcher started by hand may well outlive its shell.
 *
 * @param {NodeJS.ProcessEnv} env
 */
export function endWithNpm(env) {
  if (env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    forward('SIGTERM');
  }, 500);
  timer.unref();
}

/** Whether the user, or the system, has asked the launcher to end. */
export const interrupted = () => last?.name;

/**
 * @param {number | null} code
 * @param {NodeJS.Signals | null | undefined} signal
 * @returns {number} as a shell counts: 128 + n for a signal
 */
export function exitCode(code, signal) {
  return code ?? (signal ? 128 + constants.signals[signal] : 1);
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<{ code: number | null, signal: NodeJS.Signals | null }>}
 */
function ended(child) {
  current = child;
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  }).finally(() => {
    current = undefined;
  });
}

/**
 * Runs a Node program in the foreground to its end. It gets the launcher's input and output and a channel; the channel
 * carries no messages: that it closes tells the child that the launcher is gone, even by SIGKILL.
 *
 * @param {string[]} args arguments of `node`
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 * @returns {Promise<number>} its exit code
 */
export async function runProgram(args, options) {
  const child = spawn(process.execPath, args, {
    ...options,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  const { code, signal } = await ended(child);
  return exitCode(code, signal);
}

/**
 * Runs an installer to its end, its output into a file.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd: string, env: NodeJS.ProcessEnv, log: string, started?: (pid: number | undefined) => void }} options
 *   `started` is told the process id, and undefined when the process has ended
 * @returns {Promise<{ code: number, output: string }>} `output` is the whole log
 */
export async function runInstaller(command, args, { cwd, env, log, started }) {
  mkdirSync(path.dirname(log), { recursive: true });
  const file = openSync(log, 'w');
  try {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', file, file] });
    const end = ended(child);
    if (child.pid !== undefined) started?.(child.pid);
    const { code, signal } = await end;
    started?.(undefined);
    return { code: exitCode(code, signal), output: readFileSync(log, 'utf8') };
  } finally {
    closeSync(file);
  }
}
