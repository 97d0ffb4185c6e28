import { SharedStrings, SharedStringsReader } from '../../../domain/workbook/shared-strings.ts';
import { SheetRowsReader } from '../../../domain/workbook/sheet-reader.ts';
import { type Cell, CellError } from '../../../domain/workbook/sheet-row.ts';
import type { XmlReader } from '../../../domain/workbook/xml-reader.ts';

const main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const sheetOf = (rows: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<worksheet xmlns="${main}"><dimension ref="A1:C9"/><sheetViews><sheetView><pane ySplit="1"/></sheetView></sheetViews><sheetData>${rows}</sheetData><headerFooter><oddHeader>page &amp; row</oddHeader></headerFooter></worksheet>`;
const tableOf = (items: string) => `<sst xmlns="${main}" count="9">${items}</sst>`;

type Pieces = (bytes: Buffer) => Buffer[];
const whole: Pieces = (bytes) => [bytes];
const piecesOf =
  (size: number): Pieces =>
  (bytes) =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );

function* fed(reader: XmlReader, pieces: Buffer[]) {
  for (const piece of pieces) {
    // The reader has copied the piece: what becomes of it afterwards does not matter.
    const own = Buffer.from(piece);
    reader.feed(own);
    own.fill(0x3c);
    while (reader.next()) yield;
  }
  reader.finish();
  while (reader.next()) yield;
}

function stringsOf(xml: string, most = 1000, pieces: Pieces = whole): SharedStrings {
  const reader = new SharedStringsReader('sharedStrings.xml', Buffer.byteLength(xml), most);
  for (const _ of fed(reader, pieces(Buffer.from(xml))));
  return reader.strings;
}

function cellsOf(
  xml: string | Buffer,
  o: { strings?: SharedStrings; dated?: number[]; date1904?: boolean; pieces?: Pieces } = {},
): Record<number, Cell[]> {
  const { strings = new SharedStrings(0), dated = [], date1904 = false, pieces = whole } = o;
  const reader = new SheetRowsReader('sheet1.xml', strings, Uint8Array.from(dated), date1904);
  const rows: Record<number, Cell[]> = {};
  for (const _ of fed(reader, pieces(Buffer.from(xml)))) rows[reader.row.number] = reader.row.cells();
  return rows;
}

/** The only cell of the only row. */
const cellOf = (xml: string, o?: Parameters<typeof cellsOf>[1]) =>
  cellsOf(sheetOf(`<row>${xml}</row>`), o)[1]?.[0];
const inline = (content: string) => cellOf(`<c t="inlineStr"><is>${content}</is></c>`);
const code = (name: string) => expect.objectContaining({ code: name });
const unreadable = code('WorkbookUnreadable');
const tooLarge = code('ReportTooLarge');

describe('a cell', () => {
  const strings = stringsOf(tableOf('<si><t>zero</t></si><si><t>one</t></si>'));
  it.each<[string, string, Cell]>([
    ['a number', '<c r="A1"><v>12.5</v></c>', 12.5],
    ['a number that says so', '<c t="n" r="A1"><v>-7</v></c>', -7],
    ['a number with an exponent', '<c><v>1.5E-7</v></c>', 1.5e-7],
    ['a number of 17 digits', '<c><v>19.989999999999998</v></c>', 19.989999999999998],
    ['a number between blanks', '<c><v> 4 </v></c>', 4],
    ['a number around a comment', '<c><v>1<!-- 9 -->2</v></c>', 12],
    ['a number with a plus and a bare point', '<c><v>+5.</v></c>', 5],
    ['a shared string', '<c t="s"><v>1</v></c>', 'one'],
    [
      'a shared string with single quotes, blanks and a prefixed attribute',
      "<c x:t='n' r = 'A1'\n t = 's' ><v>0</v></c >",
      'zero',
    ],
    ['a text of a formula', '<c t="str"><f>A1&amp;"x"</f><v>a &lt;b&gt; &#65;&#x1F457;</v></c>', 'a <b> A👗'],
    ['true', '<c t="b"><v>1</v></c>', true],
    ['false in words', '<c t="b"><v>false</v></c>', false],
    ['an ISO 8601 date', '<c t="d"><v>2026-09-01T12:30:00</v></c>', new Date('2026-09-01T12:30:00Z')],
    ['an error', '<c t="e"><v>#N/A</v></c>', new CellError('#N/A')],
    ['a text that looks like an error', '<c t="str"><v>#N/A</v></c>', '#N/A'],
    ['an inline string', '<c t="inlineStr"><is><t>x</t></is></c>', 'x'],
    [
      'an inline string behind the value of an extension',
      '<c t="inlineStr"><is><t>x</t></is><extLst><ext><v>9</v></ext></extLst></c>',
      'x',
    ],
    ['nothing: empty', '<c r="A1" s="3"/>', null],
    ['nothing: without a value', '<c t="s"></c>', null],
    ['nothing: a formula without a cached result', '<c><f>1+1</f><v></v></c>', null],
    ['nothing: an empty value element', '<c><f>1+1</f><v/></c>', null],
    ['a formula with its result', '<c><f t="shared" si="0"/><v>42</v></c>', 42],
  ])('may hold %s', (_what, xml, cell) => {
    expect(cellOf(xml, { strings })).toEqual(cell);
    for (const size of [1, 7]) expect(cellOf(xml, { strings, pieces: piecesOf(size) })).toEqual(cell);
  });

  it.each<[string, string, string]>([
    ['CDATA', '<t>a<![CDATA[<b> & ]] ]]>c</t>', 'a<b> & ]] c'],
    ['a comment and an instruction', '<t>a<!-- <t> - --><?x > ?>b</t>', 'ab'],
    ['line ends', '<t>a\r\nb\rc&#13;d</t>', 'a\nb\nc\rd'],
    ['blanks, kept or not', '<t xml:space="preserve"> a </t>', ' a '],
    ['escaped characters', '<t>a_x000D_\nb_x0041__x263a_</t>', 'a\r\nbA☺'],
    ['an escaped underscore', '<t>_x005F_x000D_ _x00_ _x005f__</t>', '_x000D_ _x00_ __'],
    ['an escaped pair of surrogates, and half of one', '<t>_xD83D__xDC57_ _xD800_</t>', '👗 \ud800'],
    [
      'runs without their phonetic hints',
      '<r><rPr><b/></rPr><t>東</t></r><r><t xml:space="preserve"> &amp; 京</t></r><rPh sb="0" eb="1"><t>トウ</t></rPh><phoneticPr fontId="1"/>',
      '東 & 京',
    ],
    ['an empty run', '<r><t/></r>', ''],
    ['nothing', '', ''],
  ])('of text may have %s', (_what, content, text) => {
    expect(inline(content)).toBe(text);
    const table = tableOf(`<si>${content}</si>`);
    for (const size of [1, 5, 10_000]) {
      const strings = stringsOf(table, 1, piecesOf(size));
      expect(cellOf('<c t="s"><v>0</v></c>', { strings })).toBe(text);
      const xml = sheetOf(`<row><c t="inlineStr"><is>${content}</is></c></row>`);
      expect(cellsOf(xml, { pieces: piecesOf(size) })).toEqual({ 1: [text] });
    }
  });

  it('is a date when its style shows dates, in either system', () => {
    const xml = '<c s="1"><v>45000.25</v></c>';
    expect(cellOf(xml, { dated: [0, 1] })).toEqual(new Date('2023-03-15T06:00:00Z'));
    expect(cellOf(xml, { dated: [0, 1], date1904: true })).toEqual(new Date('2027-03-16T06:00:00Z'));
    expect(cellOf(xml, { dated: [0, 0] })).toBe(45_000.25);
    expect(cellOf(xml)).toBe(45_000.25);
    for (const [day, date] of [
      [1, '1900-01-01'],
      [59, '1900-02-28'],
      [61, '1900-03-01'],
    ] as const)
      expect(cellOf(`<c s="0"><v>${day}</v></c>`, { dated: [1] })).toEqual(new Date(`${date}T00:00:00Z`));
  });

  it.each<[string, string]>([
    ['a number that is none', '<c><v>12a</v></c>'],
    ['two points', '<c><v>1.2.3</v></c>'],
    ['a hexadecimal number', '<c><v>0x10</v></c>'],
    ['infinity', '<c><v>INF</v></c>'],
    ['a boolean that is none', '<c t="b"><v>2</v></c>'],
    ['a date that is none', '<c t="d"><v>2026-13-01</v></c>'],
    ['a shared string that is not there', '<c t="s"><v>2</v></c>'],
    ['a shared string by a negative number', '<c t="s"><v>-1</v></c>'],
    ['a shared string by a fraction', '<c t="s"><v>0.5</v></c>'],
    ['an unknown type', '<c t="x"><v>2</v></c>'],
    ['two values', '<c><v>1</v><v>2</v></c>'],
    ['an element in its text', '<c t="str"><v>1<b/>2</v></c>'],
    ['an unknown entity', '<c t="str"><v>&nbsp;</v></c>'],
    ['a lone ampersand', '<c t="str"><v>a & b;</v></c>'],
    ['a reference to NUL', '<c t="str"><v>&#0;</v></c>'],
    ['a reference to half a surrogate pair', '<c t="str"><v>&#xD800;</v></c>'],
    ['an address in another row', '<c r="A2"><v>1</v></c>'],
    ['an address that is none', '<c r="1A"><v>1</v></c>'],
    ['an address beyond the last column', '<c r="XFE1"><v>1</v></c>'],
    ['an address beyond any column', '<c r="AAAAAAAAAAA1"><v>1</v></c>'],
    ['a row that only looks like its own', '<c r="A4294967297"><v>1</v></c>'],
    ['an address twice', '<c r="B1"/><c r="B1"/>'],
    ['an address before the last one', '<c r="B1"/><c r="A1"/>'],
  ])('with %s is damage', (_what, xml) => {
    expect(() => cellOf(xml, { strings })).toThrow(unreadable);
    expect(() => cellOf(xml, { strings, pieces: piecesOf(1) })).toThrow(unreadable);
  });

  it('with a text longer than a cell can hold is refused, by characters and not by bytes', () => {
    for (const content of [
      `<t>${'x'.repeat(32_768)}</t>`,
      `<t>${'é'.repeat(32_768)}</t>`,
      `<r><t>${'x'.repeat(32_767)}</t></r><r><t>&amp;</t></r>`,
    ]) {
      expect(() => inline(content)).toThrow(tooLarge);
      expect(() => stringsOf(tableOf(`<si>${content}</si>`))).toThrow(tooLarge);
    }
    expect(inline(`<t>${'東'.repeat(32_767)}</t>`)).toHaveLength(32_767);
    expect(inline(`<t>${'👗'.repeat(16_383)}&#x41;</t>`)).toHaveLength(32_767);
  });
});

