import ExcelJS from 'exceljs';
import fc from 'fast-check';
import { inventoryLayout } from '../../../domain/fashion/inventory-layout.ts';
import type { ReportLayout } from '../../../domain/fashion/layout.ts';
import { rejectedHeader, transformWorkbook } from '../../../domain/fashion/transform.ts';
import { bytesSource } from '../../../domain/workbook/zip.ts';
import { header, inventoryRow, parsedCsv, transformed, withParts, workbookOf } from './workbooks.ts';

const inventory = (...changes: Record<string, ExcelJS.CellValue>[]) =>
  workbookOf([header, ...changes.map((change, i) => inventoryRow({ sku: `SKU-${i}`, ...change }))]);
const refused = (code: string) => expect.objectContaining({ code, name: code });

describe('good rows', () => {
  it('become CSV in the order of the layout, whatever the order of the sheet', async () => {
    const row = inventoryRow();
    const { accepted, rejected, ...counts } = await transformed(
      await workbookOf([[...header].reverse(), [...row].reverse()]),
    );
    expect(accepted).toBe(
      'sku,style,description,category,colour,size,location,on_hand,reserved,unit_price,available_from,discontinued\n' +
        'FW26-001-RED-M,FW26-001,Wool coat,Outerwear,Red,M,PAR-01,12,3,349.99,2026-09-01,false\n',
    );
    expect(rejected).toBe('');
    expect(counts).toMatchObject({ rowsIn: 1, rowsOut: 1, rowsRejected: 0 });
  });

  it.each<[string, string, ExcelJS.CellValue, string]>([
    ['a quote, a comma and a newline', 'description', 'a "b",\nc', 'a "b",\nc'],
    ['unicode', 'description', 'Mantel für 東京 👗', 'Mantel für 東京 👗'],
    [
      'rich text',
      'description',
      { richText: [{ text: 'Wool ' }, { font: { bold: true }, text: 'coat' }] },
      'Wool coat',
    ],
    ['blanks at the ends', 'colour', '  Red\u00a0', 'Red'],
    ['an absent cell', 'colour', null, ''],
    ['a cell of blanks', 'colour', '   ', ''],
    ['what looks like a formula', 'description', '=1+1', '=1+1'],
    ['a number in a text column', 'style', 4006381333931, '4006381333931'],
    ['a half size as a number', 'size', 38.5, '38.5'],
    ['a formula: its cached result', 'on_hand', { formula: '6*7', result: 42 }, '42'],
    ['a formula that gives a text', 'colour', { formula: 'UPPER("red")', result: 'RED' }, 'RED'],
    ['a link: its text', 'style', { text: 'FW26', hyperlink: 'https://example.com/' }, 'FW26'],
    ['an integer as text', 'on_hand', ' 12 ', '12'],
    ['an integer with a rest below 15 digits', 'on_hand', 2.9999999999999996, '3'],
    ['the ends of the range', 'on_hand', 10_000_000, '10000000'],
    ['a decimal below the 15 digits', 'unit_price', 19.989999999999998, '19.99'],
    ['a decimal that has fewer decimals', 'unit_price', 5, '5.00'],
    ['a decimal as text', 'unit_price', '1234.5', '1234.50'],
    ['a date as text', 'available_from', '2026-02-28', '2026-02-28'],
    ['a date and midnight as text', 'available_from', '2026-02-28T00:00:00Z', '2026-02-28'],
    ['a date as a bare serial number', 'available_from', 45_000, '2023-03-15'],
    ['a boolean as text', 'discontinued', 'TRUE', 'true'],
    ['a boolean as a number', 'discontinued', 1, 'true'],
  ])('may hold %s', async (_what, column, cell, value) => {
    const { rows, bad } = await transformed(await inventory({ [column]: cell }));
    expect(bad).toEqual([]);
    expect(rows[0]?.[column]).toBe(value);
  });

  it('dates of the 1904 system are the same dates', async () => {
    const workbook = await workbookOf([header, inventoryRow()], (book) => {
      book.properties.date1904 = true;
    });
    const bare = withParts(workbook, {
      'xl/worksheets/sheet1.xml': (xml) => xml.replace(/(<c r="K2")[^>]*>/, '$1>'),
    });
    expect((await transformed(workbook)).rows[0]?.available_from).toBe('2026-09-01');
    expect((await transformed(bare)).rows[0]?.available_from).toBe('2026-09-01');
  });

  it('are found under a header that differs in case and blanks, below blank rows and beside other columns', async () => {
    const titles = ['Notes', ...header.map((text) => `  ${text.toUpperCase()} `)];
    const { rows } = await transformed(await workbookOf([undefined, [], titles, ['x', ...inventoryRow()]]));
    expect(rows).toHaveLength(1);
  });

  it('are found under the header row that the layout names', async () => {
    const layout: ReportLayout = { ...inventoryLayout, headerRow: 3 };
    const workbook = await workbookOf([['Inventory of', 'today'], undefined, header, inventoryRow()]);
    expect((await transformed(workbook, layout)).rowsOut).toBe(1);
    await expect(transformed(workbook)).rejects.toEqual(refused('ColumnMissing'));
    const none = await workbookOf([['Inventory'], undefined, undefined, header, inventoryRow()]);
    await expect(transformed(none, layout)).rejects.toEqual(refused('HeaderMissing'));
  });

  it('are read from the first visible sheet, or from the one that the layout names', async () => {
    const workbook = await workbookOf([['nothing here']], (book, sheet) => {
      sheet.state = 'hidden';
      book.addWorksheet('Today').addRows([header, inventoryRow({ sku: 'shown' })]);
      book.addWorksheet('R&D "old" <1>').addRows([header, inventoryRow({ sku: 'named' })]);
    });
    expect((await transformed(workbook)).rows[0]?.sku).toBe('shown');
    const named = await transformed(workbook, { ...inventoryLayout, sheet: 'R&D "old" <1>' });
    expect(named.rows[0]?.sku).toBe('named');
    await expect(transformed(workbook, { ...inventoryLayout, sheet: 'Stock' })).rejects.toEqual(
      refused('SheetMissing'),
    );
  });

  it('are not the blank rows between and after them', async () => {
    const blank = header.map(() => '  ');
    const many = Array.from({ length: 3000 }, () => blank);
    const workbook = await workbookOf([
      header,
      inventoryRow(),
      blank,
      undefined,
      inventoryRow({ sku: 'B' }),
      ...many,
    ]);
    expect(await transformed(workbook)).toMatchObject({ rowsIn: 2, rowsOut: 2, rowsRejected: 0 });
  });

  it('are the same bytes every time', async () => {
    const workbook = await inventory({}, { on_hand: 'x' }, { description: 'a,b' });
    const [first, second] = [await transformed(workbook), await transformed(workbook)];
    expect(second.accepted).toBe(first.accepted);
    expect(second.rejected).toBe(first.rejected);
  });
});

