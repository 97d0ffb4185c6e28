import { createCipheriv, createHash } from 'node:crypto';
import { constants, crc32, deflateRawSync } from 'node:zlib';
import { header, inventoryRow } from './workbooks.ts';

/**
 * Workbooks that somebody made to do harm, or that something damaged. They are real: what one claims to inflate to, it
 * does inflate to, except where it is the claim that lies. Written byte by byte, since no library writes such files.
 */

const mebibyte = 1024 ** 2;

/** A file in a zip archive, as its headers shall tell it, true or not. */
export interface Part {
  name: string;
  /** As it lies in the archive. */
  data: Uint8Array;
  /** 0 stored, 8 deflated. @default 8 */
  method?: 0 | 8;
  crc: number;
  inflatedBytes: number;
  /** General purpose bits (APPNOTE 4.4.4): 1 says encrypted. @default 0 */
  flags?: number;
}

export function part(name: string, content: string | Uint8Array): Part {
  const bytes = Buffer.from(content);
  return { name, data: deflateRawSync(bytes), crc: crc32(bytes), inflatedBytes: bytes.length };
}

/**
 * A part that repeats one block, compressed without its content ever being whole in memory: a block that ends in a full
 * flush (RFC 1951, 3.2.4, with an empty dictionary after it) stands for itself, so its compressed bytes can be repeated.
 */
export function repeatingPart(
  name: string,
  o: { before: string; block: string; times: number; after: string },
): Part {
  const [before, block, after] = [o.before, o.block, o.after].map((text) => Buffer.from(text)) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  const flushed = (bytes: Buffer) => deflateRawSync(bytes, { finishFlush: constants.Z_FULL_FLUSH, level: 9 });
  let crc = crc32(before);
  for (let i = 0; i < o.times; i++) crc = crc32(block, crc);
  return {
    name,
    data: Buffer.concat([flushed(before), ...Array(o.times).fill(flushed(block)), deflateRawSync(after)]),
    crc: crc32(after, crc),
    inflatedBytes: before.length + block.length * o.times + after.length,
  };
}

/** Local header (APPNOTE 4.3.7). */
function localHeader(one: Part): Buffer {
  const name = Buffer.from(one.name);
  const bytes = Buffer.alloc(30);
  bytes.writeUInt32LE(0x04034b50, 0);
  bytes.writeUInt16LE(20, 4);
  writeCommon(bytes, 6, one, name);
  return Buffer.concat([bytes, name]);
}

/** Entry of the central directory (APPNOTE 4.3.12). */
function directoryEntry(one: Part, offset: number): Buffer {
  const name = Buffer.from(one.name);
  const bytes = Buffer.alloc(46);
  bytes.writeUInt32LE(0x02014b50, 0);
  bytes.writeUInt16LE(20, 4);
  bytes.writeUInt16LE(20, 6);
  writeCommon(bytes, 8, one, name);
  bytes.writeUInt32LE(offset, 42);
  return Buffer.concat([bytes, name]);
}

/** What both have in the same order: flags, method, time, checksum, lengths. */
function writeCommon(bytes: Buffer, at: number, one: Part, name: Buffer): void {
  bytes.writeUInt16LE(one.flags ?? 0, at);
  bytes.writeUInt16LE(one.method ?? 8, at + 2);
  bytes.writeUInt16LE(0x21, at + 6); // 1980-01-01
  bytes.writeUInt32LE(one.crc, at + 8);
  bytes.writeUInt32LE(one.data.length, at + 12);
  bytes.writeUInt32LE(one.inflatedBytes, at + 16);
  bytes.writeUInt16LE(name.length, at + 20);
}

