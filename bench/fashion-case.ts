import { createReadStream, readFileSync } from 'node:fs';
import ExcelJS from 'exceljs';
import { streamXlsxRows } from 'hucre';
import { inventoryLayout } from '../domain/fashion/inventory-layout.ts';
import { transformWorkbook } from '../domain/fashion/transform.ts';
import { bytesSource } from '../domain/fashion/zip.ts';

/**
 * One case of the fashion bench, in a process of its own so that its peak memory is its own:
 * `fashion-case.ts CASE WORKBOOK` prints {rows, ms, peakMb} as JSON.
 */
const cases: Record<string, (file: string) => Promise<number>> = {
  async 'whole transform'(file) {
    const counts = await transformWorkbook({
      workbook: bytesSource(readFileSync(file)),
      layout: inventoryLayout,
      accepted: () => undefined,
      rejected: () => undefined,
    });
    return counts.rowsIn;
  },
  async 'hucre, reading alone'(file) {
    let rows = -1; // the header
    for await (const _row of streamXlsxRows(readFileSync(file))) rows += 1;
    return rows;
  },
  async 'exceljs streaming, reading alone'(file) {
    let rows = -1;
    const reader = new ExcelJS.stream.xlsx.WorkbookReader(createReadStream(file), {});
    for await (const sheet of reader) for await (const row of sheet) if (row.values) rows += 1;
    return rows;
  },
};

const [name = '', file = ''] = process.argv.slice(2);
const run = cases[name];
if (!run) throw new Error(`no case ${name}; there is ${Object.keys(cases).join(', ')}`);
const begun = performance.now();
const rows = await run(file);
const ms = performance.now() - begun;
process.stdout.write(JSON.stringify({ rows, ms, peakMb: process.resourceUsage().maxRSS / 1024 }));