describe('a bad row', () => {
  it.each<[string, string, ExcelJS.CellValue]>([
    ['Missing', 'sku', null],
    ['Missing', 'on_hand', ' '],
    ['ErrorCell', 'on_hand', { error: '#N/A' } as ExcelJS.CellErrorValue],
    [
      'ErrorCell',
      'colour',
      { formula: 'VLOOKUP(1,A:A,1)', result: { error: '#REF!' } } as ExcelJS.CellFormulaValue,
    ],
    ['NotText', 'size', new Date('2026-12-10T00:00:00Z')],
    ['TooManyDigits', 'sku', 1e15],
    ['NotANumber', 'on_hand', 'twelve'],
    ['NotANumber', 'on_hand', true],
    ['NotANumber', 'unit_price', '1.234,50'],
    ['NotANumber', 'unit_price', '1,234.50'],
    ['NotAnInteger', 'on_hand', 1.5],
    ['NotAnInteger', 'on_hand', '1.5'],
    ['TooManyDigits', 'on_hand', 2 ** 53],
    ['TooManyDigits', 'on_hand', '9007199254740993'],
    ['OutOfRange', 'on_hand', -1],
    ['OutOfRange', 'on_hand', 10_000_001],
    ['TooManyDecimals', 'unit_price', 0.005],
    ['TooManyDecimals', 'unit_price', '19.999'],
    ['OutOfRange', 'unit_price', -0.01],
    ['OutOfRange', 'unit_price', 99_999_999],
    ['NotADate', 'available_from', '20.11.2026'],
    ['NotADate', 'available_from', '2026-02-30'],
    ['NotADate', 'available_from', true],
    ['NotADate', 'available_from', 60],
    ['TimeOfDay', 'available_from', new Date('2026-11-20T06:30:00Z')],
    ['TimeOfDay', 'available_from', '2026-11-20T06:30'],
    ['OutOfRange', 'available_from', new Date('1989-12-31T00:00:00Z')],
    ['NotABoolean', 'discontinued', 'yes'],
    ['NotABoolean', 'discontinued', 2],
    ['TooLong', 'size', 'é'.repeat(17)],
    ['ForbiddenText', 'colour', '\\N'],
  ])('is set aside as %s: %s is %j', async (reason, column, cell) => {
    const { rowsOut, bad } = await transformed(await inventory({}, { [column]: cell }));
    expect(rowsOut).toBe(1);
    const letter = String.fromCharCode(65 + inventoryLayout.columns.findIndex(({ name }) => name === column));
    expect(bad).toEqual([
      expect.objectContaining({ row: '3', cell: `${letter}3`, column, reason, bad_cells: '1' }),
    ]);
  });

  it('is one line: its first bad cell, how many there are, and all of it as JSON', async () => {
    const workbook = await inventory({}, { on_hand: 'a "few"', reserved: -1, colour: null });
    const { rejected, bad } = await transformed(workbook);
    expect(rejected.split('\n')[0]).toBe(rejectedHeader.join(','));
    expect(bad).toHaveLength(1);
    expect(bad[0]).toMatchObject({
      row: '3',
      cell: 'H3',
      column: 'on_hand',
      value: 'a "few"',
      bad_cells: '2',
    });
    expect(JSON.parse(bad[0]?.raw ?? '')).toEqual({
      ...{ sku: 'SKU-1', style: 'FW26-001', description: 'Wool coat', category: 'Outerwear', colour: null },
      ...{ size: 'M', location: 'PAR-01', on_hand: 'a "few"', reserved: -1, unit_price: 349.99 },
      ...{ available_from: '2026-09-01', discontinued: false },
    });
  });

  it('can name a position again: the first row that names it is kept', async () => {
    const workbook = await inventory(
      { sku: 'A' },
      { sku: 'A', location: 'LYS' },
      { sku: ' A ', on_hand: 99 },
    );
    const { rows, bad } = await transformed(workbook);
    expect(rows.map(({ location }) => location)).toEqual(['PAR-01', 'LYS']);
    expect(bad).toEqual([expect.objectContaining({ row: '4', cell: 'A4', reason: 'DuplicateKey' })]);
  });

  it('does not take the position from a good row after it', async () => {
    const { rows } = await transformed(await inventory({ sku: 'A', on_hand: 'x' }, { sku: 'A' }));
    expect(rows).toHaveLength(1);
  });
});

