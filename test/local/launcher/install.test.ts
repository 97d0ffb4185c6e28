import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type FakeClone, fakeClone, npm, python, until } from './fake-clone.ts';

describe('what the launcher installs', () => {
  let clone: FakeClone;
  beforeEach(() => {
    clone = fakeClone();
  });
  afterEach(() => clone.dispose());

  const everything = ['npm ci', 'venv', 'pip install'];

  it('installs all on the first run, says so line by line, and runs the program', async () => {
    const { code, stdout, stderr } = await clone.run(['test', 'test/domain']);
    expect(stderr).toMatch(/^✓ npm packages [\d.]+ m?s\n✓ Python packages \(3\.12\.4\) [\d.]+ m?s\n$/);
    expect(clone.calls()).toEqual(everything);
    expect(JSON.parse(stdout)).toEqual({
      args: ['test/domain'],
      python: path.join(clone.root, '.local/python/bin/python'),
    });
    expect(code).toBe(0);
  });

  it('installs nothing and says nothing on the second run', async () => {
    await clone.run(['test']);
    const { code, stderr } = await clone.run(['test']);
    expect({ code, stderr, calls: clone.calls() }).toEqual({ code: 0, stderr: '', calls: everything });
  });

  it('needs no Python for a command that does not run the laptop', async () => {
    clone.remove('python3');
    const { code } = await clone.run(['typecheck']);
    expect({ code, calls: clone.calls() }).toEqual({ code: 0, calls: ['npm ci'] });
  });

  it.each([
    ['the lockfile changed', 'npm ci', 'package-lock.json'],
    ['the Python requirements changed', 'pip install', 'python/requirements.txt'],
    ['someone installed other npm packages', 'npm ci', 'node_modules/.package-lock.json'],
  ])('installs again when %s', async (_what, call, file) => {
    await clone.run(['test']);
    writeFileSync(path.join(clone.root, file), '{"changed":true}\n');
    await clone.run(['test']);
    expect(clone.calls().slice(everything.length)).toContain(call);
    expect(clone.calls().slice(everything.length)).not.toContain(
      call === 'npm ci' ? 'pip install' : 'npm ci',
    );
  });

  it('installs again when node_modules was deleted', async () => {
    await clone.run(['test']);
    rmSync(path.join(clone.root, 'node_modules'), { recursive: true });
    expect((await clone.run(['test'])).code).toBe(0);
    expect(clone.calls()).toEqual([...everything, 'npm ci']);
  });

  it('makes the Python environment anew when its Python is gone', async () => {
    await clone.run(['test']);
    const link = path.join(clone.root, '.local/python/bin/python');
    rmSync(link);
    symlinkSync(path.join(clone.root, 'no-such-python3.9'), link);
    expect((await clone.run(['test'])).code).toBe(0);
    expect(clone.calls()).toEqual([...everything, 'venv', 'pip install']);
  });

  it('makes the Python environment anew when LABS_PYTHON names another one', async () => {
    await clone.run(['test']);
    clone.executable('other-python', python('3.13.1'));
    const { stderr } = await clone.run(['test'], { LABS_PYTHON: 'other-python' });
    expect(stderr).toContain('Python packages (3.13.1)');
    await clone.run(['test'], { LABS_PYTHON: 'other-python' });
    expect(clone.calls()).toEqual([...everything, 'venv', 'pip install']);
  });

  it('is not led astray by LABS_PYTHON naming the environment itself, as it does inside a command', async () => {
    await clone.run(['test']);
    const own = path.join(clone.root, '.local/python/bin/python');
    expect((await clone.run(['test'], { LABS_PYTHON: own })).code).toBe(0);
    expect(clone.calls()).toEqual(everything);
  });

  it('does not believe an install that was killed', async () => {
    clone.executable('npm', `${npm}\necho installing >&2\nexec sleep 600`);
    const first = clone.start(['test']);
    await until(
      () =>
        clone.calls().includes('npm ci') &&
        existsSync(path.join(clone.root, 'node_modules/tsx/package.json')),
    );
    first.child.kill('SIGTERM');
    expect((await first.ended).code).toBe(143);
    clone.executable('npm', npm);
    expect((await clone.run(['test'])).code).toBe(0);
    expect(clone.calls()).toEqual(['npm ci', ...everything]);
  });

  it('does not believe an install that failed half-way', async () => {
    clone.executable('python3', python('3.12.4').replace('echo "pip install" >> "$CALLS"', 'exit 1'));
    expect((await clone.run(['test'])).code).toBe(1);
    clone.executable('python3', python('3.12.4'));
    expect((await clone.run(['test'])).code).toBe(0);
    expect(clone.calls()).toEqual(['npm ci', 'venv', 'venv', 'pip install']);
  });

  it.each([
    [
      'npm error code ENOSPC\nnpm error nospc ENOSPC: no space left on device, write',
      'DiskFull: not enough disk space',
    ],
    [
      'npm error network request to the registry failed, reason: getaddrinfo ENOTFOUND',
      'RegistryUnreachable: ',
    ],
    [
      'npm error code EUSAGE\nnpm error out of sync',
      'InstallFailed: installing failed: npm packages, exit code 1',
    ],
  ])('says in one line what npm ran into: %j', async (output, line) => {
    clone.executable('npm', `cat <<'END' >&2\n${output}\nEND\nexit 1`);
    const { code, stdout, stderr } = await clone.run(['test']);
    expect(stderr).toMatch(/^✗ [^\n]+; [^\n]+\n$/);
    expect(stderr).toContain(line);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(readFileSync(path.join(clone.root, '.local/logs/npm-ci.log'), 'utf8')).toBe(`${output}\n`);
  });

  it('says in one line that pip cannot reach its index', async () => {
    const offline = 'echo "WARNING: Retrying after connection broken by NewConnectionError(...)"; exit 1';
    clone.executable('python3', python('3.12.4').replace('echo "pip install" >> "$CALLS"', offline));
    const { code, stderr } = await clone.run(['test']);
    expect(stderr.split('\n').at(-2)).toMatch(
      /^✗ RegistryUnreachable: .*Python packages.*pip-install\.log.*; check/,
    );
    expect(code).toBe(1);
  });
});

