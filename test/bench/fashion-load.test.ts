import { jest } from '@jest/globals';
import { benchLoad, loadTable } from '../../bench/fashion-load.ts';
import { createProgress } from '../../local/core/progress.ts';

jest.setTimeout(300_000); // starts a laptop, on a machine that may be busy

it('a load of a few rows is whole beside COPY FROM STDIN, and the table shows its ratio', async () => {
  // It checks by itself that every row is in the current positions, in the history, and in the table of the peer.
  const result = await benchLoad({ rows: 200, rounds: 1, progress: createProgress({ quiet: true }) });
  expect(result).toMatchObject({ rows: 200, rounds: 1 });
  expect(Object.keys(result.byStep)).toEqual(['check', 'stage', 'reconcile', 'publish']);
  expect(result.ratio).toBeCloseTo(result.loadRowsPerSecond / result.copyRowsPerSecond);
  expect(loadTable(result)).toContain(result.ratio.toFixed(2));
});