describe('a report refused whole', () => {
  it.each<[string, Uint8Array]>([
    ['WorkbookUnreadable', new Uint8Array()],
    ['WorkbookUnreadable', Buffer.from('sku;style\n1;2\n'.repeat(100))],
    ['WorkbookEncrypted', Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(5000)])],
  ])('%s', async (code, bytes) => {
    await expect(transformed(bytes)).rejects.toEqual(refused(code));
  });

  it('a zip that is no workbook', async () => {
    const { zipSync, strToU8 } = await import('fflate');
    await expect(transformed(zipSync({ 'a.txt': strToU8('hello') }))).rejects.toEqual(
      refused('WorkbookUnreadable'),
    );
  });

  it('a workbook cut anywhere, or with a bit of the sheet flipped', async () => {
    const workbook = await inventory({}, {}, {});
    for (const part of [0.1, 0.5, 0.9, 0.999]) {
      const cut = workbook.subarray(0, Math.floor(workbook.length * part));
      await expect(transformed(cut)).rejects.toEqual(refused('WorkbookUnreadable'));
    }
    const name = Buffer.from(workbook).indexOf('xl/worksheets/sheet1.xml');
    for (let offset = 40; offset < 300; offset += 13) {
      const damaged = Uint8Array.from(workbook);
      damaged[name + offset] = (damaged[name + offset] as number) ^ 0x10;
      // The damage may show in the header before it shows in the checksum.
      const error = await transformed(damaged).catch((reason) => reason);
      expect(['WorkbookUnreadable', 'HeaderMissing', 'ColumnMissing']).toContain(error.code);
    }
  });

  it('a sheet that stops in the middle', async () => {
    const cut = withParts(await inventory({}, {}), {
      'xl/worksheets/sheet1.xml': (xml) => xml.slice(0, xml.indexOf('<row r="3"')),
    });
    await expect(transformed(cut)).rejects.toEqual(refused('WorkbookUnreadable'));
  });

  it('columns missing: all of them are named', async () => {
    const workbook = await workbookOf([header.slice(0, 10), inventoryRow().slice(0, 10)]);
    await expect(transformed(workbook)).rejects.toThrow(
      /^ColumnMissing: .*: Available from, Discontinued \(row 1 of Inventory\)/,
    );
  });

  it('a column twice', async () => {
    const workbook = await workbookOf([
      [...header, 'sku '],
      [...inventoryRow(), 'x'],
    ]);
    await expect(transformed(workbook)).rejects.toEqual(refused('ColumnDuplicated'));
  });

  it('no header, no rows, no good row', async () => {
    await expect(transformed(await workbookOf([]))).rejects.toEqual(refused('HeaderMissing'));
    await expect(transformed(await workbookOf([header]))).rejects.toEqual(refused('ReportEmpty'));
    await expect(transformed(await workbookOf([header, [' ']]))).rejects.toEqual(refused('ReportEmpty'));
    await expect(transformed(await inventory({ sku: null }))).rejects.toEqual(refused('AllRowsRejected'));
  });

  it('when every row is bad, all of them were set aside first, and no CSV was begun', async () => {
    const pieces = { accepted: [] as Uint8Array[], rejected: [] as Uint8Array[] };
    const attempt = transformWorkbook({
      workbook: bytesSource(await inventory({ sku: null }, { on_hand: 'x' })),
      layout: inventoryLayout,
      accepted: (piece) => void pieces.accepted.push(piece),
      rejected: (piece) => void pieces.rejected.push(piece),
    });
    await expect(attempt).rejects.toEqual(refused('AllRowsRejected'));
    expect(pieces.accepted).toEqual([]);
    expect(parsedCsv(Buffer.concat(pieces.rejected).toString())).toHaveLength(2);
  });

  it('over one of its limits', async () => {
    const workbook = await inventory({}, {}, {});
    for (const limit of ['rows', 'inflatedBytes', 'distinctStrings']) {
      const layout = { ...inventoryLayout, limits: { ...inventoryLayout.limits, [limit]: 2 } };
      await expect(transformed(workbook, layout)).rejects.toEqual(refused('ReportTooLarge'));
    }
    const exact = { ...inventoryLayout, limits: { ...inventoryLayout.limits, rows: 3 } };
    expect((await transformed(workbook, exact)).rowsIn).toBe(3);
  });

  it('a text longer than a cell can hold', async () => {
    const workbook = withParts(await inventory({}), {
      'xl/sharedStrings.xml': (xml) => xml.replace('Wool coat', 'x'.repeat(40_000)),
    });
    await expect(transformed(workbook)).rejects.toEqual(refused('ReportTooLarge'));
  });
});

