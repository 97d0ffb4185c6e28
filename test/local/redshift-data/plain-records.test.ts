import fc from 'fast-check';
import { CsvReader, LoadError } from '../../../local/redshift-data/csv.ts';
import { type PlainColumn, plainRun, recordEnd } from '../../../local/redshift-data/plain-records.ts';

const column = (kind: PlainColumn['kind'], width = 8, mayBeEmpty = true): PlainColumn => ({
  kind,
  width,
  mayBeEmpty,
});
const columns = [column('text'), column('decimal', 2), column('date'), column('other'), column('ascii', 4)];
const run = (text: string, of = columns) => plainRun(Buffer.from(text), 0, of);
const good = 'a,1.50,2026-11-21,7,xx\n';

describe('plain records', () => {
  it.each([
    ['values', good],
    ['empty fields', ',,,,\n'],
    ['quoted text, with delimiters and doubled quotes', '"a,""b",1,2026-11-21,7,xx\n'],
    ['letters beyond ASCII', 'Größe,1,2026-11-21,7,xx\n'],
    ['decimals as they may be', 'a,-1.,2026-11-21,7,xx\na,+0.07,,7,xx\n'],
  ])('%s', (_what, text) => {
    const lines = text.split('\n').length;
    expect(run(good + text)).toEqual({
      end: Buffer.byteLength(good + text),
      records: lines,
      lines,
      tall: [],
      cut: true,
    });
  });

  it.each([
    ['too few fields', 'a,1\n'],
    ['too many', 'a,1,2026-11-21,7,xx,\n'],
    ['CRLF', 'a,1,2026-11-21,7,xx\r\n'],
    ['CR in a text', 'a\rb,1,2026-11-21,7,xx\n'],
    ['a CR in quotes', '"a\r\nb",1,2026-11-21,7,xx\n'],
    ['NUL', 'a\0b,1,2026-11-21,7,xx\n'],
    ['NUL in quotes', '"a\0b",1,2026-11-21,7,xx\n'],
    ['a quote in an unquoted field', 'a"b,1,2026-11-21,7,xx\n'],
    ['text behind a closed quote', '"a"b,1,2026-11-21,7,xx\n'],
    ['an empty quoted field', '"",1,2026-11-21,7,xx\n'],
    ['a quoted number', 'a,"1",2026-11-21,7,xx\n'],
    ['a text that begins as a mark of NULL may', '\\N,1,2026-11-21,7,xx\n'],
    ['a text of more bytes than its column', 'ééééé,1,2026-11-21,7,xx\n'],
    ['more decimals than are kept', 'a,1.999,2026-11-21,7,xx\n'],
    ['a decimal that PostgreSQL would take', 'a,NaN,2026-11-21,7,xx\n'],
    ['an exponent', 'a,1e5,2026-11-21,7,xx\n'],
    ['a decimal without digits in front', 'a,.5,2026-11-21,7,xx\n'],
    ['a date that PostgreSQL would take', 'a,1,today,7,xx\n'],
    ['a time behind a date', 'a,1,2026-11-21 00:00,7,xx\n'],
    ['CHAR beyond ASCII', 'a,1,2026-11-21,7,é\n'],
  ])('%s is not', (_what, text) => {
    expect(run(`${good}${text}${good}`)).toMatchObject({
      end: good.length,
      records: 1,
      lines: 1,
      cut: false,
    });
  });

  it('an empty field is not where it has to be judged', () => {
    expect(run(',1\n', [column('text', 8, false), column('other')])).toMatchObject({
      records: 0,
      cut: false,
    });
    expect(run('1,\n', [column('other'), column('date', 0, false)])).toMatchObject({
      records: 0,
      cut: false,
    });
  });

  it('a record that is cut anywhere is waited for', () => {
    const text = '"a,""\nb",-1.50,2026-11-21,7,xx\n';
    for (let length = 0; length < text.length; length++) {
      const cut = run(good + text.slice(0, length));
      expect([length, cut]).toMatchObject([length, { end: good.length, records: 1, lines: 1, cut: true }]);
    }
  });

  it('lines are counted where quoted fields hold some', () => {
    const tall = '"a\n\nb",1,2026-11-21,7,xx\n';
    expect(run(`${good}${tall}${good}${tall}`)).toMatchObject({
      records: 4,
      lines: 8,
      tall: [
        { before: 1, lines: 3 },
        { before: 5, lines: 3 },
      ],
    });
  });
});

describe('the end of a record', () => {
  const awkward = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', '"a"', '""', 'é') });

  it('is where the reader of CSV sees it', () => {
    fc.assert(
      fc.property(awkward, (text) => {
        const bytes = Buffer.from(text);
        const reader = new CsvReader({ delimiter: ',', quote: '"', ignoreHeader: 0 });
        let expected: string[][];
        try {
          expected = [...reader.push(text), ...reader.end()].map(({ fields }) => fields);
        } catch (error) {
          expect(error).toBeInstanceOf(LoadError);
          return;
        }
        const found: string[][] = [];
        for (let at = 0; at < bytes.length; ) {
          const end = recordEnd(bytes, at, 44, 34, true);
          const one = new CsvReader({ delimiter: ',', quote: '"', ignoreHeader: 0 });
          const slice = bytes.subarray(at, end).toString();
          found.push(...[...one.push(slice), ...one.end()].map(({ fields }) => fields));
          at = end;
        }
        expect(found).toEqual(expected);
      }),
    );
  });

  it('of a beginning is not known, or that of the whole', () => {
    fc.assert(
      fc.property(awkward, fc.nat(), (text, at) => {
        const bytes = Buffer.from(text);
        const beginning = bytes.subarray(0, at % (bytes.length + 1));
        const end = recordEnd(beginning, 0, 44, 34, false);
        if (end >= 0) expect(end).toBe(recordEnd(bytes, 0, 44, 34, true));
      }),
    );
  });
});
