/**
 * What each npm script runs once everything is installed.
 *
 * - `python`: the command runs the laptop (emulator, PostgreSQL), so it needs Linux or macOS and the Python packages.
 * - `program`: arguments of `node`, relative to the root of the repository.
 *
 * Children that do not know us (jest, the CDK's CLI) preload end-with-parent.mjs; local/main.ts watches the channel by
 * itself, because it has things to clean up first.
 *
 * @typedef {{ python: boolean, program: (args: string[]) => string[] }} Command
 */

const endWithParent = ['--import', './local/launcher/end-with-parent.mjs'];

/**
 * jest loads ES modules through a part of Node that is still marked experimental: that one warning is silenced, no
 * other. The flag came with Node 20.11.
 */
const quietVmModules = [
  '--experimental-vm-modules',
  ...(process.allowedNodeEnvironmentFlags.has('--disable-warning')
    ? ['--disable-warning=ExperimentalWarning']
    : []),
];

/** Settings that keep the CDK's CLI from asking the network for anything but AWS itself. */
const quietCdk = ['--no-notices', '--no-version-reporting'];

/** @param {string} name @param {boolean} [python] @returns {Command} */
const laptop = (name, python = true) => ({
  python,
  program: (args) => ['--import', 'tsx', 'local/main.ts', name, ...args],
});

/** @param {string} name @param {(args: string[]) => string[]} [defaults] @returns {Command} */
const cdk = (name, defaults = () => []) => ({
  python: false,
  program: (args) => [
    ...endWithParent,
    'node_modules/aws-cdk/bin/cdk',
    name,
    ...quietCdk,
    ...defaults(args),
    ...args,
  ],
});

/** @type {Readonly<Record<string, Command>>} */
export const commands = {
  start: laptop('start'),
  check: laptop('check', false),
  replay: laptop('replay'),
  quarantine: laptop('quarantine'),
  drain: laptop('drain'),
  bench: laptop('bench'),
  soak: laptop('soak'),
  diagrams: laptop('diagrams', false),
  test: {
    python: true,
    program: (args) => [...endWithParent, ...quietVmModules, 'node_modules/jest/bin/jest.js', ...args],
  },
  // Without arguments all stacks go to cdk.out; with a stack's name its template is printed, as the CDK does.
  synth: cdk('synth', (args) => (args.length === 0 ? ['--quiet'] : [])),
  diff: cdk('diff'),
  deploy: cdk('deploy'),
  lint: {
    python: false,
    program: (args) => ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', ...args],
  },
  typecheck: {
    python: false,
    program: (args) => ['node_modules/typescript/bin/tsc', '--noEmit', '--project', '.', ...args],
  },
};

/**
 * The environment of a command.
 *
 * @param {NodeJS.ProcessEnv} env the environment the launcher was given
 * @param {string | undefined} python the Python that has the packages, where the command needs one
 * @returns {NodeJS.ProcessEnv}
 */
export function environment(env, python) {
  return {
    ...env,
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    CDK_DISABLE_CLI_TELEMETRY: 'true',
    CDK_DISABLE_VERSION_CHECK: 'true',
    ...(python === undefined ? {} : { LABS_PYTHON: python }),
  };
}
