/**
 * Ties a process, and all it starts, to the life of the process that ordered it.
 *
 * No system ends children with their parent on every platform we run on, so this small program stands between: it
 * holds a pipe from the one who ordered, runs the command in a process group of its own, and when the pipe closes,
 * asked or because the other side was killed, it stops the whole tree.
 *
 * Protocol: one JSON line on stdin is the order (the typedef below, written by child-process.ts); a later line `stop`, or the end of
 * stdin, asks for the stop. JSON lines on stdout: `{"pid"}` once it runs, `{"error"}` when it cannot,
 * `{"code","signal"}` when it and everything it started have ended.
 */
import { spawn } from 'node:child_process';
import { openSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { processTable } from './process-table.mjs';

/**
 * @typedef {object} Order
 * @property {string} command
 * @property {string[]} args
 * @property {NodeJS.ProcessEnv} env
 * @property {string} [cwd]
 * @property {string} logFile
 * @property {number} [uid]
 * @property {number} [gid]
 * @property {NodeJS.Signals} stopSignal
 * @property {number} graceMs
 * @property {string[]} removeWhenOrphaned
 */

/** How often the tree is looked at while it ends, ms. */
const LOOK_EVERY_MS = 30;
/**
 * How long killed processes may take to vanish, ms: on a machine that is busy each of them waits for its turn to end (one in
 * uninterruptible sleep cannot be waited for).
 */
const KILL_MS = 15_000;

/**
 * Members of the tree seen so far: `pid` to `started`. One that changes its group stays known.
 * @type {Map<number, string>}
 */
const known = new Map();

/**
 * Who still runs: members of the command's group, those known from before, and the descendants of both.
 * @param {number} leader
 */
function members(leader) {
  const table = processTable();
  const tree = new Set(
    table.filter((row) => row.group === leader || known.get(row.pid) === row.started).map((row) => row.pid),
  );
  for (let before = -1; before !== tree.size; ) {
    before = tree.size;
    for (const row of table) if (tree.has(row.parent)) tree.add(row.pid);
  }
  const rows = table.filter((row) => tree.has(row.pid));
  for (const row of rows) known.set(row.pid, row.started);
  return rows;
}

/** @param {number} pid @param {NodeJS.Signals} name */
function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch {
    // ended in the meantime
  }
}

/** @param {number} leader @param {number} withinMs */
async function gone(leader, withinMs) {
  const until = Date.now() + withinMs;
  while (members(leader).length > 0) {
    if (Date.now() > until) return false;
    await sleep(LOOK_EVERY_MS);
  }
  return true;
}

/**
 * @param {number} leader @param {Pick<Order, 'stopSignal' | 'graceMs'>} order
 * @returns {Promise<boolean>} whether all of it has ended
 */
async function stopTree(leader, order) {
  members(leader); // before the signal: later, orphans can no longer be told by their parent
  signal(-leader, order.stopSignal);
  if (await gone(leader, order.graceMs)) return true;
  for (const row of members(leader)) signal(row.pid, 'SIGKILL');
  signal(-leader, 'SIGKILL');
  return gone(leader, KILL_MS);
}

/** @param {object} message */
function tell(message) {
  return new Promise((resolve) => process.stdout.write(`${JSON.stringify(message)}\n`, resolve));
}

/** @param {Order} order */
function run(order) {
  let orphaned = false;
  let stopping = false;
  const log = openSync(order.logFile, 'a', 0o600);
  const child = spawn(order.command, order.args, {
    cwd: order.cwd,
    env: order.env,
    detached: true, // its own process group
    stdio: ['ignore', log, log],
    uid: order.uid,
    gid: order.gid,
  });
  /** @param {object} message */
  const finish = async (message) => {
    if (orphaned) for (const path of order.removeWhenOrphaned) rmSync(path, { recursive: true, force: true });
    await tell(message);
    process.exit(0);
  };
  const stop = () => {
    if (stopping || child.pid === undefined) return;
    stopping = true;
    stopTree(child.pid, order).then((hasEnded) => {
      // A leader that not even SIGKILL ended within its time has no exit to report; one that has ended tells it itself.
      if (!hasEnded) finish({ code: null, signal: 'SIGKILL' });
    });
  };
  child.on('spawn', () => tell({ pid: child.pid }));
  child.on('error', (error) => finish({ error: error.message }));
  child.on('exit', async (code, name) => {
    const leader = /** @type {number} */ (child.pid); // what has ended had started
    // The leader may have left others behind, crashed or not: none of them stays.
    if (stopping) await gone(leader, order.graceMs + KILL_MS);
    else await stopTree(leader, { ...order, stopSignal: 'SIGTERM', graceMs: Math.min(order.graceMs, 1_000) });
    await finish({ code, signal: name });
  });
  process.on('SIGTERM', stop);
  return {
    stop,
    abandon() {
      orphaned = true;
      stop();
    },
  };
}

// Ctrl-C and a closed terminal reach the whole foreground; the one who ordered decides what they mean.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
process.stdout.on('error', () => {}); // nobody listens any more

let text = '';
/** @type {ReturnType<typeof run> | undefined} */
let running;
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => {
  text += chunk;
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
    const line = text.slice(0, end);
    text = text.slice(end + 1);
    if (running === undefined) running = run(JSON.parse(line));
    else if (line === 'stop') running.stop();
  }
});
for (const event of ['end', 'error']) {
  process.stdin.on(event, () => {
    if (running === undefined) process.exit(0);
    running.abandon();
  });
}