describe('the sinks', () => {
  it('hold the reader back: it waits for each piece to be taken', async () => {
    const workbook = await inventory(
      ...Array.from({ length: 6000 }, () => ({ description: 'x'.repeat(500) })),
    );
    let taking = 0;
    let pieces = 0;
    await transformWorkbook({
      workbook: bytesSource(workbook),
      layout: inventoryLayout,
      accepted: async () => {
        pieces++;
        expect(++taking).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 1));
        taking--;
      },
      rejected: () => {},
    });
    expect(pieces).toBeGreaterThan(5);
  });

  it('that fail end the transform with their own error', async () => {
    const attempt = transformWorkbook({
      workbook: bytesSource(await inventory({})),
      layout: inventoryLayout,
      accepted: () => Promise.reject(new Error('upload failed')),
      rejected: () => {},
    });
    await expect(attempt).rejects.toThrow('upload failed');
  });
});

describe('the source', () => {
  it('that fails passes on its own error: the file is not at fault', async () => {
    const workbook = await inventory({}, {});
    const whole = bytesSource(workbook);
    let reads = 0;
    const counted = {
      size: whole.size,
      read: (offset: number, length: number) => {
        reads++;
        return whole.read(offset, length);
      },
    };
    const run = (source: typeof whole) =>
      transformWorkbook({
        workbook: source,
        layout: inventoryLayout,
        accepted: () => {},
        rejected: () => {},
      });
    await run(counted);
    expect(reads).toBeGreaterThan(10);
    for (let broken = 0; broken < reads; broken++) {
      let left = broken;
      const source = {
        size: whole.size,
        read: async (offset: number, length: number) => {
          if (left-- === 0) throw new Error('connection reset');
          return whole.read(offset, length);
        },
      };
      await expect(run(source)).rejects.toThrow(/^connection reset$/);
    }
  });
});

