import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPlatform, checkSpace, findPython } from './checks.mjs';
import { endWithNpm, exitCode, forwardSignals, interrupted, runProgram } from './child.mjs';
import { commands, environment } from './commands.mjs';
import { fromFileSystem, LaunchFailure } from './failures.mjs';
import { takeInstallLock } from './install-lock.mjs';
import { installNodeModules, nodeModulesAreCurrent } from './install-node.mjs';
import {
  installedPython,
  installPythonPackages,
  pythonPackagesAreCurrent,
  requestedPython,
} from './install-python.mjs';
import { say, step } from './log.mjs';

/** The root of the clone. */
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

/**
 * Installs what the command needs and is not there, then runs the command; sets the exit code of this process.
 *
 * @param {string[]} argv command and its arguments
 */
export async function main([name = '(none)', ...args]) {
  forwardSignals();
  endWithNpm(process.env);
  try {
    process.exitCode = await launch(name, args, process.env);
  } catch (error) {
    const signal = interrupted();
    if (signal !== undefined) {
      say(`stopped by ${signal}; the next command begins the install anew`);
      process.exitCode = exitCode(null, signal);
      return;
    }
    const failure = fromFileSystem(error);
    if (!(failure instanceof LaunchFailure)) throw failure;
    say(`✗ ${failure.message}`);
    process.exitCode = 1;
  }
}

/**
 * @param {string} name
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} the exit code of the command
 */
async function launch(name, args, env) {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new LaunchFailure('UnknownCommand', name);
  if (command.python) checkPlatform(process.platform);
  await install(command.python, env);
  const program = command.program(args);
  return runProgram(program, {
    cwd: root,
    env: environment(env, command.python ? installedPython(root) : undefined),
  });
}

/**
 * Does nothing, and takes no lock, where everything is there; so commands run beside each other.
 *
 * @param {boolean} withPython
 * @param {NodeJS.ProcessEnv} env
 */
async function install(withPython, env) {
  const lacksNode = () => !nodeModulesAreCurrent(root);
  const lacksPython = () => withPython && !pythonPackagesAreCurrent(root, env);
  if (!lacksNode() && !lacksPython()) return;

  // What only the user can put right is said before minutes go into the rest.
  const python = lacksPython() ? findPython({ ...env, LABS_PYTHON: requestedPython(root, env) }) : undefined;
  mkdirSync(path.join(root, '.local'), { recursive: true });
  const lock = await takeInstallLock(path.join(root, '.local', 'install-lock'), ({ holder, since }) =>
    say(`waiting for the install that process ${holder?.pid ?? 'of another command'} began at ${since}`),
  );
  try {
    // The one that we waited for may have done it.
    if (lacksNode() || lacksPython()) checkSpace(root);
    if (lacksNode()) await step('npm packages', () => installNodeModules(root, env, lock));
    if (python !== undefined && lacksPython()) {
      await step(`Python packages (${python.version})`, () =>
        installPythonPackages(root, python.command, env, lock),
      );
    }
  } finally {
    lock.release();
  }
}
