import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processStarted } from '../../../local/core/process-table.mjs';
import { openRunDirectory } from '../../../local/core/run-directory.ts';

let scratch: string;
let root: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'labs-test-'));
  root = join(scratch, 'runs');
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

/** A pid that no process has. */
const deadPid = 4_194_305;
let seconds = 0;
const now = (): Date => new Date(Date.UTC(2026, 10, 21, 6, 0, seconds++));

function deadRun(name: string, files: Record<string, string>): string {
  const path = join(root, name);
  mkdirSync(join(path, 'logs'), { recursive: true });
  for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content);
  return path;
}

it('a run that ends well leaves nothing, outside directories included', async () => {
  const run = await openRunDirectory({ root, now });
  expect(statSync(run.path).mode & 0o777).toBe(0o700);
  const outside = await run.outside('test');
  expect(statSync(outside).mode & 0o777).toBe(0o755);
  writeFileSync(run.logFile('emulator'), 'line');
  expect(await run.close()).toBeUndefined();
  expect(readdirSync(root)).toEqual([]);
  expect(existsSync(outside)).toBe(false);
});

it('a run that is kept leaves its logs, and no key', async () => {
  const run = await openRunDirectory({ root, now });
  writeFileSync(run.logFile('emulator'), 'line');
  writeFileSync(join(run.path, 'server.key'), 'secret');
  run.keep();
  expect(await run.close()).toBe(run.logs);
  expect(existsSync(run.logFile('emulator'))).toBe(true);
  expect(existsSync(join(run.path, 'server.key'))).toBe(false);
});

it('the next start removes what dead runs left, and leaves living ones alone', async () => {
  const living = await openRunDirectory({ root, now });
  const outside = mkdtempSync(join(tmpdir(), 'data-pipeline-labs-test-'));
  const others = mkdtempSync(join(scratch, 'not-ours-'));
  const dead = deadRun(`20260101T000000-${deadPid}`, {
    owner: `${deadPid} x\n`,
    outside: `${outside}\n${others}\n`,
  });
  const recycled = deadRun(`20260101T000001-${process.pid}`, { owner: `${process.pid} another-start\n` });
  const halfMade = deadRun(`20260101T000002-${deadPid}`, {});
  const mine = await openRunDirectory({ root, now });
  expect([dead, recycled, halfMade, outside].filter((path) => existsSync(path))).toEqual([]);
  expect([living.path, mine.path, others].filter((path) => !existsSync(path))).toEqual([]);
});

it('of failed runs the last three keep their logs', async () => {
  const names = [1, 2, 3, 4].map((day) => `2026010${day}T000000-${deadPid}`);
  for (const name of names) deadRun(name, { owner: `${deadPid} x\n`, kept: '', 'logs/a.log': 'why' });
  await openRunDirectory({ root, now });
  expect(names.filter((name) => existsSync(join(root, name, 'logs', 'a.log')))).toEqual(names.slice(1));
});

it('a process that outlived its run and its tether ends at the next start', async () => {
  const survivor = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], {
    detached: true,
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => survivor.on('exit', (_code, signal) => resolve(signal)));
  while (survivor.pid === undefined || processStarted(survivor.pid) === undefined) await sleep(5);
  deadRun(`20260101T000000-${deadPid}`, {
    owner: `${deadPid} x\n`,
    'logs/emulator.log.pid': `${survivor.pid} ${processStarted(survivor.pid)}\n`,
    'logs/recycled.log.pid': `${process.pid} another-start\n`,
  });
  await openRunDirectory({ root, now });
  expect(await ended).toBe('SIGKILL');
});

it('a root that cannot be written to is one clear error', async () => {
  writeFileSync(join(scratch, 'file'), '');
  await expect(openRunDirectory({ root: join(scratch, 'file', 'runs') })).rejects.toMatchObject({
    code: 'RunDirectoryUnusable',
  });
});
