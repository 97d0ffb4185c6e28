import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { jest } from '@jest/globals';
import type { LabError } from '../../../domain/errors.ts';
import { startProcess } from '../../../local/core/child-process.ts';
import { processStarted, processTable, processTableByPs } from '../../../local/core/process-table.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'labs-test-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

jest.setTimeout(120_000); // starts processes on a machine that may be busy

const repository = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * A program with a child that ignores SIGTERM, and one in a session of its own, as PostgreSQL's backends are; prints their
 * pids, its own first, once both ignore it, and calls `ready` where there is one.
 */
const tree = `
  const { spawn } = require('node:child_process');
  const forever = "process.on('SIGTERM', () => {}); console.log('deaf'); setInterval(() => {}, 1e6)";
  const start = (detached) => {
    const child = spawn(process.execPath, ['-e', forever], { stdio: ['ignore', 'pipe', 'ignore'], detached });
    return new Promise((resolve) => child.stdout.once('data', () => resolve(child.pid)));
  };
  Promise.all([start(false), start(true)]).then((pids) => {
    console.log('pids', process.pid, ...pids);
    if (typeof ready === 'function') ready();
  });
  setInterval(() => {}, 1e6);
`;

async function until<T>(look: () => T | undefined | false): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    await sleep(20);
  }
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};
const pidsIn = (path: string): number[] | undefined =>
  /pids (.+)\n/.exec(read(path))?.[1]?.split(' ').map(Number);
const running = (pids: number[]): number[] => pids.filter((pid) => processStarted(pid) !== undefined);
/** Tethers whose argument is this name. */
const tethers = (name: string): number =>
  processTable().filter((row) => read(`/proc/${row.pid}/cmdline`).includes(`tether.mjs\0${name}`)).length;

it('stop ends a process and all that it started, those that ignore SIGTERM and those of another session too', async () => {
  const logFile = join(scratch, 'stop.log');
  const died: LabError[] = [];
  const child = await startProcess({
    name: 'stopped',
    command: process.execPath,
    args: ['-e', tree],
    logFile,
    graceMs: 200,
    onDeath: (error) => died.push(error),
  });
  const pids = await until(() => pidsIn(logFile));
  expect(running(pids)).toHaveLength(3);
  await child.stop();
  expect(running(pids)).toEqual([]);
  // A machine that is busy may kill it before it has come to end by itself.
  expect(await child.exited).toEqual({ code: null, signal: expect.stringMatching(/^SIG(TERM|KILL)$/) });
  expect(died).toEqual([]);
  await child.stop(); // again: nothing happens
});

it('stop asks first: what ends by itself within its grace is not killed, and its exit is told', async () => {
  const starts = async (program: string, log: string) => {
    const logFile = join(scratch, log);
    const args = ['-e', `${program}; setInterval(() => {}, 1e6); console.log('up')`];
    const child = await startProcess({
      name: 'asked',
      command: process.execPath,
      args,
      logFile,
      graceMs: 60_000,
    });
    await until(() => read(logFile).includes('up'));
    await child.stop();
    return child.exited;
  };
  expect(await starts('', 'asked.log')).toEqual({ code: null, signal: 'SIGTERM' });
  const cleaning = "process.on('SIGTERM', () => process.exit(5))";
  expect(await starts(cleaning, 'cleaning.log')).toEqual({ code: 5, signal: null });
});

it('a SIGKILL of the one who ordered leaves no process, and removes the directories it named', async () => {
  const logFile = join(scratch, 'killed.log');
  const orphanDirectory = mkdtempSync(join(scratch, 'outside-'));
  const script = join(scratch, 'order.mts');
  writeFileSync(
    script,
    `import { startProcess } from ${JSON.stringify(join(repository, 'local/core/child-process.ts'))};
     await startProcess({ name: 'orphaned-${process.pid}', command: process.execPath, args: ['-e', ${JSON.stringify(tree)}],
       logFile: ${JSON.stringify(logFile)}, graceMs: 200, removeWhenOrphaned: [${JSON.stringify(orphanDirectory)}] });`,
  );
  const parent = spawn(process.execPath, ['--import', 'tsx', script], {
    cwd: repository,
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const pids = await until(() => pidsIn(logFile));
  expect(running(pids)).toHaveLength(3);
  expect(tethers(`orphaned-${process.pid}`)).toBe(1);
  process.kill(-(parent.pid as number), 'SIGKILL'); // its whole process group, as a terminal or a CI runner does
  await until(() => running(pids).length === 0 && tethers(`orphaned-${process.pid}`) === 0);
  expect(() => rmSync(orphanDirectory, { recursive: true })).toThrow('ENOENT');
});

it('a process that dies by itself is reported with its last lines, and what it started ends', async () => {
  const logFile = join(scratch, 'died.log');
  const died: LabError[] = [];
  const child = await startProcess({
    name: 'the emulator',
    command: process.execPath,
    args: ['-e', `${tree} function ready() { console.error('disk full'); process.exit(3); }`],
    logFile,
    graceMs: 200,
    onDeath: (error) => died.push(error),
  });
  expect(await child.exited).toEqual({ code: 3, signal: null });
  expect(died.map((error) => error.code)).toEqual(['ProcessDied']);
  expect(died[0]?.message).toContain('the emulator (exit code 3');
  expect(died[0]?.message).toContain('disk full');
  const [leader, sibling, stranger] = pidsIn(logFile) as [number, number, number];
  expect(running([leader, sibling])).toEqual([]);
  for (const pid of running([stranger])) process.kill(pid, 'SIGKILL');
});

it('a killed tether takes its process with it', async () => {
  const logFile = join(scratch, 'tether.log');
  const died: LabError[] = [];
  const child = await startProcess({
    name: 'untethered',
    command: process.execPath,
    args: ['-e', 'setInterval(() => {}, 1e6)'],
    logFile,
    onDeath: (error) => died.push(error),
  });
  const tether = processTable().find((row) => row.pid === child.pid)?.parent as number;
  process.kill(tether, 'SIGKILL');
  await child.exited;
  await until(() => running([child.pid]).length === 0);
  expect(died).toHaveLength(1);
});

it('a command that does not exist is refused by name', async () => {
  const start = startProcess({
    name: 'nothing',
    command: '/no/such/program',
    logFile: join(scratch, 'no.log'),
  });
  await expect(start).rejects.toMatchObject({ code: 'ProcessNotStarted' });
});

it('a process table read through ps agrees with the one of /proc', () => {
  if (process.platform !== 'linux' || processTableByPs().length === 0) return; // no ps here
  const mine = processTableByPs().find((row) => row.pid === process.pid);
  expect(mine).toMatchObject({
    parent: process.ppid,
    group: processTable().find((row) => row.pid === process.pid)?.group,
  });
});