describe('for any workbook', () => {
  const text = fc.string({ maxLength: 12, unit: 'grapheme' }).map(xmlText);
  const cell = fc.oneof(
    { weight: 4, arbitrary: text },
    fc.constantFrom<ExcelJS.CellValue>(
      null,
      true,
      false,
      0,
      -1,
      12,
      0.1 + 0.2,
      '12',
      '0.50',
      'true',
      '"',
      ',',
      'a\nb',
    ),
    fc.integer({ min: -5, max: 20_000_000 }),
    fc.double({ min: 0.001, max: 1e7, noNaN: true }),
    fc.integer({ min: 0, max: 60_000 }).map((day) => new Date(Date.UTC(1970, 0, 1 + day))),
  ) as fc.Arbitrary<ExcelJS.CellValue>;
  /** Mostly good rows with a few cells replaced by anything. */
  const row = fc
    .tuple(
      fc.nat(30),
      fc.dictionary(fc.constantFrom(...inventoryLayout.columns.map(({ name }) => name)), cell, {
        maxKeys: 2,
      }),
    )
    .map(([sku, changes]) => inventoryRow({ sku: `S${sku}`, ...changes }));
  const rows = fc.array(fc.oneof({ weight: 9, arbitrary: row }, fc.constant(undefined)), {
    minLength: 1,
    maxLength: 12,
  });

  it('rows in = rows out + rows set aside, and both CSVs hold just these', async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (cells) => {
        const outcome = await unlessRefused(
          await workbookOf([header, inventoryRow({ sku: 'first' }), ...cells]),
        );
        expect(outcome.rowsIn).toBe(outcome.rowsOut + outcome.rowsRejected);
        expect(outcome.rowsIn).toBe(1 + cells.filter((each) => each && !each.every(isBlankValue)).length);
        expect(outcome.rows).toHaveLength(outcome.rowsOut);
        expect(outcome.bad).toHaveLength(outcome.rowsRejected);
      }),
      { numRuns: 30 },
    );
  });

  it('the CSV parsed back is what exceljs, reading the workbook whole, finds in the good rows', async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (cells) => {
        const workbook = await workbookOf([header, inventoryRow({ sku: 'first' }), ...cells]);
        const outcome = await unlessRefused(workbook);
        const setAside = new Set(outcome.bad.map((each) => Number(each.row)));
        const book = new ExcelJS.Workbook();
        await book.xlsx.load(workbook.buffer as ArrayBuffer);
        const expected: Record<string, string>[] = [];
        book.worksheets[0]?.eachRow((line, number) => {
          const values = inventoryLayout.columns.map((_, i) => line.getCell(i + 1).value);
          if (number === 1 || setAside.has(number) || values.every(isBlankValue)) return;
          expected.push(
            Object.fromEntries(
              inventoryLayout.columns.map((column, i) => [column.name, oracle(values[i], column.type)]),
            ),
          );
        });
        expect(outcome.rows).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  const unlessRefused = (workbook: Uint8Array) => transformed(workbook);
  const isBlankValue = (value: unknown) =>
    value === null || value === undefined || String(value).trim() === '';

  /** What XML can carry; exceljs drops the rest. */
  function xmlText(value: string): string {
    return value
      .replace(/[^\t\n\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
      .replace(/_x[0-9A-Fa-f]{4}_/g, '');
  }

  /** The value of a good cell by another way: Number and toFixed instead of exact decimals. */
  function oracle(value: ExcelJS.CellValue, type: string): string {
    if (value === null || value === undefined || isBlankValue(value)) return '';
    if (value instanceof Date) return value.toISOString().slice(0, 10);
    if (type === 'decimal') return Number(value).toFixed(2);
    if (type === 'integer') return String(Math.round(Number(value)));
    if (type === 'boolean') return String(value === 1 ? true : value === 0 ? false : value).toLowerCase();
    if (type === 'date' && typeof value === 'number') {
      return new Date(Date.UTC(1899, 11, 30) + value * 86_400_000).toISOString().slice(0, 10);
    }
    if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE';
    return typeof value === 'number' ? String(Number(value.toPrecision(15))) : String(value).trim();
  }
});
