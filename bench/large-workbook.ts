import { type FileHandle, open } from 'node:fs/promises';
import { crc32, createDeflateRaw, type DeflateRaw } from 'node:zlib';
import { inventoryLayout } from '../domain/fashion/inventory-layout.ts';
import { openStock, type StockLine } from '../local/outside/fashion-stock.ts';

export interface LargeWorkbook {
  rows: number;
  /** Entries of the shared string table; 0 where strings are inline. */
  distinctStrings: number;
  /** Of the file. */
  bytes: number;
}

/**
 * Writes an inventory workbook of any size in a stream: spreadsheet libraries hold the whole sheet in memory, and a million
 * rows are too many for that. No row is wrong. With shared strings the table stands before the sheet, as Excel writes it.
 */
export async function writeLargeWorkbook(
  path: string,
  o: { seed: string; rows: number; strings: 'inline' | 'shared' },
): Promise<LargeWorkbook> {
  const stock = openStock(o.seed, '2026-11-19', o.rows);
  const table = new Map<string, number>();
  const textCell =
    o.strings === 'inline'
      ? (place: string, text: string) => `<c r="${place}" t="inlineStr"><is><t>${escaped(text)}</t></is></c>`
      : (place: string, text: string) => `<c r="${place}" t="s"><v>${table.get(text)}</v></c>`;
  if (o.strings === 'shared') {
    for (const text of header) table.set(text, table.size);
    for (const line of stock)
      for (const text of textsOf(line)) if (!table.has(text)) table.set(text, table.size);
  }

  const file = await open(path, 'w');
  try {
    const zip = new ZipFile(file);
    for (const [name, content] of Object.entries(describing(o.strings))) await zip.entry(name, [content]);
    if (o.strings === 'shared') await zip.entry('xl/sharedStrings.xml', sharedStrings(table));
    await zip.entry('xl/worksheets/sheet1.xml', sheet(stock, textCell));
    return { rows: stock.length, distinctStrings: table.size, bytes: await zip.end() };
  } finally {
    await file.close();
  }
}

const header = inventoryLayout.columns.map((column) => column.header);
const declaration = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const office = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const opc = 'http://schemas.openxmlformats.org/package/2006';
const media = 'application/vnd.openxmlformats-officedocument.spreadsheetml';

