import { createRequire } from 'node:module';

// Required: as in long-ones-first.mjs, what is imported is another thing than the types say.
/** @type {typeof import('jest-environment-node')} */
const environment = createRequire(import.meta.url)('jest-environment-node');

/**
 * jest's environment for Node, in which big packages are loaded by Node itself: once in a worker, for all of its test
 * files. jest would read, compile and keep all their modules for each file anew, at ten times the cost. Which packages
 * these are stands in jest.config.js, `transform`.
 */
export default class PackagesOfNode extends environment.TestEnvironment {
  /** @override */
  async setup() {
    await super.setup();
    Object.defineProperty(this.global, 'requireByNode', { value: createRequire(import.meta.url) });
  }
}
