import type ExcelJS from 'exceljs';
import fc from 'fast-check';
import Papa from 'papaparse';
import { correctionSheet, dropMark, readCorrectionSheet } from '../../../domain/fashion/correction-sheet.ts';
import {
  type Corrections,
  correctedVersion,
  correctionsCsv,
  correctionsHash,
  mostCorrectionsBytes,
  parseCorrections,
} from '../../../domain/fashion/corrections.ts';
import { loadKey } from '../../../domain/fashion/drop.ts';
import { parseQuarantine, type QuarantinedRow } from '../../../domain/fashion/quarantine.ts';
import { header, inventoryRow, transformed, withParts, workbookOf } from './workbooks.ts';

type Changes = Record<string, ExcelJS.CellValue>;

const drop = { date: '2026-11-19', slot: '0600', sha256Start: '68ddac5e2245b585' };
const mark = dropMark(drop);
/** Row 2 is the first of them. */
const inventory = (...changes: Changes[]) =>
  workbookOf([header, ...changes.map((change, i) => inventoryRow({ sku: `SKU-${i}`, ...change }))]);
const refused = (code: string, message = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

/** The sheet of a workbook's bad rows after an edit of its text. */
async function edited(
  workbook: Uint8Array,
  edit: (sheet: string) => string,
): Promise<{ quarantine: Map<number, QuarantinedRow>; corrections: Corrections }> {
  const quarantine = parseQuarantine((await transformed(workbook)).rejected);
  const sheet = edit(correctionSheet(quarantine.values(), mark));
  return { quarantine, corrections: readCorrectionSheet(Buffer.from(sheet), quarantine, mark) };
}

/** The workbook's good and bad rows with these corrections. */
async function correctedBy(workbook: Uint8Array, edit: (sheet: string) => string) {
  const { corrections } = await edited(workbook, edit);
  return transformed(workbook, undefined, corrections);
}

describe('a row that was set aside', () => {
  it('is loaded when its value is corrected, after the rows that were good', async () => {
    const workbook = await inventory({ on_hand: 'twelve' }, {});
    const plain = await transformed(workbook);
    const { accepted, rejected, ...counts } = await correctedBy(workbook, (sheet) =>
      sheet.replace('twelve', '12'),
    );
    expect(accepted.startsWith(plain.accepted)).toBe(true);
    expect(counts.rows.map(({ sku, on_hand }) => [sku, on_hand])).toEqual([
      ['SKU-1', '12'],
      ['SKU-0', '12'],
    ]);
    expect(rejected).toBe('');
    expect(counts).toMatchObject({ rowsIn: 2, rowsOut: 2, rowsRejected: 0 });
  });

  it('is loaded when several cells are corrected in raw', async () => {
    const workbook = await inventory({}, { on_hand: -1, unit_price: 'free', colour: 'Red' });
    const { rows, rowsRejected } = await correctedBy(workbook, (sheet) =>
      sheet.replace('""on_hand"":-1', '""on_hand"":7').replace('""free""', '9.5'),
    );
    expect(rowsRejected).toBe(0);
    expect(rows[1]).toMatchObject({ sku: 'SKU-1', on_hand: '7', unit_price: '9.50' });
  });

  it('stays, as it was corrected and with its new reason, while it is still bad', async () => {
    const workbook = await inventory({}, { on_hand: 'twelve', unit_price: 'free' }, { on_hand: 1.5 });
    const { bad, ...counts } = await correctedBy(workbook, (sheet) => sheet.replace('twelve', '-12'));
    expect(counts).toMatchObject({ rowsIn: 3, rowsOut: 1, rowsRejected: 2 });
    // What nobody touched comes first.
    expect(bad.map(({ row, cell, value, reason }) => [row, cell, value, reason])).toEqual([
      ['4', 'H4', '1.5', 'NotAnInteger'],
      ['3', 'H3', '-12', 'OutOfRange'],
    ]);
    expect(JSON.parse(bad[1]?.raw ?? '')).toMatchObject({ on_hand: '-12', unit_price: 'free' });
  });

  it('stays when its line is gone', async () => {
    const workbook = await inventory({}, { on_hand: 'a' }, { on_hand: 'b' });
    const { bad } = await correctedBy(workbook, (sheet) =>
      sheet
        .split('\n')
        .filter((line) => !line.startsWith('3,'))
        .join('\n')
        .replace(',b,', ',2,'),
    );
    expect(bad.map(({ row }) => row)).toEqual(['3']);
  });

  it('may lose an optional cell', async () => {
    const workbook = await inventory({ available_from: 'soon' }, {});
    const { rows } = await correctedBy(workbook, (sheet) => sheet.replace(',soon,', ',,'));
    expect(rows[1]).toMatchObject({ sku: 'SKU-0', available_from: '' });
  });

  it('is loaded where every row of the report was bad', async () => {
    const workbook = await inventory({ on_hand: 'a' }, { on_hand: 'b' });
    let rejected = '';
    await expect(transformed(workbook)).rejects.toMatchObject({ code: 'AllRowsRejected' });
    const { transformWorkbook } = await import('../../../domain/fashion/transform.ts');
    const { bytesSource } = await import('../../../domain/workbook/zip.ts');
    const { inventoryLayout } = await import('../../../domain/fashion/inventory-layout.ts');
    await transformWorkbook({
      workbook: bytesSource(workbook),
      layout: inventoryLayout,
      accepted: () => {},
      rejected: (piece) => {
        rejected += Buffer.from(piece).toString();
      },
    }).catch(() => undefined);
    const quarantine = parseQuarantine(rejected);
    const sheet = correctionSheet(quarantine.values(), mark).replace(',a,', ',1,');
    const corrections = readCorrectionSheet(Buffer.from(sheet), quarantine, mark);
    expect(await transformed(workbook, undefined, corrections)).toMatchObject({
      rowsIn: 2,
      rowsOut: 1,
      rowsRejected: 1,
    });
  });

  it.each<[string, Changes]>([
    ['an error value', { style: { error: '#N/A' } }],
    ['a date in a text column', { size: new Date('2026-12-10T00:00:00Z') }],
  ])(
    'that holds %s beside the corrected cell stays: only what is changed is taken',
    async (_what, change) => {
      const workbook = await inventory({}, { on_hand: 'x', ...change });
      const { bad, quarantine } = {
        ...(await edited(workbook, (sheet) => sheet.replace('""on_hand"":""x""', '""on_hand"":1'))),
        ...(await correctedBy(workbook, (sheet) => sheet.replace('""on_hand"":""x""', '""on_hand"":1'))),
      };
      expect(quarantine.get(3)?.badCells).toBe(2);
      expect(bad.map(({ row, reason }) => [row, reason])).toEqual([
        ['3', 'size' in change ? 'NotText' : 'ErrorCell'],
      ]);
    },
  );

  it('keeps the dates of a workbook of the 1904 system', async () => {
    const workbook = await workbookOf(
      [header, inventoryRow({ sku: 'A' }), inventoryRow({ sku: 'B', on_hand: 'x' })],
      (book) => {
        book.properties.date1904 = true;
      },
    );
    const bare = withParts(workbook, {
      'xl/worksheets/sheet1.xml': (xml) => xml.replace(/(<c r="K3")[^>]*>/, '$1>'),
    });
    const { rows } = await correctedBy(bare, (sheet) => sheet.replace(',x,', ',1,'));
    expect(rows.map(({ available_from }) => available_from)).toEqual(['2026-09-01', '2026-09-01']);
  });
});

describe('a corrected row whose position', () => {
  it('a good row has, before it or after it, stays set aside', async () => {
    const workbook = await inventory({ sku: 'A' }, { sku: null }, { sku: 'B' });
    for (const sku of ['A', 'B']) {
      const { rows, bad } = await correctedBy(workbook, (sheet) => sheet.replace(',sku,,', `,sku,${sku},`));
      expect(rows.map((row) => row.sku)).toEqual(['A', 'B']);
      expect(bad.map(({ row, reason, value }) => [row, reason, value])).toEqual([['3', 'DuplicateKey', sku]]);
    }
  });

  it('another corrected row has, loses to the first of them', async () => {
    const workbook = await inventory({}, { sku: null, colour: 'Red' }, { sku: null, colour: 'Blue' });
    const { rows, bad } = await correctedBy(workbook, (sheet) => sheet.replaceAll(',sku,,', ',sku,N,'));
    expect(rows.map(({ sku, colour }) => [sku, colour])).toEqual([
      ['SKU-0', 'Red'],
      ['N', 'Red'],
    ]);
    expect(bad.map(({ row, reason }) => [row, reason])).toEqual([['4', 'DuplicateKey']]);
  });

  it('was named twice gets another one', async () => {
    const workbook = await inventory({ sku: 'A' }, { sku: 'A', colour: 'Blue' });
    const { rows } = await correctedBy(workbook, (sheet) =>
      sheet.replace(',sku,A,DuplicateKey', ',sku,A2,DuplicateKey'),
    );
    expect(rows.map(({ sku }) => sku)).toEqual(['A', 'A2']);
  });
});

describe('a file of corrections', () => {
  const bad = () => inventory({}, { on_hand: 'twelve', description: 'zwei\nZeilen, "é"' }, { on_hand: 'x' });

  it.each<[string, (sheet: string) => string]>([
    ['without its byte order mark', (sheet) => sheet.replace('\ufeff', '')],
    ['with CRLF', (sheet) => sheet.replaceAll('\n', '\r\n')],
    ['without its last line end', (sheet) => sheet.trimEnd()],
    ['with semicolons', semicolons],
    ['with semicolons and CRLF', (sheet) => semicolons(sheet).replaceAll('\n', '\r\n')],
    ['with rows of nothing below', (sheet) => `${sheet},,,,,,,\n\n`],
    ['with every field in quotes', quoted],
    ['with its lines in another order', (sheet) => reordered(sheet)],
  ])('is the same when it is saved %s', async (_how, saved) => {
    const workbook = await bad();
    const correct = (sheet: string) => sheet.replace(',twelve,', ',12,').replace(',x,', ',13,');
    const plain = await edited(workbook, correct);
    const other = await edited(workbook, (sheet) => saved(correct(sheet)));
    expect([...plain.corrections.keys()]).toEqual([3, 4]);
    expect(correctionsCsv(other.corrections)).toEqual(correctionsCsv(plain.corrections));
  });

  it.each<[string, (sheet: string) => string, string, string]>([
    [
      'has another header',
      (sheet) => sheet.replace('row,cell', 'row;cell'),
      'CorrectionsUnreadable',
      'line 1',
    ],
    ['has tabs', (sheet) => sheet.replaceAll(',', '\t'), 'CorrectionsUnreadable', 'line 1'],
    ['is empty', () => '', 'CorrectionsUnreadable', 'line 1'],
    ['lacks a field', (sheet) => sheet.replace(',x,', ','), 'CorrectionsUnreadable', 'line 3: 7 fields'],
    [
      'has a quote in the wrong place',
      (sheet) => sheet.replace(',x,', ',"x"y,'),
      'CorrectionsUnreadable',
      'line 3',
    ],
    [
      'has a quote that nothing closes',
      (sheet) => sheet.replace(',x,', ',"x,'),
      'CorrectionsUnreadable',
      'line 3',
    ],
    [
      'names a row twice',
      (sheet) => `${sheet}${sheet.split('\n')[2]}\n`,
      'CorrectionsUnreadable',
      'line 4: row 4 is on line 3',
    ],
    [
      'names another column',
      (sheet) => sheet.replace('H4,on_hand', 'H4,sku'),
      'CorrectionsUnreadable',
      'line 3: only value and raw may be changed, and column is sku where it was on_hand',
    ],
    [
      'names another cell',
      (sheet) => sheet.replace('H4', 'H5'),
      'CorrectionsUnreadable',
      'cell is H5 where it was H4',
    ],
    [
      'says two things of one cell',
      (sheet) => sheet.replace(',x,', ',1,').replace('""on_hand"":""x""', '""on_hand"":2'),
      'CorrectionsUnreadable',
      'line 3: value says 1, and raw says 2 for on_hand',
    ],
    [
      'has a raw that is no JSON',
      (sheet) => sheet.replace('""on_hand"":""x""', '""on_hand"":x'),
      'CorrectionRawInvalid',
      'line 3',
    ],
    [
      'has a raw that was cut',
      (sheet) => sheet.replace('""discontinued"":false}"', '"'),
      'CorrectionRawInvalid',
      'line 2',
    ],
    [
      'has a raw without a column',
      (sheet) => sheet.replace('""colour"":""Red"",', ''),
      'CorrectionRawInvalid',
      'line 2: colour is gone',
    ],
    [
      'has a raw with another column',
      (sheet) => sheet.replace('""colour""', '""color"":1,""colour""'),
      'CorrectionRawInvalid',
      'line 2: there is no column color',
    ],
    [
      'has a raw with a list',
      (sheet) => sheet.replace('""Red""', '[1]'),
      'CorrectionRawInvalid',
      'line 2: colour is neither',
    ],
    [
      'has a number that no cell holds',
      (sheet) => sheet.replace('""on_hand"":""x""', '""on_hand"":1e999'),
      'CorrectionRawInvalid',
      'line 3: on_hand is neither',
    ],
    [
      'has a row that is not set aside',
      (sheet) => sheet.replace('\n4,', '\n2,'),
      'CorrectionsForeign',
      'line 3: row 2 is not set aside',
    ],
    [
      'is of another drop',
      (sheet) => sheet.replaceAll('0600/68', '1800/68'),
      'CorrectionsForeign',
      'line 2 is of 2026-11-19/1800/68ddac5e2245b585, not 2026-11-19/0600/68ddac5e2245b585',
    ],
    [
      'does not say its drop',
      (sheet) => sheet.replace(`,${mark}`, ','),
      'CorrectionsForeign',
      'line 2 is of none',
    ],
    ['corrects nothing', (sheet) => sheet, 'CorrectionsEmpty', '2 lines, all as they were'],
    [
      'corrects nothing, saved otherwise',
      (sheet) => semicolons(sheet).replaceAll('\n', '\r\n'),
      'CorrectionsEmpty',
      '2 lines',
    ],
    ['has no lines', (sheet) => sheet.slice(0, sheet.indexOf('\n')), 'CorrectionsEmpty', '0 lines'],
  ])('that %s is refused by name and line', async (_what, edit, code, message) => {
    await expect(edited(await inventory({}, { on_hand: 'twelve' }, { on_hand: 'x' }), edit)).rejects.toEqual(
      refused(code, message),
    );
  });

  it('in another encoding is refused, with the line of the first byte that is not UTF-8', async () => {
    const quarantine = parseQuarantine((await transformed(await bad())).rejected);
    const sheet = correctionSheet(quarantine.values(), mark).replace('\ufeff', '');
    expect(() => readCorrectionSheet(Buffer.from(sheet, 'latin1'), quarantine, mark)).toThrow(
      refused('CorrectionsUnreadable', 'line 2 is not UTF-8'),
    );
    expect(() => readCorrectionSheet(Buffer.from(`\ufeff${sheet}`, 'utf16le'), quarantine, mark)).toThrow(
      refused('CorrectionsUnreadable', 'line 1'),
    );
  });

  it('beyond any that a person makes is refused before it is read', () => {
    expect(() => readCorrectionSheet(Buffer.alloc(mostCorrectionsBytes + 1), new Map(), mark)).toThrow(
      refused('CorrectionsUnreadable', `at most ${mostCorrectionsBytes}`),
    );
  });

  it('makes no formula of what a client wrote', async () => {
    const quarantine = parseQuarantine(
      (await transformed(await inventory({}, { on_hand: '=1+1' }, { on_hand: -1 }))).rejected,
    );
    const sheet = correctionSheet(quarantine.values(), mark);
    expect(sheet).toContain(",'=1+1,");
    expect(sheet).toContain(',-1,');
    const read = (text: string) => readCorrectionSheet(Buffer.from(text), quarantine, mark);
    expect(() => read(sheet)).toThrow(refused('CorrectionsEmpty'));
    expect(() => read(sheet.replace("'=1+1", '=1+1'))).toThrow(refused('CorrectionsEmpty'));
    expect(read(sheet.replace("'=1+1", "'=2")).get(3)?.after.on_hand).toBe('=2');
  });

  it.each<[string, number, Changes]>([
    ['of a good row', 2, { on_hand: 1 }],
    ['of a row that is not there', 9, { on_hand: 1 }],
    ['of a row that holds something else', 3, { on_hand: 'other' }],
  ])('with a line %s is refused by the transform too', async (_what, row, before) => {
    const workbook = await inventory({}, { on_hand: 'x' });
    const { quarantine } = await edited(workbook, (sheet) => sheet.replace(',x,', ',1,'));
    const raw = { ...(quarantine.get(3) as QuarantinedRow).raw, ...(before as Record<string, string>) };
    const corrections = new Map([[row, { row, before: raw, after: { ...raw, on_hand: 5 } }]]);
    await expect(transformed(workbook, undefined, corrections)).rejects.toEqual(
      refused('CorrectionsForeign', `row ${row}`),
    );
  });
});

describe("the archive's file of corrections", () => {
  it('reads back as what it was written from', async () => {
    const { corrections } = await edited(
      await inventory({}, { on_hand: 'x', description: 'a "b",\n=c' }, { on_hand: 'y' }),
      (sheet) => sheet.replace(',x,', ',1,').replace(',y,', ',,'),
    );
    const bytes = correctionsCsv(corrections);
    expect(parseCorrections(bytes.toString())).toEqual(corrections);
    expect(bytes.toString().split('\n')[0]).toBe('row,before,after');
  });

  it('names the load, beside the version of the transform', () => {
    const hash = correctionsHash(Buffer.from('a'));
    expect(correctedVersion('1', hash)).toBe('1.cca978112');
    const key = loadKey({ date: '2026-11-19', slot: '0600', sha256: hash }, correctedVersion('123456', hash));
    expect(key).toMatch(/\/v123456\.cca978112$/);
  });

  it.each([
    ['row,before\n', 'line 1'],
    ['row,before,after\n0,{},{}\n', 'line 2: no row 0'],
    ['row,before,after\n3,{},\n', 'line 2: after'],
    ['row,before,after\n3,[],{}\n', 'line 2: before'],
  ])('%j is none', (csv, message) => {
    expect(() => parseCorrections(csv)).toThrow(refused('CorrectionsUnreadable', message));
  });
});

describe('the quarantine', () => {
  it('of a drop without bad rows is empty', () => {
    expect(parseQuarantine('')).toEqual(new Map());
  });

  it.each([
    ['row,cell\n', 'line 1'],
    ['row,cell,column,value,reason,bad_cells,raw\n3,H3,on_hand,x,NotANumber,1,{\n', 'line 2'],
  ])('%j is none of ours', (csv, message) => {
    expect(() => parseQuarantine(csv)).toThrow(refused('QuarantineUnreadable', message));
  });
});

describe('any workbook', () => {
  const cell = {
    sku: fc.constantFrom<ExcelJS.CellValue>('A', 'B', 'C', 'D', null),
    on_hand: fc.constantFrom<ExcelJS.CellValue>(1, 2, -1, 'x', 1.5, { error: '#N/A' }),
    size: fc.constantFrom<ExcelJS.CellValue>('M', 38.5, null, new Date('2026-12-10T00:00:00Z')),
  };
  const sheet = fc.array(fc.record(cell), { minLength: 1, maxLength: 8 });
  /** What a person makes of some of the rows; of the others nothing. */
  const fixes = fc.array(
    fc.option(
      fc.record(
        {
          sku: fc.constantFrom('A', 'E', 'F', 'G'),
          on_hand: fc.constantFrom(0, 7, -7),
          size: fc.constant('L'),
        },
        { requiredKeys: [] },
      ),
    ),
    { minLength: 8, maxLength: 8 },
  );
  /** Row 2 is always good: a report of bad rows alone has no CSV to compare with. */
  const rowsOf = (changes: Changes[]) => [
    header,
    inventoryRow({ sku: 'first' }),
    ...changes.map((each) => inventoryRow(each)),
  ];
  const keyOf = ({ sku, location }: Record<string, string>) => `${sku} ${location}`;
  const linesOf = (rows: Record<string, string>[]) => rows.map((row) => JSON.stringify(row)).sort();

  it('and any corrections of its bad rows: rows in = out + set aside, positions as in the corrected workbook, and its rows where no position meets another', async () => {
    await fc.assert(
      fc.asyncProperty(sheet, fixes, async (changes, wanted) => {
        const workbook = await workbookOf(rowsOf(changes));
        const plain = await transformed(workbook);
        const quarantine = parseQuarantine(plain.rejected);
        const corrections = new Map(
          [...quarantine.values()].flatMap(({ row, raw }) => {
            const fix = wanted[row - 3];
            return fix ? [[row, { row, before: raw, after: { ...raw, ...fix } }] as const] : [];
          }),
        );
        const result = await transformed(workbook, undefined, corrections);
        expect(result.rowsIn).toBe(plain.rowsIn);
        expect(result.rowsOut + result.rowsRejected).toBe(result.rowsIn);
        expect(result.rowsOut).toBeGreaterThanOrEqual(plain.rowsOut);
        expect(result.accepted.startsWith(plain.accepted)).toBe(true);
        expect((await transformed(workbook, undefined, corrections)).accepted).toBe(result.accepted);

        const whole = await transformed(
          await workbookOf(
            rowsOf(changes.map((each, i) => (corrections.has(i + 3) ? { ...each, ...wanted[i] } : each))),
          ),
        );
        expect(new Set(result.rows.map(keyOf))).toEqual(new Set(whole.rows.map(keyOf)));
        const meets = [...whole.bad, ...result.bad].some(({ reason }) => reason === 'DuplicateKey');
        if (!meets) expect(linesOf(result.rows)).toEqual(linesOf(whole.rows));
      }),
      { numRuns: 30 },
    );
  });

  it('corrected with the values that it has is not corrected at all', async () => {
    await fc.assert(
      fc.asyncProperty(sheet, async (changes) => {
        const workbook = await workbookOf(rowsOf(changes));
        const plain = await transformed(workbook);
        const quarantine = parseQuarantine(plain.rejected);
        const text = correctionSheet(quarantine.values(), mark);
        for (const saved of [text, semicolons(text), quoted(text)])
          expect(() => readCorrectionSheet(Buffer.from(saved), quarantine, mark)).toThrow(
            refused('CorrectionsEmpty'),
          );
        // The transform itself makes the same of a row corrected to what it was.
        const same = new Map(
          [...quarantine.values()].map(({ row, raw }) => [row, { row, before: raw, after: { ...raw } }]),
        );
        const result = await transformed(workbook, undefined, same);
        expect([result.accepted, result.rejected]).toEqual([plain.accepted, plain.rejected]);
      }),
      { numRuns: 20 },
    );
  });
});

/** As a spreadsheet in a country of decimal commas saves it. */
function semicolons(sheet: string): string {
  return fieldsOf(sheet)
    .map((fields) => `${fields.map((field) => (/[;"\n]/.test(field) ? quote(field) : field)).join(';')}\n`)
    .join('');
}

function quoted(sheet: string): string {
  return fieldsOf(sheet)
    .map((fields) => `${fields.map(quote).join(',')}\n`)
    .join('');
}

/** The data's lines backwards. No field of it holds a line end of its own outside of JSON. */
function reordered(sheet: string): string {
  const [first, ...lines] = sheet.trimEnd().split('\n');
  return [first, ...lines.reverse(), ''].join('\n');
}

const quote = (field: string) => `"${field.replaceAll('"', '""')}"`;

function fieldsOf(sheet: string): string[][] {
  return Papa.parse<string[]>(sheet.replace('\ufeff', ''), { skipEmptyLines: true }).data;
}
