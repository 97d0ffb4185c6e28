import { createRequire } from 'node:module';

// Required: imported, its default is another thing under Node than its types say.
/** @type {typeof import('@jest/test-sequencer')} */
const sequencer = createRequire(import.meta.url)('@jest/test-sequencer');

/**
 * End-to-end tests first, each part in the order it has.
 *
 * @template {{ path: string }} T
 * @param {T[]} tests
 * @returns {T[]}
 */
export function endToEndFirst(tests) {
  const [first = [], then = []] = [true, false].map((wanted) =>
    tests.filter(({ path }) => path.includes('/test/e2e/') === wanted),
  );
  return [...first, ...then];
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
    return endToEndFirst(await super.sort(tests));
  }
}
