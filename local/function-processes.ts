import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DeployedLab, Laptop } from './laptop.ts';

/** The logical id of a function of the stack. @param name its construct's */
export function logicalIdOf(lab: DeployedLab, name: string): string {
  const found = lab.assembly.functions.find(({ logicalId }) =>
    new RegExp(`^${name}[0-9A-F]{8}$`).test(logicalId),
  );
  if (!found) throw new Error(`no function ${name}`);
  return found.logicalId;
}

/**
 * The processes in which the emulator runs one function now: one per invocation at a time, kept warm between them. Known
 * by the directory that they were unpacked into, which lies below this laptop's own: no other laptop's are found.
 */
export function functionProcesses(laptop: Laptop, lab: DeployedLab, logicalId: string): number[] {
  const name = lab.resources.get(logicalId);
  if (name === undefined) throw new Error(`no function ${logicalId} in ${lab.stack}`);
  const unpacked = join(laptop.runDirectory.path, 'emulator', 'tmp', `ministack-lambda-${name}-`);
  return commandLines().flatMap(({ pid, line }) => (line.includes(unpacked) ? [pid] : []));
}

/**
 * Ends a function as AWS does when a host dies: at once, in the middle of what it does. What it was called for fails;
 * the next call gets a new process.
 *
 * @returns how many processes were ended
 */
export function killFunction(laptop: Laptop, lab: DeployedLab, logicalId: string): number {
  let ended = 0;
  for (const pid of functionProcesses(laptop, lab, logicalId)) {
    try {
      process.kill(pid, 'SIGKILL');
      ended += 1;
    } catch {
      // it ended by itself in the meantime
    }
  }
  return ended;
}

/** Linux by /proc, since slim images have no ps. */
function commandLines(): { pid: number; line: string }[] {
  if (!existsSync('/proc/self/cmdline')) {
    return execFileSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8' })
      .split('\n')
      .map((row) => ({ pid: Number.parseInt(row, 10), line: row }));
  }
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      return [{ pid: Number(pid), line: readFileSync(`/proc/${pid}/cmdline`, 'utf8') }];
    } catch {
      return []; // ended between the listing and the reading
    }
  });
}
