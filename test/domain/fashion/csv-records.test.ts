import fc from 'fast-check';
import Papa from 'papaparse';
import { CsvRecordCounter } from '../../../domain/fashion/csv-records.ts';

const count = (pieces: Uint8Array[]): number => {
  const counter = new CsvRecordCounter();
  for (const piece of pieces) counter.add(piece);
  return counter.records();
};
const bytes = (text: string) => new TextEncoder().encode(text);

it('a line feed within quotes ends no record', () => {
  expect(count([bytes('sku,description\nA,"two\nlines"\nB,"a ""quoted"" word\n"\n')])).toBe(3);
});

it('the last record may lack its line feed, and nothing is no record', () => {
  expect(count([bytes('a,b\n1,2')])).toBe(2);
  expect(count([])).toBe(0);
});

it('any table counts as many records as rows were written, in pieces of any size', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', 'é', ' ') });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(cell, cell), { minLength: 1 }),
      fc.integer({ min: 1, max: 7 }),
      (rows, size) => {
        const csv = bytes(`${Papa.unparse(rows, { newline: '\n', quotes: true })}\n`);
        const pieces = [];
        for (let at = 0; at < csv.length; at += size) pieces.push(csv.subarray(at, at + size));
        expect(count(pieces)).toBe(rows.length);
      },
    ),
  );
});
