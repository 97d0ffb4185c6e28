import { spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * One install at a time per clone, without a daemon and with no way to stay locked.
 *
 * The lock is a folder of numbered files, the highest number counts: it is held while the process named in it (or the
 * installer that this process started, which outlives a killed launcher) is alive. Whoever finds it free makes the next
 * number, which the file system grants to one only; a dead holder's file is never removed to take its place, so two
 * that find it dead at once cannot both get the lock. A number made late, below one that exists already, does not count.
 *
 * @typedef {{ pid: number, start: string | undefined }} ProcessId
 * @typedef {{ holder?: ProcessId, installer?: ProcessId, since?: string }} LockFile
 * @typedef {{ installer: (pid: number | undefined) => void, release: () => void }} Lock
 */

const pollMilliseconds = 200;

/**
 * When a process started, in the platform's own notation: with the id it names a process for good, as ids come again.
 *
 * @param {number} pid
 * @returns {string | undefined} undefined where it does not run, or where that cannot be told
 */
export function processStart(pid) {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // Field 2 is the program's name in parentheses and may hold anything; state is field 3, start time field 22.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
    } catch {
      return undefined;
    }
  }
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
  });
  return stdout?.trim() || undefined;
}

/** @param {number} pid @returns {ProcessId} */
const identify = (pid) => ({ pid, start: processStart(pid) });

/** @param {ProcessId | undefined} id */
const isAlive = (id) => id !== undefined && id.start !== undefined && processStart(id.pid) === id.start;

/** @param {string} folder @returns {number} 0 where there is none */
const highest = (folder) =>
  Math.max(
    0,
    ...readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number),
  );

/** @param {string} file @returns {LockFile} an unreadable file is nobody's */
function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) ?? {};
  } catch {
    return {};
  }
}

/**
 * Waits for the lock and takes it.
 *
 * @param {string} folder made where missing
 * @param {(holder: LockFile) => void} onWait called once, when it has to wait
 * @returns {Promise<Lock>} `installer` names the process that does the installing (undefined: none any more)
 */
export async function takeInstallLock(folder, onWait) {
  mkdirSync(folder, { recursive: true });
  const draft = path.join(folder, `draft-${process.pid}`);
  /** @type {LockFile} */
  const mine = { holder: identify(process.pid), since: new Date().toISOString() };
  for (let waited = false; ; ) {
    const last = highest(folder);
    const holder = read(path.join(folder, String(last)));
    if (isAlive(holder.holder) || isAlive(holder.installer)) {
      if (!waited) onWait(holder);
      waited = true;
      await sleep(pollMilliseconds);
      continue;
    }
    const own = last + 1;
    const file = path.join(folder, String(own));
    if (!create(draft, file, mine) || highest(folder) !== own) continue;
    for (const name of readdirSync(folder)) {
      if (name !== String(own)) rmSync(path.join(folder, name), { force: true });
    }
    /** @param {LockFile} content */
    const rewrite = (content) => {
      writeFileSync(draft, JSON.stringify(content));
      renameSync(draft, file);
    };
    return {
      installer: (pid) => rewrite(pid === undefined ? mine : { ...mine, installer: identify(pid) }),
      // The file stays: numbers only go up.
      release: () => rewrite({}),
    };
  }
}

/**
 * Makes the file with its whole content, if it does not exist.
 *
 * @param {string} draft
 * @param {string} file
 * @param {LockFile} content
 * @returns {boolean} whether it was made
 */
function create(draft, file, content) {
  try {
    writeFileSync(draft, JSON.stringify(content));
    linkSync(draft, file);
    return true;
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    // ENOENT: another process, just granted the lock, swept our draft away.
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
