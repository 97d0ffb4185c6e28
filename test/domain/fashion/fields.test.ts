import fc from 'fast-check';
import { cellConverter } from '../../../domain/fashion/cells.ts';
import { CsvWriter, csvField } from '../../../domain/fashion/csv.ts';
import { fieldWriter } from '../../../domain/fashion/fields.ts';
import type { Column } from '../../../domain/fashion/layout.ts';
import { SharedStrings } from '../../../domain/workbook/shared-strings.ts';
import { SheetRowsReader } from '../../../domain/workbook/sheet-reader.ts';
import type { SheetRow } from '../../../domain/workbook/sheet-row.ts';

const base = { name: 'x', header: 'X' } as const;
const columns: Column[] = [
  { ...base, type: 'text', maxBytes: 8 },
  { ...base, type: 'text', maxBytes: 1000, required: true },
  { ...base, type: 'integer' },
  { ...base, type: 'integer', range: [-5, 1000], required: true },
  { ...base, type: 'decimal', precision: 12, scale: 2 },
  { ...base, type: 'decimal', precision: 12, scale: 2, range: ['-1.5', '999.99'] },
  { ...base, type: 'decimal', precision: 5, scale: 5 },
  { ...base, type: 'decimal', precision: 38, scale: 30, range: ['0', '10000000'] },
  { ...base, type: 'decimal', precision: 38, scale: 0 },
  { ...base, type: 'date' },
  { ...base, type: 'date', range: ['1990-01-01', '2099-12-31'] },
  { ...base, type: 'boolean', required: true },
];

/** A row of one cell, and of no cell behind it. */
function rowOf(cell: string, date1904: boolean): SheetRow {
  const strings = new SharedStrings(100);
  const text = Buffer.from(' "Café", ');
  strings.add(text, 0, text.length);
  const reader = new SheetRowsReader('sheet1.xml', strings, Uint8Array.of(0, 1), date1904);
  reader.feed(Buffer.from(`<worksheet><sheetData><row>${cell}</row></sheetData></worksheet>`));
  reader.next();
  return reader.row;
}

function fast(column: Column, row: SheetRow, position: number): string {
  const out = new CsvWriter(() => undefined);
  out.add('before');
  const reason = fieldWriter(column, row.date1904)(row, position, out);
  return reason ?? out.buffer.toString('utf8', 'before'.length, out.length);
}

function slow(column: Column, row: SheetRow, position: number): string {
  const value = cellConverter(column, row.date1904)(row.cell(position));
  return typeof value === 'string' ? value : csvField(value?.text ?? '');
}

const digits = (max: number) =>
  fc.string({ unit: fc.constantFrom(...'00123459'), minLength: 1, maxLength: max });
const number = fc.oneof(
  fc
    .tuple(fc.constantFrom('', '-'), digits(4), fc.constantFrom('', '.'), fc.option(digits(4), { nil: '' }))
    .map(([sign, whole, point, fraction]) => `${sign}${whole}${point}${point && fraction}`),
  fc.tuple(fc.constantFrom('', '-'), digits(18), digits(18)).map(([sign, a, b]) => `${sign}${a}.${b}`),
  fc.integer({ min: -3, max: 80_000 }).map(String),
  fc.constantFrom(
    '2958465',
    '2958466',
    '4294967297',
    '60',
    '0',
    '1',
    '-0',
    '0.0',
    '1e3',
    '1E-7',
    '9007199254740993',
    '1e400',
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
);
const text = fc
  .oneof(
    fc.string({
      unit: fc.constantFrom(...' \t\n",\\Na0.5é東\u00a0\u2003\u3000\ufeff👗\u0085'),
      maxLength: 10,
    }),
    fc.constantFrom(
      '\\N',
      'true',
      'FALSE',
      '12',
      '-1.50',
      '2026-09-01',
      '2026-09-01T00:00',
      '_x0000_',
      '_xD800_',
      'a_x000A_',
    ),
    number,
  )
  .map((value) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;'));
const cell = fc.oneof(
  fc.tuple(number, fc.nat(2)).map(([value, style]) => `<c s="${style}"><v>${value}</v></c>`),
  text.map((value) => `<c t="inlineStr"><is><t>${value}</t></is></c>`),
  text.map((value) => `<c t="str"><v>${value}</v></c>`),
  fc.constantFrom(
    '<c t="s"><v>0</v></c>',
    '<c t="b"><v>0</v></c>',
    '<c t="b"><v>1</v></c>',
    '<c t="e"><v>#N/A</v></c>',
  ),
  fc.constantFrom('<c t="d"><v>2026-09-01</v></c>', '<c t="d"><v>2026-09-01T01:00</v></c>', '<c/>'),
);

it('a field is what the rules say of the cell, whichever way it was written', () => {
  fc.assert(
    fc.property(cell, fc.boolean(), (xml, date1904) => {
      const row = rowOf(xml, date1904);
      for (const column of columns)
        for (const position of [0, 1])
          expect([column, fast(column, row, position)]).toEqual([column, slow(column, row, position)]);
    }),
    { numRuns: 1000 },
  );
});