describe('what the launcher checks first', () => {
  let clone: FakeClone;
  beforeEach(() => {
    clone = fakeClone();
  });
  afterEach(() => clone.dispose());

  /** One line on standard error, a failing exit code, and nothing begun. */
  const refusal = async (args: string[], env?: Record<string, string>) => {
    const { code, stdout, stderr } = await clone.run(args, env);
    expect(stderr).toMatch(/^✗ [^\n]+; [^\n]+\n$/);
    expect({ code, stdout, calls: clone.calls() }).toEqual({ code: 1, stdout: '', calls: [] });
    return stderr;
  };

  /** Runs before the launcher and changes what Node tells it. */
  const pretend = (code: string) => ({
    NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(code)}`,
  });

  it('refuses an old Node', async () => {
    const old = pretend(
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } })",
    );
    expect(await refusal(['test'], old)).toContain('NodeTooOld: this is node 18.20.4; install Node 20');
  });

  it('refuses where there is no Python', async () => {
    clone.remove('python3');
    expect(await refusal(['start'])).toContain('PythonMissing: no Python 3.10 or later: none of python3, ');
  });

  it('refuses an old Python and says which it found', async () => {
    clone.executable('python3', python('3.9.2'));
    clone.executable('python', python('2.7.18'));
    expect(await refusal(['start'])).toContain('python3 is 3.9.2, python is 2.7.18');
  });

  it('passes over an old python3 where a newer one has its own name', async () => {
    clone.executable('python3', python('3.9.2'));
    clone.executable('python3.11', python('3.11.9'));
    const { code, stderr } = await clone.run(['test']);
    expect(stderr).toContain('Python packages (3.11.9)');
    expect(code).toBe(0);
  });

  it('says what to install where Python has no venv module', async () => {
    clone.executable('python3', python('3.11.2', false));
    expect(await refusal(['test'])).toContain('python 3.11 has no venv module; apt-get install python3-venv');
  });

  it('refuses a LABS_PYTHON that does not run', async () => {
    expect(await refusal(['test'], { LABS_PYTHON: '/no/such/python' })).toContain(
      'LABS_PYTHON=/no/such/python does not run',
    );
  });

  it('refuses to begin an install on a full disk', async () => {
    const full = pretend(
      "import fs from 'node:fs'; import m from 'node:module'; fs.statfsSync = () => ({ bavail: 5, bsize: 1e6 }); m.syncBuiltinESMExports()",
    );
    expect(await refusal(['test'], full)).toContain('DiskFull: not enough disk space: 0.01 GB free in ');
  });

  it('refuses a platform that the laptop does not run on', async () => {
    const windows = pretend("Object.defineProperty(process, 'platform', { value: 'win32' })");
    expect(await refusal(['start'], windows)).toContain('PlatformUnsupported: ');
  });

  it('refuses an unknown command', async () => {
    expect(await refusal(['strat'])).toContain('UnknownCommand: there is no command strat; ');
  });
});
