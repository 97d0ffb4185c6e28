import { writeFileSync } from 'node:fs';

/**
 * A jest reporter that writes how many tests passed and failed, as `{"passed": n, "failed": n}`, into the file that
 * LABS_TEST_COUNTS names (.ci/run does); without it, it does nothing.
 */
export default class JestCounts {
  /**
   * @param {unknown} _contexts
   * @param {{ numPassedTests: number, numFailedTests: number, numRuntimeErrorTestSuites: number }} results
   */
  onRunComplete(_contexts, results) {
    const file = process.env.LABS_TEST_COUNTS;
    if (!file) return;
    // A file that does not even load has run none of its tests; it counts as one that failed.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    writeFileSync(file, JSON.stringify({ passed: results.numPassedTests, failed }));
  }
}