function directory(entries: Buffer[], offset: number): Buffer {
  const all = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(all.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([all, end]);
}

export function zipOf(parts: Part[]): Buffer {
  const pieces: Uint8Array[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const one of parts) {
    const local = localHeader(one);
    entries.push(directoryEntry(one, offset));
    pieces.push(local, one.data);
    offset += local.length + one.data.length;
  }
  return Buffer.concat([...pieces, directory(entries, offset)]);
}

const main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const relations = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const packages = 'http://schemas.openxmlformats.org/package/2006';

export const sheetStart = `<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="${main}"><sheetData>`;
export const sheetEnd = '</sheetData></worksheet>';

/** A row of inline strings, numbers and booleans. Raw XML stands in an object. */
export function rowXml(number: number, cells: readonly unknown[]): string {
  const written = cells.map((cell) => {
    if (typeof cell === 'object' && cell !== null && 'xml' in cell) return cell.xml;
    if (typeof cell === 'number') return `<c><v>${cell}</v></c>`;
    if (typeof cell === 'boolean') return `<c t="b"><v>${Number(cell)}</v></c>`;
    if (cell instanceof Date)
      return `<c t="inlineStr"><is><t>${cell.toISOString().slice(0, 10)}</t></is></c>`;
    return `<c t="inlineStr"><is><t>${cell}</t></is></c>`;
  });
  return `<row r="${number}">${written.join('')}</row>`;
}

/** The header, then rows that are good but for what is changed in them. */
export function inventoryRows(...changes: Record<string, unknown>[]): string {
  return [header, ...changes.map((each) => inventoryRow(each as Parameters<typeof inventoryRow>[0]))]
    .map((cells, index) => rowXml(index + 1, cells))
    .join('');
}

/** The parts of a workbook of one sheet; some of them in another form. */
export function packageOf(o: {
  sheet: string | Part;
  sharedStrings?: string | Part;
  sheetState?: string;
}): Part[] {
  const asPart = (name: string, content: string | Part) =>
    typeof content === 'string' ? part(name, content) : { ...content, name };
  const relation = (id: string, type: string, target: string) =>
    `<Relationship Id="${id}" Type="${relations}/${type}" Target="${target}"/>`;
  return [
    part('[Content_Types].xml', `<Types xmlns="${packages}/content-types"/>`),
    part(
      '_rels/.rels',
      `<Relationships xmlns="${packages}/relationships">${relation('rId1', 'officeDocument', 'xl/workbook.xml')}</Relationships>`,
    ),
    part(
      'xl/workbook.xml',
      `<workbook xmlns="${main}" xmlns:r="${relations}"><sheets><sheet name="Inventory" sheetId="1" ` +
        `state="${o.sheetState ?? 'visible'}" r:id="rId1"/></sheets></workbook>`,
    ),
    part(
      'xl/_rels/workbook.xml.rels',
      `<Relationships xmlns="${packages}/relationships">${relation('rId1', 'worksheet', 'worksheets/sheet1.xml')}${
        o.sharedStrings === undefined ? '' : relation('rId2', 'sharedStrings', 'sharedStrings.xml')
      }</Relationships>`,
    ),
    ...(o.sharedStrings === undefined ? [] : [asPart('xl/sharedStrings.xml', o.sharedStrings)]),
    asPart('xl/worksheets/sheet1.xml', o.sheet),
  ];
}

/** A workbook of one sheet with these rows. */
export function workbookWithRows(rows: string, sharedStrings?: string): Buffer {
  return zipOf(packageOf({ sheet: `${sheetStart}${rows}${sheetEnd}`, sharedStrings }));
}

/** 4 MB that inflate to just below 4 GiB, where 32 bits end. Its directory says so. */
export function bomb(): Buffer {
  return zipOf(packageOf({ sheet: bombSheet(4000) }));
}

/** The same, and its directory says that it is 1 MB. */
export function lyingBomb(): Buffer {
  return zipOf(packageOf({ sheet: { ...bombSheet(4000), inflatedBytes: mebibyte } }));
}

/** Blanks between two rows, since nothing is smaller when it is compressed. */
function bombSheet(mebibytes: number): Part {
  return repeatingPart('', {
    before: sheetStart + rowXml(1, header),
    block: ' '.repeat(mebibyte),
    times: mebibytes,
    after: rowXml(2, inventoryRow()) + sheetEnd,
  });
}

/**
 * Entries that overlap, each a whole and valid one for a reader that believes its headers: after David Fifield, "A better
 * zip bomb" (WOOT 2019). The data of an entry begins with a stored block that quotes the local header of the next entry, and
 * goes on with that entry's own data; so all of them share one kernel at the end, and the archive inflates to as many times
 * the kernel as it has entries.
 *
 * @param sheets as many sheets, each of which inflates to the kernel's 16 MB and more
 */
export function overlappingBomb(sheets = 200): Buffer {
  const honest = packageOf({ sheet: '' }).slice(0, -1);
  const kernel = Buffer.from(`${sheetStart}${' '.repeat(16 * mebibyte)}${sheetEnd}`);
  let data: Buffer = deflateRawSync(kernel, { level: 9 });
  let crc = crc32(kernel);
  let inflatedBytes = kernel.length;
  const quoting: { one: Part; local: Buffer }[] = [];
  for (let i = sheets; i >= 1; i--) {
    const one = { name: `xl/worksheets/sheet${i}.xml`, data, crc, inflatedBytes };
    const local = localHeader(one);
    quoting.unshift({ one, local });
    // A stored block that is not the last one (RFC 1951, 3.2.4): the entry before this one begins with it.
    const block = Buffer.alloc(5);
    block.writeUInt16LE(local.length, 1);
    block.writeUInt16LE(~local.length & 0xffff, 3);
    data = Buffer.concat([block, local, data]);
    inflatedBytes += local.length;
    crc = crcOfJoined(crc32(local), crc, inflatedBytes - local.length);
  }
  const first = quoting[0] as (typeof quoting)[number];
  const start = zipOf(honest);
  const honestEnd = start.readUInt32LE(start.length - 6);
  const body = Buffer.concat([start.subarray(0, honestEnd), first.local, first.one.data]);
  const entries = [start.subarray(honestEnd, start.length - 22)];
  let offset = honestEnd;
  for (const { one, local } of quoting) {
    entries.push(directoryEntry(one, offset));
    offset += local.length + 5;
  }
  const all = directory(entries, body.length);
  all.writeUInt16LE(honest.length + sheets, all.length - 22 + 8);
  all.writeUInt16LE(honest.length + sheets, all.length - 22 + 10);
  return Buffer.concat([body, all]);
}

/**
 * CRC-32 of two pieces one after the other, from their checksums and the length of the second: the first is multiplied by
 * x^(8*length) modulo the polynomial (as in zlib's crc32_combine).
 */
function crcOfJoined(first: number, second: number, length: number): number {
  // Bits are reflected: 0x80000000 is 1, 0x40000000 is x.
  const times = (a: number, b: number): number => {
    let product = 0;
    for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
      if (a & bit) product ^= b;
      b = b & 1 ? (b >>> 1) ^ 0xedb88320 : b >>> 1;
    }
    return product >>> 0;
  };
  let power = 0x80000000;
  let square = 0x00800000; // x^8
  for (let left = length; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) power = times(power, square);
    square = times(square, square);
  }
  return (times(first, power) ^ second) >>> 0;
}

