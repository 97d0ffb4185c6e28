/** What Node itself loads, once in a worker: see test/house/packages-of-node.mjs. */
const packagesOfNode = '(aws-cdk-lib|constructs|cdk-nag)/';

/**
 * Run by `npm test` with --experimental-vm-modules: the repository, and some dependencies, are ES modules only.
 * There is no forceExit: a test that leaves something open must be seen (`npm test -- --detectOpenHandles` finds it).
 */
export default {
  testEnvironment: '<rootDir>/test/house/packages-of-node.mjs',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    [`/node_modules/${packagesOfNode}.*\\.js$`]: '<rootDir>/test/house/load-by-node.mjs',
    '\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!${packagesOfNode})`],
  modulePathIgnorePatterns: ['<rootDir>/.local/', '<rootDir>/cdk.out/'],
  cacheDirectory: '<rootDir>/.local/jest',
  watchman: false,
  // Two cores are what the suite is laid out for. End-to-end tests wait for half of their time, for retries and claims that
  // lapse: the third worker fills that.
  maxWorkers: 3,
  testSequencer: '<rootDir>/test/house/long-ones-first.mjs',
  // Modules of ended files stay in a worker's memory, and late files ran ten times as long as alone.
  workerIdleMemoryLimit: '768MB',
  globalSetup: '<rootDir>/test/e2e/synthesize.mjs',
  globalTeardown: '<rootDir>/test/e2e/remove-synthesized.mjs',
  testTimeout: 120_000,
  setupFilesAfterEnv: ['<rootDir>/test/house/time-limits.ts'],
  reporters: ['default', '<rootDir>/local/launcher/jest-counts.mjs'],
};
