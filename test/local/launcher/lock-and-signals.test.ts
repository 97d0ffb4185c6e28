import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type FakeClone, fakeClone, isRunning, npm, until } from './fake-clone.ts';

let clone: FakeClone;
beforeEach(() => {
  clone = fakeClone();
});
afterEach(() => clone.dispose());

/** An npm that installs once the file `go` is in the clone. */
const waitingNpm = `${npm}\nuntil [ -e go ]; do sleep 0.05; done`;
const go = () => writeFileSync(path.join(clone.root, 'go'), '');
const lockFolder = () => path.join(clone.root, '.local/install-lock');

describe('the install lock', () => {
  it('makes a second start wait, which then finds all installed', async () => {
    clone.executable('npm', waitingNpm);
    const first = clone.start(['test']);
    await until(() => clone.calls().includes('npm ci'));
    const second = clone.start(['test']);
    await second.says(`waiting for the install that process ${first.child.pid} began at `);
    go();
    expect((await first.ended).code).toBe(0);
    expect((await second.ended).code).toBe(0);
    expect(clone.calls()).toEqual(['npm ci', 'venv', 'pip install']);
  });

  it('lets one of six that start at once install', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => clone.run(['test'])));
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(clone.calls()).toEqual(['npm ci', 'venv', 'pip install']);
  });

  it('is not held while the program runs', async () => {
    const up = clone.start(['start'], { BEHAVE: 'stay' });
    await up.says('up ');
    expect((await clone.run(['test'])).code).toBe(0);
    up.child.kill('SIGTERM');
    expect((await up.ended).code).toBe(7);
  });

  it('is taken over from a dead process, by one of four that find it', async () => {
    mkdirSync(lockFolder(), { recursive: true });
    const dead = clone.start(['unknown-command']);
    await dead.ended;
    const holder = { pid: dead.child.pid, start: '1' };
    writeFileSync(path.join(lockFolder(), '41'), JSON.stringify({ holder, since: '2026-01-01T00:00:00Z' }));
    await Promise.all(Array.from({ length: 4 }, () => clone.run(['test'])));
    expect(clone.calls()).toEqual(['npm ci', 'venv', 'pip install']);
  });

  it('is taken over from a process id that another program has by now', async () => {
    mkdirSync(lockFolder(), { recursive: true });
    const holder = { pid: process.pid, start: 'at another time' };
    writeFileSync(path.join(lockFolder(), '7'), JSON.stringify({ holder, since: '2026-01-01T00:00:00Z' }));
    expect((await clone.run(['test'])).code).toBe(0);
  });

  it('is taken over where its file is damaged', async () => {
    mkdirSync(lockFolder(), { recursive: true });
    writeFileSync(path.join(lockFolder(), '7'), '{"holder": {"pi');
    expect((await clone.run(['test'])).code).toBe(0);
  });

  it('is held on for a killed launcher until its npm has ended', async () => {
    clone.executable('npm', waitingNpm);
    const first = clone.start(['test']);
    const installer = () => {
      const [name] = readdirSync(lockFolder()).filter((file) => /^\d+$/.test(file));
      return JSON.parse(readFileSync(path.join(lockFolder(), String(name)), 'utf8')).installer;
    };
    await until(() => clone.calls().includes('npm ci') && installer() !== undefined);
    const { pid } = installer();
    first.child.kill('SIGKILL');
    const second = clone.start(['test']);
    await second.says('waiting for the install');
    expect(isRunning(pid)).toBe(true);
    clone.executable('npm', npm);
    go();
    expect((await second.ended).code).toBe(0);
    expect(clone.calls()).toEqual(['npm ci', 'npm ci', 'venv', 'pip install']);
  });
});

describe('the program', () => {
  it('is local/main.ts with the command and its arguments, for the commands of the laptop', async () => {
    for (const args of [
      ['replay', 'fashion', '--slot', '0600'],
      ['soak', 'fashion', '--orders', '3', '--seed', '7'],
    ]) {
      const { code, stdout } = await clone.run(args);
      expect(JSON.parse(stdout)).toEqual({ args, python: expect.stringContaining('.local/python') });
      expect(code).toBe(0);
    }
  });

  it('gives its exit code to the launcher', async () => {
    expect((await clone.run(['test'], { BEHAVE: 'exit 3' })).code).toBe(3);
  });

  it('that dies of a signal gives 128 + n', async () => {
    expect((await clone.run(['test'], { BEHAVE: 'die' })).code).toBe(137);
  });

  it('gets a signal sent to the launcher alone, cleans up, and is waited for', async () => {
    const up = clone.start(['start'], { BEHAVE: 'stay' });
    await up.says('up ');
    up.child.kill('SIGTERM');
    const { code, stdout } = await up.ended;
    expect(stdout).toMatch(/cleaning up\nclean\n$/);
    expect(code).toBe(7);
  });

  it('ends by its own default where it has nothing to clean up', async () => {
    const up = clone.start(['start'], { BEHAVE: 'stay' });
    await up.says('up ');
    up.child.kill('SIGINT');
    expect((await up.ended).code).toBe(130);
  });

  it('ends when the launcher was killed', async () => {
    const up = clone.start(['test'], { BEHAVE: 'stay' });
    await up.says('up ');
    let output = '';
    up.child.stdout?.on('data', (text) => {
      output += text;
    });
    up.child.kill('SIGKILL');
    await until(() => output.includes('clean\n'));
  });

  it('ends when the npm that started the launcher was killed', async () => {
    const { child, says } = clone.startUnder(['test'], { BEHAVE: 'stay', npm_lifecycle_event: 'test' });
    await says('up ');
    let output = '';
    child.stdout?.on('data', (text) => {
      output += text;
    });
    child.kill('SIGKILL');
    await until(() => output.includes('clean\n'));
  });
});