/** 12,000 cells that share one string of a megabyte: 12 GB of text for whoever writes it out. */
export function sharedMegabyte(): Buffer {
  const cell = { xml: '<c t="s"><v>0</v></c>' };
  const rows = Array.from({ length: 1000 }, (_, index) => rowXml(index + 2, Array(12).fill(cell)));
  return workbookWithRows(
    rowXml(1, header) + rows.join(''),
    `<sst xmlns="${main}"><si><t>${'x'.repeat(mebibyte)}</t></si></sst>`,
  );
}

/** So many distinct shared strings; each row's description is one of them. */
export function distinctStrings(count: number): Buffer {
  const strings = Array.from({ length: count }, (_, index) => `<si><t>text ${index}</t></si>`);
  const description = (index: number) => ({ xml: `<c t="s"><v>${index}</v></c>` });
  return workbookWithRows(
    inventoryRows(...strings.map((_, index) => ({ sku: `a-${index}`, description: description(index) }))),
    `<sst xmlns="${main}">${strings.join('')}</sst>`,
  );
}

/** Ten entities, each ten of the one before: a short text that stands for ten thousand million letters. */
const laughs = `<!DOCTYPE lolz [<!ENTITY lol0 "lol">${Array.from(
  { length: 9 },
  (_, index) => `<!ENTITY lol${index + 1} "${`&lol${index};`.repeat(10)}">`,
).join('')}]>`;

const external = '<!DOCTYPE sheet [<!ENTITY file SYSTEM "file:///etc/hostname">]>';

/** A sheet behind a document type, one of whose entities stands in a cell. */
function typedSheet(doctype: string, entity: string): Buffer {
  const sheet = `${sheetStart}${inventoryRows({ description: entity })}${sheetEnd}`;
  return zipOf(packageOf({ sheet: sheet.replace('?>', `?>${doctype}`) }));
}

export function laughingSheet(): Buffer {
  return typedSheet(laughs, '&lol9;');
}

export function laughingStrings(): Buffer {
  return workbookWithRows(
    inventoryRows({ description: { xml: '<c t="s"><v>0</v></c>' } }),
    `<?xml version="1.0"?>${laughs}<sst xmlns="${main}"><si><t>&lol9;</t></si></sst>`,
  );
}

export function externalEntity(): Buffer {
  return typedSheet(external, '&file;');
}

/** Elements in elements in elements: a reader that calls itself for each runs out of stack. */
export function deepNesting(depth = 200_000): Buffer {
  const nested = '<r>'.repeat(depth) + '</r>'.repeat(depth);
  return workbookWithRows(inventoryRows({ description: { xml: `<c t="inlineStr"><is>${nested}</is></c>` } }));
}

/** Of a text that no cell of Excel can hold. */
export function longCell(characters = 40_000): Buffer {
  return workbookWithRows(inventoryRows({ description: 'x'.repeat(characters) }));
}

/** The one sheet there is cannot be seen. */
export function hiddenSheet(): Buffer {
  return zipOf(
    packageOf({ sheet: `${sheetStart}${inventoryRows({})}${sheetEnd}`, sheetState: 'veryHidden' }),
  );
}

/** A sheet without a single row. */
export function emptySheet(): Buffer {
  return workbookWithRows('');
}

