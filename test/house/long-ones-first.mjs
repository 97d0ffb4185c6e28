import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// Required: imported, its default is another thing under Node than its types say.
/** @type {typeof import('@jest/test-sequencer')} */
const sequencer = createRequire(import.meta.url)('@jest/test-sequencer');

/**
 * End-to-end tests first, then those that ask for more time than a test has, each part in the order it has.
 *
 * @template {{ path: string }} T
 * @param {T[]} tests
 * @param {(path: string) => string} read
 * @returns {T[]}
 */
export function longOnesFirst(tests, read = (path) => readFileSync(path, 'utf8')) {
  /** @param {string} path */
  const turn = (path) => (path.includes('/test/e2e/') ? 0 : read(path).includes('jest.setTimeout(') ? 1 : 2);
  const turns = tests.map((test) => turn(test.path));
  return [0, 1, 2].flatMap((wanted) => tests.filter((_, index) => turns[index] === wanted));
}

/**
 * jest's own order but for that. A clone that has run nothing yet knows no times, and jest takes the size of a file for its
 * time: the shortest files, which take minutes on a laptop of their own, would come last, and one after the other.
 */
export default class extends sequencer.default {
  /**
   * @override
   * @param {Parameters<InstanceType<typeof sequencer.default>['sort']>[0]} tests
   */
  async sort(tests) {
    return longOnesFirst(await super.sort(tests));
  }
}
