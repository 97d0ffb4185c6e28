import { jest } from '@jest/globals';

/** Loaded before every test file. An end-to-end test deploys a lab first: it gets milliseconds enough for that. */
if (expect.getState().testPath?.includes('/test/e2e/')) jest.setTimeout(300_000);