/** An ordinary workbook of one row. */
export function plainWorkbook(): Buffer {
  return workbookWithRows(inventoryRows({}));
}

/** Its sheet is encrypted as PKWARE did it, which no spreadsheet program does. */
export function encryptedEntry(): Buffer {
  const parts = packageOf({ sheet: `${sheetStart}${inventoryRows({})}${sheetEnd}` });
  return zipOf(parts.map((one) => (one.name.includes('sheet1') ? { ...one, flags: 1 } : one)));
}

/**
 * What Excel saves under a password: no zip, but an OLE compound file (MS-CFB, version 3) with the streams EncryptionInfo
 * and EncryptedPackage (MS-OFFCRYPTO, agile encryption).
 */
export function encryptedWorkbook(password = 'Winter26'): Buffer {
  const key = createHash('sha512').update(password, 'utf16le').digest().subarray(0, 32);
  const cipher = createCipheriv('aes-256-cbc', key, Buffer.alloc(16));
  const plain = workbookWithRows(
    inventoryRows(
      ...Array.from({ length: 200 }, (_, index) => ({
        sku: createHash('md5').update(`${index}`).digest('hex'),
      })),
    ),
  );
  const length = Buffer.alloc(8);
  length.writeUInt32LE(plain.length, 0);
  const version = Buffer.from('0400040040000000', 'hex');
  const info =
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' +
    '<encryption xmlns="http://schemas.microsoft.com/office/2006/encryption"><keyData saltSize="16" blockSize="16" ' +
    'keyBits="256" hashSize="64" cipherAlgorithm="AES" cipherChaining="ChainingModeCBC" hashAlgorithm="SHA512"/></encryption>';
  return compoundFile({
    EncryptionInfo: Buffer.concat([version, Buffer.from(info)]),
    EncryptedPackage: Buffer.concat([length, cipher.update(plain), cipher.final()]),
  });
}

const sector = 512;
const endOfChain = 0xfffffffe;
const free = 0xffffffff;
/** Shorter streams would lie in a stream of their own; ours are padded to this. */
const leastStream = 4096;

function compoundFile(streams: Record<string, Buffer>): Buffer {
  const contents = Object.entries(streams).map(([name, bytes]) => {
    const padded = Buffer.alloc(Math.ceil(Math.max(bytes.length, leastStream) / sector) * sector);
    bytes.copy(padded);
    return { name, padded, size: Math.max(bytes.length, leastStream) };
  });
  // Sector 0 is the allocation table, sector 1 the directory, then come the streams.
  const table = Buffer.alloc(sector, 0xff);
  table.writeUInt32LE(0xfffffffd, 0);
  table.writeUInt32LE(endOfChain, 4);
  const entries = [directoryOf('Root Entry', 5, endOfChain, 0, 1)];
  let next = 2;
  contents.forEach(({ name, padded, size }, index) => {
    const last = index === contents.length - 1;
    entries.push(directoryOf(name, 2, next, size, free, last ? free : index + 2));
    for (let left = padded.length / sector; left > 0; left--, next++) {
      table.writeUInt32LE(left > 1 ? next + 1 : endOfChain, next * 4);
    }
  });
  if (next > sector / 4) throw new Error('one sector of allocation table does not reach');
  while (entries.length < 4) entries.push(Buffer.alloc(128));
  const head = Buffer.alloc(sector);
  Buffer.from('d0cf11e0a1b11ae1', 'hex').copy(head);
  head.writeUInt16LE(0x3e, 24);
  head.writeUInt16LE(3, 26);
  head.writeUInt16LE(0xfffe, 28);
  head.writeUInt16LE(9, 30);
  head.writeUInt16LE(6, 32);
  head.writeUInt32LE(1, 44);
  head.writeUInt32LE(1, 48);
  head.writeUInt32LE(leastStream, 56);
  head.writeUInt32LE(endOfChain, 60);
  head.writeUInt32LE(endOfChain, 68);
  head.fill(0xff, 76);
  head.writeUInt32LE(0, 76);
  return Buffer.concat([head, table, ...entries, ...contents.map(({ padded }) => padded)]);
}

function directoryOf(
  name: string,
  type: number,
  start: number,
  size: number,
  child: number,
  right = free,
): Buffer {
  const entry = Buffer.alloc(128);
  const bytes = Buffer.from(`${name}\0`, 'utf16le');
  bytes.copy(entry);
  entry.writeUInt16LE(bytes.length, 64);
  entry[66] = type;
  entry[67] = 1; // black
  entry.writeUInt32LE(free, 68);
  entry.writeUInt32LE(right, 72);
  entry.writeUInt32LE(child, 76);
  entry.writeUInt32LE(start, 116);
  entry.writeUInt32LE(size, 120);
  return entry;
}