describe('rows', () => {
  const rows =
    '<row r="2" spans="1:3" hidden="1"><c r="A2"><v>1</v></c><c r="C2" t="inlineStr"><is><t>Öl &amp; 東京</t></is></c></row>' +
    "<!-- <row> --><row><c><v>2</v></c><c t='b'><v>0</v></c></row>\n<row r='7'/>" +
    '<row r="9"><c r="AC9" t="str"><v>_x0041_</v></c></row>';
  const expected: Record<number, Cell[]> = {
    2: [1, null, 'Öl & 東京'],
    3: [2, false],
    7: [],
    9: [...Array(28).fill(null), 'A'],
  };

  it('and cells without a reference follow the one before', () => {
    expect(cellsOf(sheetOf(rows))).toEqual(expected);
  });

  it('are the same however the bytes are cut into pieces', () => {
    const bytes = Buffer.from(sheetOf(rows));
    for (let at = 1; at < bytes.length; at++) {
      const cells = cellsOf(bytes, { pieces: (all) => [all.subarray(0, at), all.subarray(at)] });
      expect(JSON.stringify(cells)).toBe(JSON.stringify(expected));
    }
    for (const size of [1, 2, 3, 10, 100])
      expect(cellsOf(bytes, { pieces: piecesOf(size) })).toEqual(expected);
  });

  it('are the same with any namespace prefix', () => {
    const prefixed = sheetOf(rows).replace(/<(\/?)(?=[a-z])/gi, '<$1xls:');
    expect(cellsOf(prefixed)).toEqual(expected);
    expect(cellsOf(prefixed, { pieces: piecesOf(1) })).toEqual(expected);
    expect(cellsOf(prefixed, { pieces: piecesOf(64) })).toEqual(expected);
    const mixed = sheetOf(rows)
      .replace('<row r="9">', '<y:row r="9">')
      .replace(/<\/row>(?=<\/sheetData>)/, '</y:row>');
    expect(cellsOf(mixed)).toEqual(expected);
  });

  it('are the same in UTF-8 with a mark, and in UTF-16', () => {
    const xml = sheetOf(rows);
    const little = Buffer.from(`\ufeff${xml}`, 'utf16le');
    const big = Buffer.from(little).swap16();
    for (const bytes of [Buffer.from(`\ufeff${xml}`), little, big, little.subarray(2), big.subarray(2)])
      for (const pieces of [whole, piecesOf(1), piecesOf(13)])
        expect(cellsOf(bytes, { pieces })).toEqual(expected);
  });

  it('have as many columns as Excel has', () => {
    const row = cellsOf(sheetOf('<row><c r="XFC1"><v>1</v></c><c><v>2</v></c></row>'))[1];
    expect(row?.length).toBe(16_384);
    expect(row?.slice(-3)).toEqual([null, 1, 2]);
  });

  it('that are none are no rows', () => {
    expect(cellsOf(`<worksheet><sheetData/></worksheet>`)).toEqual({});
    expect(cellsOf(`<worksheet></worksheet>\n<!-- end -->\n`)).toEqual({});
  });

  it('end where the sheet ends: cut anywhere, it is refused', () => {
    const bytes = Buffer.from(sheetOf(rows));
    for (let at = 0; at < bytes.length; at++)
      expect(() => cellsOf(bytes.subarray(0, at))).toThrow(unreadable);
  });

  it.each<[string, string]>([
    ['a row twice', sheetOf('<row r="2"/><row r="2"/>')],
    ['a row before the last one', sheetOf('<row r="2"/><row r="1"/>')],
    ['row 0', sheetOf('<row r="0"/>')],
    ['a row number that is none', sheetOf('<row r="two"/>')],
    ['a row beyond the last one', sheetOf('<row r="1048577"/>')],
    ['a row behind the last one', sheetOf('<row r="1048576"/><row/>')],
    ['a cell behind the last column', sheetOf('<row><c r="XFD1"/><c/></row>')],
    ['another root', '<html><body/></html>'],
    ['no XML', 'sku;style'],
    ['a document type', '<!DOCTYPE worksheet [<!ENTITY a "b">]><worksheet/>'],
    ['text between rows', sheetOf('<row r="1"/>x<row r="2"/>')],
    ['something behind its end', `${sheetOf('')}<worksheet/>`],
    ['rows that end as something else', sheetOf('<row r="1"></sheetData>')],
    ['an attribute without quotes', sheetOf('<row r=1></row>')],
    ['a NUL', sheetOf('<row r="1">\0</row>')],
  ])('of a sheet with %s are damage', (_what, xml) => {
    expect(() => cellsOf(xml)).toThrow(unreadable);
    expect(() => cellsOf(xml, { pieces: piecesOf(1) })).toThrow(unreadable);
  });

  it('of a sheet that is not UTF-8 are damage', () => {
    const bytes = Buffer.from(sheetOf('<row><c t="str"><v>caf\u00e9</v></c></row>'), 'latin1');
    expect(() => cellsOf(bytes)).toThrow(unreadable);
    expect(() => cellsOf(bytes, { pieces: piecesOf(1) })).toThrow(unreadable);
  });

  it.each([
    ['a row', '<row>', '<x/>'],
    ['a text', '<row><c t="str"><v>', 'x'],
    ['a comment', '<!--', 'x'],
    ['an attribute', '<row r="', ' '],
    ['blanks', '', ' '],
  ])('are refused when %s does not end, before it fills the memory', (_what, start, filler) => {
    const reader = new SheetRowsReader('sheet1.xml', new SharedStrings(0), new Uint8Array(), false);
    reader.feed(Buffer.from(`<worksheet><sheetData>${start}`));
    expect(reader.next()).toBe(false);
    const megabyte = Buffer.from(filler.repeat(1_048_576 / filler.length));
    let megabytes = 0;
    expect(() => {
      for (; megabytes < 100; megabytes++) {
        reader.feed(megabyte);
        while (reader.next());
      }
    }).toThrow(tooLarge);
    expect(megabytes).toBeLessThan(40);
  });
});

describe('shared strings', () => {
  it('are counted while they are read', () => {
    const table = tableOf('<si><t>a</t></si><si/><si><t/></si>');
    expect(stringsOf(table, 3).count).toBe(3);
    expect(() => stringsOf(table, 2)).toThrow(tooLarge);
    // The limit shows before the damage behind it.
    expect(() => stringsOf(`${table.slice(0, -6)}<si><t>`, 2)).toThrow(tooLarge);
  });

  it('cut anywhere are refused', () => {
    const table = Buffer.from(tableOf('<si><t>a</t></si><si><r><t>b</t></r></si>'));
    for (let at = 0; at < table.length; at++) {
      const reader = new SharedStringsReader('sharedStrings.xml', table.length, 9);
      expect(() => [...fed(reader, [table.subarray(0, at)])]).toThrow(unreadable);
    }
  });
});
