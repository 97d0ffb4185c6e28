import { spawnSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { LaunchFailure } from './failures.mjs';

/** What an install needs at most: node_modules about 0.65 GB, the Python packages 0.15 GB, and room to unpack. */
export const installBytes = 1.5e9;

const oldestPython = { major: 3, minor: 10 };

/** Newest first after the machine's own choice; `python` last, because there it may be Python 2. */
const candidates = [
  'python3',
  'python3.14',
  'python3.13',
  'python3.12',
  'python3.11',
  'python3.10',
  'python',
];

/**
 * Debian ships `venv` without `ensurepip` where python3-venv is not installed, and a virtual environment then fails
 * half-way: both must be there. Written for any Python, 2 included.
 */
const probe = `
import json, sys
try:
    import venv, ensurepip
    has_venv = True
except ImportError:
    has_venv = False
print(json.dumps({"version": list(sys.version_info[:3]), "venv": has_venv}))
`;

/** @typedef {{ command: string, version: string }} Python */

/** @param {string} platform such as `linux` */
export function checkPlatform(platform) {
  if (platform !== 'linux' && platform !== 'darwin') throw new LaunchFailure('PlatformUnsupported', platform);
}

/**
 * @param {string} folder
 * @param {number} [bytes] what must be free
 */
export function checkSpace(folder, bytes = installBytes) {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (free < bytes) throw new LaunchFailure('DiskFull', `${(free / 1e9).toFixed(2)} GB free in ${folder}`);
}

/**
 * The environment for Python and pip: what would lead an install elsewhere than into the virtual environment is taken
 * out; index and certificate settings stay.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function pythonEnvironment(env) {
  const {
    PYTHONHOME: _home,
    PYTHONPATH: _path,
    PIP_TARGET: _target,
    PIP_PREFIX: _prefix,
    PIP_ROOT: _root,
    PIP_NO_DEPS: _dependencies,
    ...rest
  } = env;
  return { ...rest, PIP_USER: '0', PIP_REQUIRE_VIRTUALENV: '0' };
}

/**
 * Asks one Python what it is.
 *
 * @param {string} command name or path
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ version: number[], venv: boolean } | undefined} undefined where it does not run
 */
function ask(command, env) {
  const options = { env: pythonEnvironment(env), encoding: /** @type {const} */ ('utf8'), timeout: 20_000 };
  const { status, stdout } = spawnSync(command, ['-c', probe], {
    ...options,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (status !== 0) return undefined;
  try {
    return JSON.parse(stdout);
  } catch {
    return undefined;
  }
}

/** @param {number[]} version */
const isRecent = ([major = 0, minor = 0]) =>
  major > oldestPython.major || (major === oldestPython.major && minor >= oldestPython.minor);

/**
 * The first Python that is recent and can make virtual environments.
 *
 * @param {NodeJS.ProcessEnv} env LABS_PYTHON, where set, is the only candidate
 * @returns {Python}
 * @throws {LaunchFailure} PythonMissing, PythonHasNoVenv
 */
export function findPython(env) {
  const wanted = env.LABS_PYTHON;
  /** @type {string[]} */
  const tooOld = [];
  /** @type {string | undefined} */
  let withoutVenv;
  for (const command of wanted ? [wanted] : candidates) {
    const answer = ask(command, env);
    if (answer === undefined) continue;
    const version = answer.version.join('.');
    if (!isRecent(answer.version)) tooOld.push(`${command} is ${version}`);
    else if (answer.venv) return { command, version };
    else withoutVenv ??= answer.version.slice(0, 2).join('.');
  }
  if (withoutVenv !== undefined) throw new LaunchFailure('PythonHasNoVenv', withoutVenv);
  const nothing = wanted ? `LABS_PYTHON=${wanted} does not run` : `none of ${candidates.join(', ')} runs`;
  throw new LaunchFailure('PythonMissing', tooOld.length > 0 ? tooOld.join(', ') : nothing);
}
