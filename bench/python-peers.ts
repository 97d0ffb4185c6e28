import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const requirements = new URL('requirements.txt', import.meta.url);

/**
 * A Python that has the readers to compare with, in an environment of its own: they are no part of the lab. Installed once
 * for a state of bench/requirements.txt.
 *
 * @param directory where environments are kept
 * @throws Error with the last line of what failed
 */
export async function pythonPeers(directory: string, signal: AbortSignal): Promise<string> {
  const digest = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex');
  const environment = join(directory, `python-${digest.slice(0, 12)}`);
  const python = join(environment, 'bin', 'python');
  const done = join(environment, 'complete');
  try {
    await access(done);
    return python;
  } catch {
    // not there yet, or not whole
  }
  try {
    const base = process.env.LABS_PYTHON ?? 'python3';
    await run(base, ['-m', 'venv', '--clear', environment], { signal });
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--require-hashes'];
    await run(python, [...install, '-r', requirements.pathname], { signal });
    await run(python, ['-c', `open(${JSON.stringify(done)}, 'w').close()`], { signal });
    return python;
  } catch (error) {
    signal.throwIfAborted();
    const text = (error as { stderr?: string }).stderr || (error as Error).message;
    throw new Error(text.trim().split('\n').at(-1), { cause: error });
  }
}
