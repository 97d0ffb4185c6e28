import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';

/**
 * One reader of the fashion bench, in a process of its own so that its peak memory is its own:
 * `fashion-case.mjs CASE WORKBOOK` prints {rows, ms, peakMb} as JSON. Bundled before it runs, as a function on Lambda is:
 * a TypeScript loader would be measured along. A library is loaded only by its own case.
 */
const cases: Record<string, (file: string) => Promise<number>> = {
  async 'whole transform'(file) {
    const { transformWorkbook } = await import('../domain/fashion/transform.ts');
    const { inventoryLayout } = await import('../domain/fashion/inventory-layout.ts');
    return withSource(file, async (workbook) => {
      const discard = () => undefined;
      const layout = inventoryLayout;
      const counts = await transformWorkbook({ workbook, layout, accepted: discard, rejected: discard });
      if (counts.rowsRejected > 0) throw new Error(`${counts.rowsRejected} rows were set aside`);
      return counts.rowsIn;
    });
  },
  async 'our reader'(file) {
    const { openSheet } = await import('../domain/workbook/workbook.ts');
    const { inventoryLayout } = await import('../domain/fashion/inventory-layout.ts');
    return withSource(file, async (source) => {
      let rows = -1; // the header
      const sheet = await openSheet(source, { limits: inventoryLayout.limits });
      for await (const portion of sheet.portions()) while (portion.next()) rows += 1;
      return rows;
    });
  },
  async hucre(file) {
    const { streamXlsxRows } = await import('hucre');
    let rows = -1;
    const bytes = Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>;
    for await (const _row of streamXlsxRows(bytes)) rows += 1;
    return rows;
  },
  async 'exceljs streaming'(file) {
    const { default: ExcelJS } = await import('exceljs');
    let rows = -1;
    const reader = new ExcelJS.stream.xlsx.WorkbookReader(createReadStream(file), {});
    for await (const sheet of reader) for await (const row of sheet) if (row.values) rows += 1;
    return rows;
  },
  async SheetJS(file) {
    const XLSX = await import('@e965/xlsx');
    const { readFileSync } = await import('node:fs');
    const workbook = XLSX.read(readFileSync(file), { dense: true });
    const sheet = workbook.Sheets[workbook.SheetNames[0] ?? ''] as { '!data'?: unknown[] } | undefined;
    // Whatever it met in the sheet: it leaves it out without a word.
    if (!sheet) throw new Error('no sheet');
    return (sheet['!data']?.length ?? 0) - 1;
  },
};

async function withSource<T>(
  path: string,
  use: (source: { size: number; read(offset: number, length: number): Promise<Uint8Array> }) => Promise<T>,
): Promise<T> {
  const file = await open(path);
  try {
    const read = async (offset: number, length: number) =>
      (await file.read(Buffer.alloc(length), 0, length, offset)).buffer;
    return await use({ size: (await file.stat()).size, read });
  } finally {
    await file.close();
  }
}

const [name = '', file = ''] = process.argv.slice(2);
const run = cases[name];
if (!run) throw new Error(`no case ${name}; there is ${Object.keys(cases).join(', ')}`);
const begun = performance.now();
const rows = await run(file);
const ms = performance.now() - begun;
process.stdout.write(JSON.stringify({ rows, ms, peakMb: process.resourceUsage().maxRSS / 1024 }));
