import { makeReport } from '../../local/outside/inventory-reports.ts';
import { type FashionLab, noWaits, openFashionLab } from './fashion-lab.ts';

let fashion: FashionLab;
beforeAll(async () => {
  fashion = await openFashionLab();
});
afterAll(() => fashion?.close());

it('a report on the SFTP server is in SQL when the schedule has fired, bad rows set aside', async () => {
  const report = await makeReport({ seed: 'e2e', date: '2026-11-19', slot: '0600', rows: 300 });
  await fashion.driver.writeReport(report);
  const collection = await fashion.driver.triggerSchedule(report, { waits: noWaits });
  expect(collection.status).toBe('SUCCEEDED');
  const key = (collection.output as unknown as { collected: { key: string }[] }).collected[0]?.key ?? '';
  const { output } = await fashion.driver.imported(key);
  expect(output?.transformed).toMatchObject({
    rowsIn: report.rows,
    rowsOut: report.rows - report.bad,
    rowsRejected: report.bad,
  });
  const [row] = await fashion.query('SELECT COUNT(*)::int AS positions FROM fashion.current_positions');
  expect(row).toEqual({ positions: report.rows - report.bad });
});
