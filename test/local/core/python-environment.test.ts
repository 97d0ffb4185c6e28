import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installedPython, pythonEnvironment } from '../../../local/core/python-environment.ts';

const scratch = mkdtempSync(join(tmpdir(), 'labs-test-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const requirements = join(scratch, 'requirements.txt');
const environments = join(scratch, 'environments');
beforeEach(() => {
  rmSync(environments, { recursive: true, force: true });
  writeFileSync(requirements, 'a==1\n');
});

/** What an installation leaves, with or without the mark of its end. */
async function leaveEnvironment(whole: boolean): Promise<void> {
  const recorded = await digestFolder();
  mkdirSync(recorded, { recursive: true });
  if (whole) writeFileSync(join(recorded, 'complete'), '');
}

/** The folder is named by the state of the requirements: asked from a Python that only makes it. */
async function digestFolder(): Promise<string> {
  const python = join(scratch, 'python');
  writeFileSync(python, '#!/bin/sh\nmkdir -p "$4"; echo "no room" >&2; exit 1\n', { mode: 0o755 });
  await withPython(python, () =>
    pythonEnvironment(environments, requirements, new AbortController().signal),
  ).catch(() => {});
  return join(environments, readdirSync(environments)[0] as string);
}

async function withPython<T>(python: string, run: () => Promise<T>): Promise<T> {
  const before = process.env.LABS_PYTHON;
  process.env.LABS_PYTHON = python;
  try {
    return await run();
  } finally {
    if (before === undefined) delete process.env.LABS_PYTHON;
    else process.env.LABS_PYTHON = before;
  }
}

describe('an environment of pinned Python packages', () => {
  it('is not there before it was installed', async () => {
    expect(await installedPython(environments, requirements)).toBeUndefined();
  });

  it('is not there when its installation did not come to an end', async () => {
    await leaveEnvironment(false);
    expect(await installedPython(environments, requirements)).toBeUndefined();
  });

  it('is used again when it is whole', async () => {
    await leaveEnvironment(true);
    const python = await installedPython(environments, requirements);
    expect(python).toMatch(/python-\w{12}\/bin\/python$/);
    const again = withPython('/not/there', () =>
      pythonEnvironment(environments, requirements, new AbortController().signal),
    );
    expect(await again).toBe(python);
  });

  it('is another one for another state of the requirements', async () => {
    await leaveEnvironment(true);
    writeFileSync(requirements, 'a==2\n');
    expect(await installedPython(environments, requirements)).toBeUndefined();
  });

  it('fails with the last line of what went wrong, and is not taken for whole', async () => {
    const python = join(scratch, 'python');
    writeFileSync(python, '#!/bin/sh\necho first >&2; echo "no room" >&2; exit 1\n', { mode: 0o755 });
    const failing = withPython(python, () =>
      pythonEnvironment(environments, requirements, new AbortController().signal),
    );
    await expect(failing).rejects.toThrow(/^no room$/);
    expect(await installedPython(environments, requirements)).toBeUndefined();
  });

  it('is not installed when it is interrupted', async () => {
    const interrupted = pythonEnvironment(
      environments,
      requirements,
      AbortSignal.abort(new Error('interrupted')),
    );
    await expect(interrupted).rejects.toThrow('interrupted');
  });
});