function describing(strings: 'inline' | 'shared'): Record<string, string> {
  const relationship = (id: string, type: string, target: string) =>
    `<Relationship Id="${id}" Type="${office}/${type}" Target="${target}"/>`;
  const shared = strings === 'shared';
  return {
    '[Content_Types].xml': `${declaration}<Types xmlns="${opc}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="${media}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="${media}.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="${media}.styles+xml"/>${shared ? `<Override PartName="/xl/sharedStrings.xml" ContentType="${media}.sharedStrings+xml"/>` : ''}</Types>`,
    '_rels/.rels': `${declaration}<Relationships xmlns="${opc}/relationships">${relationship('rId1', 'officeDocument', 'xl/workbook.xml')}</Relationships>`,
    'xl/workbook.xml': `${declaration}<workbook xmlns="${main}" xmlns:r="${office}"><sheets><sheet name="Inventory" sheetId="1" r:id="rId1"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `${declaration}<Relationships xmlns="${opc}/relationships">${relationship('rId1', 'worksheet', 'worksheets/sheet1.xml')}${relationship('rId2', 'styles', 'styles.xml')}${shared ? relationship('rId3', 'sharedStrings', 'sharedStrings.xml') : ''}</Relationships>`,
    // Cell format 1 is the date format 14.
    'xl/styles.xml': `${declaration}<styleSheet xmlns="${main}"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf xfId="0"/><xf xfId="0" numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>`,
  };
}

const textsOf = (line: StockLine) =>
  [line.sku, line.style, line.description, line.category, line.colour, line.size, line.location].filter(
    (text) => text !== undefined,
  );

function* sharedStrings(table: Map<string, number>): Generator<string> {
  yield `${declaration}<sst xmlns="${main}" uniqueCount="${table.size}">`;
  for (const text of table.keys()) yield `<si><t>${escaped(text)}</t></si>`;
  yield '</sst>';
}

function* sheet(stock: StockLine[], textCell: (place: string, text: string) => string): Generator<string> {
  yield `${declaration}<worksheet xmlns="${main}"><dimension ref="A1:L${stock.length + 1}"/><sheetData>`;
  yield `<row r="1">${header.map((text, i) => textCell(`${letters[i]}1`, text)).join('')}</row>`;
  for (const [index, line] of stock.entries()) {
    const row = index + 2;
    let cells = '';
    const text = (letter: string, value: string | undefined) => {
      if (value !== undefined) cells += textCell(`${letter}${row}`, value);
    };
    const number = (letter: string, value: number | string, attributes = '') => {
      cells += `<c r="${letter}${row}"${attributes}><v>${value}</v></c>`;
    };
    text('A', line.sku);
    text('B', line.style);
    text('C', line.description);
    text('D', line.category);
    text('E', line.colour);
    text('F', line.size);
    text('G', line.location);
    number('H', line.onHand);
    number('I', line.reserved);
    number('J', line.unitPrice / 100);
    if (line.availableFrom) number('K', serialDay(line.availableFrom), ' s="1"');
    number('L', line.discontinued ? 1 : 0, ' t="b"');
    yield `<row r="${row}">${cells}</row>`;
  }
  yield '</sheetData></worksheet>';
}

const letters = 'ABCDEFGHIJKL';
const serialDay = (date: string) => (Date.parse(date) - Date.UTC(1899, 11, 30)) / 86_400_000;

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
const escaped = (text: string) => text.replace(/[&<>]/g, (character) => escapes[character] as string);

/** Entries one after the other, deflated as they come; each header gets its lengths when they are known (APPNOTE 4.3). */
class ZipFile {
  readonly #file: FileHandle;
  #at = 0;
  readonly #directory: Buffer[] = [];

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async entry(name: string, content: Iterable<string>): Promise<void> {
    const header = Buffer.alloc(30 + name.length);
    const offset = this.#at;
    this.#at += header.length;
    const deflate = createDeflateRaw();
    const written = (async () => {
      let length = 0;
      for await (const piece of deflate) {
        await this.#write(piece);
        length += piece.length;
      }
      return length;
    })();
    let checksum = 0;
    let inflated = 0;
    for (const piece of inPieces(content)) {
      checksum = crc32(piece, checksum);
      inflated += piece.length;
      await write(deflate, piece);
    }
    deflate.end();
    const compressed = await written;

    header.writeUInt32LE(0x04034b50, 0);
    const fields = header.subarray(4);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(8, 4);
    fields.writeUInt16LE((46 << 9) | (11 << 5) | 19, 8); // 2026-11-19
    fields.writeUInt32LE(checksum, 10);
    fields.writeUInt32LE(compressed, 14);
    fields.writeUInt32LE(inflated, 18);
    fields.writeUInt16LE(name.length, 22);
    header.write(name, 30);
    await this.#file.write(header, 0, header.length, offset);

    const entry = Buffer.alloc(46 + name.length);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(20, 4);
    fields.copy(entry, 6, 0, 26);
    entry.writeUInt32LE(offset, 42);
    entry.write(name, 46);
    this.#directory.push(entry);
  }

  /** @returns bytes of the whole file */
  async end(): Promise<number> {
    const directory = Buffer.concat(this.#directory);
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50, 0);
    end.writeUInt16LE(this.#directory.length, 8);
    end.writeUInt16LE(this.#directory.length, 10);
    end.writeUInt32LE(directory.length, 12);
    end.writeUInt32LE(this.#at, 16);
    await this.#write(directory);
    await this.#write(end);
    return this.#at;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const at = this.#at;
    this.#at += bytes.length;
    await this.#file.write(bytes, 0, bytes.length, at);
  }
}

function* inPieces(content: Iterable<string>): Generator<Buffer> {
  let pending = '';
  for (const text of content) {
    pending += text;
    if (pending.length < 256 * 1024) continue;
    yield Buffer.from(pending);
    pending = '';
  }
  if (pending !== '') yield Buffer.from(pending);
}

async function write(deflate: DeflateRaw, piece: Buffer): Promise<void> {
  if (!deflate.write(piece)) await new Promise((resolve) => deflate.once('drain', resolve));
}
