import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where the environment of a state of the requirements is, and the mark that it is whole. */
async function placeOf(directory: string, requirements: string) {
  const digest = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex');
  const environment = join(directory, `python-${digest.slice(0, 12)}`);
  return {
    environment,
    python: join(environment, 'bin', 'python'),
    complete: join(environment, 'complete'),
  };
}

/**
 * The Python of an environment that has these packages, if it was installed before.
 *
 * @param directory where environments are kept
 * @param requirements path of a requirements.txt
 */
export async function installedPython(directory: string, requirements: string): Promise<string | undefined> {
  const { python, complete } = await placeOf(directory, requirements);
  try {
    await access(complete);
    return python;
  } catch {
    return undefined; // not there yet, or not whole
  }
}

/**
 * The Python of an environment of its own that has these packages and no other, for what is no part of a lab. Installed
 * once for a state of the file.
 *
 * @param directory where environments are kept
 * @param requirements path of a requirements.txt that names every package with its hashes
 * @throws Error with the last line of what failed
 */
export async function pythonEnvironment(
  directory: string,
  requirements: string,
  signal: AbortSignal,
): Promise<string> {
  const installed = await installedPython(directory, requirements);
  if (installed !== undefined) return installed;
  const { environment, python, complete } = await placeOf(directory, requirements);
  try {
    const base = process.env.LABS_PYTHON ?? 'python3';
    await run(base, ['-m', 'venv', '--clear', environment], { signal });
    const pinned = ['--require-hashes', '--no-deps', '--requirement', requirements];
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...pinned], {
      signal,
    });
    await run(python, ['-c', `open(${JSON.stringify(complete)}, 'w').close()`], { signal });
    return python;
  } catch (error) {
    signal.throwIfAborted();
    const text = (error as { stderr?: string }).stderr || (error as Error).message;
    throw new Error(text.trim().split('\n').at(-1), { cause: error });
  }
}
