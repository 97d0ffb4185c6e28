import ExcelJS from 'exceljs';
import fc from 'fast-check';
import { type Cell, CellError } from '../../../domain/workbook/sheet-row.ts';
import { sheetCells, withParts, workbookOf } from '../fashion/workbooks.ts';

/** What XML can carry; exceljs drops the rest, and does not escape what looks like an escape. */
const text = fc
  .string({ maxLength: 12, unit: 'grapheme' })
  .map((value) =>
    value
      .replace(/[^\t\n\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
      .replace(/_x[0-9A-Fa-f]{4}_/g, ''),
  );
const plain = fc.oneof(
  text,
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
  fc.integer({ min: 61, max: 2_900_000 }).map((day) => new Date(Date.UTC(1899, 11, 30 + day))),
);
const cell: fc.Arbitrary<ExcelJS.CellValue> = fc.oneof(
  { weight: 4, arbitrary: plain },
  fc.constant(null),
  fc.constantFrom('#N/A', '#REF!', '#DIV/0!').map((error) => ({ error }) as ExcelJS.CellErrorValue),
  fc
    .array(fc.record({ text: text.filter((run) => run !== ''), font: fc.constant({ bold: true }) }), {
      minLength: 1,
      maxLength: 3,
    })
    .map((richText) => ({ richText })),
  plain
    .filter(Boolean) // exceljs loses a result that is false, 0 or empty
    .map((result) => ({ formula: 'A1&"<x>"', result }) as ExcelJS.CellFormulaValue),
);
const rows = fc.array(fc.option(fc.array(cell, { maxLength: 6 }), { nil: undefined }), { maxLength: 8 });

/** A cell as exceljs has it, in our terms. */
function contentOf(value: ExcelJS.CellValue | undefined): Cell {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value !== 'object' || value instanceof Date) return value;
  if ('error' in value) return new CellError(value.error);
  if ('richText' in value) return value.richText.map((run) => run.text).join('');
  if ('formula' in value) return contentOf(value.result as ExcelJS.CellValue);
  throw new Error(`no such cell was written: ${JSON.stringify(value)}`);
}

/** Without what is blank: exceljs keeps empty cells and rows, or not. */
function filled(cells: readonly Cell[]): [number, Cell][] {
  return cells.flatMap((each, i) => (each === null || each === '' ? [] : [[i, each] as [number, Cell]]));
}

it('any workbook agrees with exceljs, reading it whole, cell by cell', async () => {
  await fc.assert(
    fc.asyncProperty(rows, fc.boolean(), async (cells, date1904) => {
      const workbook = await workbookOf(cells, (book) => {
        book.properties.date1904 = date1904;
      });
      const book = new ExcelJS.Workbook();
      await book.xlsx.load(workbook.buffer as ArrayBuffer);
      const expected: [number, [number, Cell][]][] = [];
      book.worksheets[0]?.eachRow((row, number) => {
        const values = Array.from({ length: 6 }, (_, i) => contentOf(row.getCell(i + 1).value));
        if (filled(values).length > 0) expected.push([number, filled(values)]);
      });
      const found = [...(await sheetCells(workbook))]
        .map(([number, row]) => [number, filled(row)] as [number, [number, Cell][]])
        .filter(([, row]) => row.length > 0);
      expect(found).toEqual(expected);
    }),
    { numRuns: 100 },
  );
});

describe('a workbook that is damaged', () => {
  const sound = workbookOf([
    ['SKU', 'Style', 'On hand'],
    ['A-1', 'Öl & Essig', 12.5, new Date('2026-09-01T00:00:00Z')],
    ['A-2', 'rot', true],
  ]);
  const codes = ['WorkbookUnreadable', 'WorkbookEncrypted', 'SheetMissing', 'ReportTooLarge'];
  const outcome = (bytes: Uint8Array) =>
    sheetCells(bytes).then(
      (cells) => JSON.stringify([...cells]),
      (error) => {
        if (!codes.includes(error.code)) throw error;
        return 'refused';
      },
    );

  it('in any bit gives the same cells or is refused', async () => {
    const bytes = await sound;
    const cells = await outcome(bytes);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(7), async (at, bit) => {
        const damaged = Uint8Array.from(bytes);
        damaged[at] = (damaged[at] as number) ^ (1 << bit);
        expect(['refused', cells]).toContain(await outcome(damaged));
      }),
      { numRuns: 300 },
    );
  });

  it('by a cut anywhere is refused', async () => {
    const bytes = await sound;
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), async (length) => {
        expect(await outcome(bytes.subarray(0, length))).toBe('refused');
      }),
      { numRuns: 100 },
    );
  });

  it('by a part that declares a document type is refused', async () => {
    for (const part of [
      'xl/workbook.xml',
      'xl/worksheets/sheet1.xml',
      'xl/sharedStrings.xml',
      'xl/styles.xml',
    ]) {
      const workbook = withParts(await sound, {
        [part]: (xml) => xml.replace(/<(?=[a-zA-Z])/, '<!DOCTYPE x [<!ENTITY a "b">]><'),
      });
      expect([part, await outcome(workbook)]).toEqual([part, 'refused']);
    }
  });
});
