import { realpathSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pythonEnvironment } from './checks.mjs';
import { runInstaller } from './child.mjs';
import { installFailure } from './installer-output.mjs';
import { readMarker, removeMarker, sha256, writeMarker } from './marker.mjs';

/** The Python packages (the emulator and what it needs), in a virtual environment of this clone. */

const markerName = 'python';

/** @param {string} root */
const environmentFolder = (root) => path.join(root, '.local', 'python');

/** @param {string} root */
const requirements = (root) => path.join(root, 'python', 'requirements.txt');

/** @param {string} root @returns {string} the Python that has the packages */
export const installedPython = (root) => path.join(environmentFolder(root), 'bin', 'python');

/**
 * The interpreter behind the virtual environment: gone when that Python was removed, another when the machine's
 * `python3` became a newer one, which does not see this environment's packages.
 *
 * @param {string} root
 * @returns {string | undefined}
 */
function interpreter(root) {
  try {
    return realpathSync(installedPython(root));
  } catch {
    return undefined;
  }
}

/**
 * The Python that the user asks for. Commands run with LABS_PYTHON naming our own environment, and may start a command
 * again: that is not such a wish.
 *
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined}
 */
export function requestedPython(root, env) {
  const named = env.LABS_PYTHON;
  return named && !named.startsWith(environmentFolder(root) + path.sep) ? named : undefined;
}

/**
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 * @returns {boolean} whether the packages are there, as pinned, for a Python that still exists
 */
export function pythonPackagesAreCurrent(root, env) {
  const marker = readMarker(root, markerName);
  const found = interpreter(root);
  if (marker === undefined || found === undefined) return false;
  const requested = requestedPython(root, env);
  return (
    marker.requirements === sha256(requirements(root)) &&
    marker.interpreter === found &&
    (requested === undefined || marker.requested === requested)
  );
}

/**
 * Makes the virtual environment anew and fills it.
 *
 * @param {string} root
 * @param {string} python name or path of the Python to make it from
 * @param {NodeJS.ProcessEnv} env
 * @param {import('./install-lock.mjs').Lock} lock
 */
export async function installPythonPackages(root, python, env, lock) {
  removeMarker(root, markerName);
  const folder = environmentFolder(root);
  rmSync(folder, { recursive: true, force: true });
  /** @param {string} name @param {string} command @param {string[]} args */
  const run = async (name, command, args) => {
    const log = path.join(root, '.local', 'logs', `${name}.log`);
    const options = { cwd: root, env: pythonEnvironment(env), log, started: lock.installer };
    const { code, output } = await runInstaller(command, args, options);
    if (code !== 0) throw installFailure('Python packages', code, output, path.relative(root, log));
  };
  await run('python-venv', python, ['-m', 'venv', folder]);
  const quiet = ['--disable-pip-version-check', '--no-input', '--progress-bar', 'off'];
  const pinned = ['--require-hashes', '--only-binary', ':all:', '--requirement', requirements(root)];
  await run('pip-install', installedPython(root), ['-m', 'pip', 'install', ...quiet, ...pinned]);
  writeMarker(root, markerName, {
    requirements: sha256(requirements(root)),
    interpreter: interpreter(root),
    requested: requestedPython(root, env) ?? null,
  });
}
