import { benchFashion, benchTable } from '../../bench/fashion.bench.ts';
import { createProgress } from '../../local/core/progress.ts';

it('every peer reads every row of the same report, and the table shows its ratio to the whole transform', async () => {
  const results = await benchFashion({ rows: 200, progress: createProgress({ quiet: true }) });
  expect(results.map((row) => row.rows)).toEqual([200, 200, 200]);
  expect(results[0]?.ratio).toBe(1);
  const table = benchTable(results);
  for (const row of results) expect(table).toContain(row.case);
});
