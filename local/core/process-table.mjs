/**
 * Which processes run, and since when. Node built-ins only: the tether is started with plain `node`.
 *
 * Linux is read from /proc (man 5 proc, /proc/pid/stat), because slim images carry no `ps`; elsewhere `ps` is asked.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const hasProc = process.platform === 'linux' && existsSync('/proc/self/stat');
/** Start times count from boot, so a boot's own id is part of them. */
const boot = hasProc ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : '';

function rowFromProc(pid) {
  let stat;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // ended between the listing and the reading
  }
  // The command, in parentheses, may hold spaces and parentheses itself: fields count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return { pid, parent: Number(fields[1]), group: Number(fields[2]), started: `${boot}:${fields[19]}` };
}

function ps(selection) {
  let text;
  try {
    text = execFileSync('ps', [...selection, '-o', 'pid=,ppid=,pgid=,stat=,lstart='], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return []; // `ps -p` exits 1 when there is no such process
  }
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line);
    if (match === null || match[4].startsWith('Z')) return [];
    return [{ pid: Number(match[1]), parent: Number(match[2]), group: Number(match[3]), started: match[5] }];
  });
}

export function processTableByPs() {
  return ps(['-A']);
}

export function processTable() {
  if (!hasProc) return processTableByPs();
  return readdirSync('/proc').flatMap((name) => {
    const row = /^\d+$/.test(name) ? rowFromProc(Number(name)) : undefined;
    return row === undefined ? [] : [row];
  });
}

export function processStarted(pid) {
  return hasProc ? rowFromProc(pid)?.started : ps(['-p', String(pid)])[0]?.started;
}
