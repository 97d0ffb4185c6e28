import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const prefix = 'labs-tests-';

/** @param {string} directory */
const remove = (directory) => rm(directory, { recursive: true, force: true });

/**
 * A temporary directory for one run of tests and all that it starts (TMPDIR): what is left there, such as the assemblies of
 * the CDK's apps, goes with the run. What a killed run left goes now.
 *
 * @returns {Promise<() => Promise<void>>} removes it
 */
export async function temporaryDirectoryOfRun() {
  const system = tmpdir();
  const names = await readdir(system);
  for (const name of names.filter((each) => each.startsWith(prefix))) {
    try {
      process.kill(Number(name.slice(prefix.length)), 0);
    } catch (error) {
      // Another user's process runs, too, and what it left is that user's.
      const { code } = /** @type {NodeJS.ErrnoException} */ (error);
      if (code === 'ESRCH') await remove(join(system, name)).catch(() => undefined);
    }
  }
  const directory = join(system, `${prefix}${process.pid}`);
  await remove(directory);
  // Open to be passed through: PostgreSQL runs as another user where we are root.
  await mkdir(directory, { mode: 0o755 });
  process.env.TMPDIR = directory;
  return () => remove(directory);
}
