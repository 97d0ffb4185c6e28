import fc from 'fast-check';
import Papa from 'papaparse';
import { CsvWriter, csvLine } from '../../../domain/fashion/csv.ts';
import { KeySet } from '../../../domain/fashion/key-set.ts';

describe('CSV', () => {
  it('quotes only what needs it', () => {
    expect(csvLine(['a b', '', 'a,b', 'say "x"', 'two\nlines', '=1+1'])).toBe(
      'a b,,"a,b","say ""x""","two\nlines",=1+1\n',
    );
  });

  it('parsed back equals the cells', () => {
    const cell = fc.string({
      unit: fc.oneof(fc.constantFrom('"', ',', '\n', '\r', ' '), fc.string({ minLength: 1, maxLength: 1 })),
    });
    const rows = fc
      .integer({ min: 2, max: 5 })
      .chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1 }));
    fc.assert(
      fc.property(rows, (cells) => {
        const { data } = Papa.parse<string[]>(cells.map(csvLine).join('').slice(0, -1), {
          newline: '\n',
          delimiter: ',',
        });
        expect(data).toEqual(cells);
      }),
    );
  });

  it('is handed on in pieces that hold every line once, in order', async () => {
    const pieces: Uint8Array[] = [];
    const writer = new CsvWriter((piece) => void pieces.push(piece), 10);
    for (let i = 0; i < 20; i++) {
      writer.add(`line ${i}\n`);
      if (writer.isFull) await writer.flush();
    }
    await writer.flush();
    await writer.flush();
    const whole = Buffer.concat(pieces).toString();
    expect(whole.split('\n').slice(0, -1)).toEqual(Array.from({ length: 20 }, (_, i) => `line ${i}`));
    expect(pieces.length).toBe(10);
    expect(writer.bytes).toBe(whole.length);
  });
});

/** Adds a key whose parts stand one behind the other. */
function addKey(set: KeySet, ...parts: string[]): boolean {
  const bytes = parts.map((part) => Buffer.from(part));
  const ends = bytes.map((_, i) => Buffer.concat(bytes.slice(0, i + 1)).length);
  return set.add(Buffer.concat(bytes), [0, ...ends.slice(0, -1)], ends);
}

describe('a set of keys', () => {
  it('tells new keys from known ones, as a Set of them does', () => {
    const key = fc.array(fc.string({ maxLength: 3 }), { minLength: 2, maxLength: 2 });
    fc.assert(
      fc.property(fc.array(key, { maxLength: 40 }), (keys) => {
        const set = new KeySet(40);
        const known = new Set<string>();
        for (const each of keys) {
          const text = JSON.stringify(each);
          expect(addKey(set, ...each)).toBe(!known.has(text));
          known.add(text);
        }
      }),
    );
  });

  it('keeps similar keys apart, with as many as it is for', () => {
    const set = new KeySet(50_002);
    for (let i = 0; i < 50_000; i++)
      if (!addKey(set, `SKU-${i}`, `L${i % 7}`)) throw new Error(`SKU-${i} is taken for another`);
    for (let i = 0; i < 50_000; i += 997) expect(addKey(set, `SKU-${i}`, `L${i % 7}`)).toBe(false);
    expect(addKey(set, 'ab', 'c')).toBe(true);
    expect(addKey(set, 'a', 'bc')).toBe(true);
  });
});
