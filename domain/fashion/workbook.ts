import { type StreamRow, streamXlsxRows } from 'hucre';
import { LabError } from '../errors.ts';
import { type WorkbookParts, wholePart, workbookParts } from './package-parts.ts';
import { type ByteSource, inflated } from './zip.ts';

/** An error value such as #N/A. */
export class CellError {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/**
 * What a cell holds: null where it is absent, a Date (in UTC, though a cell knows no zone) where a number carries a date
 * format, the cached result where it is a formula, the plain text where it is rich.
 */
export type Cell = null | string | number | boolean | Date | CellError;

export interface SheetRow {
  /** From 1, as the spreadsheet shows it. */
  number: number;
  /** By column, A first. May be shorter than the sheet is wide. */
  cells: readonly Cell[];
}

/** One sheet of a workbook, row by row in the file's order. Another reader takes this one's place by giving the same. */
export interface SheetReader {
  sheetName: string;
  date1904: boolean;
  /** Reads on only while a row is waited for, so that a slow consumer does not fill the memory. To be iterated once. */
  rows(): AsyncIterable<SheetRow>;
}

export interface ReadLimits {
  inflatedBytes: number;
  distinctStrings: number;
}

/**
 * Opens a workbook at one sheet: by name, else the first visible one.
 * Throws WorkbookUnreadable, WorkbookEncrypted, SheetMissing or ReportTooLarge, the first and last also while rows are read.
 */
export async function openSheet(
  source: ByteSource,
  options: { sheet?: string; limits: ReadLimits },
): Promise<SheetReader> {
  const parts = await workbookParts(source, options.sheet);
  const { sheet, sharedStrings, styles } = parts;
  const bytes = sheet.inflatedBytes + (sharedStrings?.inflatedBytes ?? 0) + (styles?.inflatedBytes ?? 0);
  // 32 bits hold the lengths in the package that the reader is given.
  const most = Math.min(options.limits.inflatedBytes, 0xfffffffe);
  if (bytes > most) {
    throw new LabError('ReportTooLarge', `it inflates to ${bytes} bytes, at most ${most}`);
  }
  return { sheetName: parts.sheetName, date1904: parts.date1904, rows: () => rowsOf(parts, options.limits) };
}

/** What Excel writes into cells of type error. The reader hands them out as text, so a text that says just this is one too. */
const errorTexts = new Set([
  ...[
    '#NULL!',
    '#DIV/0!',
    '#VALUE!',
    '#REF!',
    '#NAME?',
    '#NUM!',
    '#N/A',
    '#GETTING_DATA',
    '#SPILL!',
    '#CALC!',
  ],
  ...['#FIELD!', '#BLOCKED!', '#CONNECT!', '#UNKNOWN!', '#BUSY!', '#EXTERNAL!', '#PYTHON!'],
]);

/** Characters that a cell can hold, by Excel's specification; a longer text is an attempt on the reader's memory. */
const mostCellCharacters = 32_767;

async function* rowsOf(parts: WorkbookParts, limits: ReadLimits): AsyncGenerator<SheetRow, void, undefined> {
  // hucre parses ahead of its consumer without bound. Its input is therefore held back while the consumer is busy.
  const appetite = new Appetite();
  const canonical = canonicalPackage(parts, limits, appetite);
  let failure: { error: unknown } | undefined;
  const nextPiece = async () => {
    try {
      return await canonical.next();
    } catch (error) {
      failure = { error };
      throw error;
    }
  };
  const input = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await nextPiece();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => appetite.open(),
    },
    { highWaterMark: 0 },
  );
  const rows = streamXlsxRows(input, { dateSystem: parts.date1904 ? '1904' : '1900' });
  try {
    for (;;) {
      appetite.rise();
      const { done, value } = await rows.next();
      appetite.still();
      if (done) break;
      yield sheetRow(value);
    }
    // The last row does not need the last bytes, but only these show whether the sheet was whole.
    appetite.open();
    while (!(await nextPiece()).done);
  } catch (error) {
    // What our own side met passes as it is: a source that cannot be reached is no reason to refuse the file.
    if (failure) throw failure.error;
    if (error instanceof LabError) throw error;
    throw new LabError('WorkbookUnreadable', error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  } finally {
    appetite.open();
    await rows.return();
    await canonical.return();
  }
}

function sheetRow(row: StreamRow): SheetRow {
  if (!Number.isSafeInteger(row.index))
    throw new LabError('WorkbookUnreadable', 'a row of the sheet has no number');
  const cells = row.values as Cell[];
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i];
    if (typeof cell !== 'string') continue;
    if (cell.length > mostCellCharacters) {
      throw new LabError('ReportTooLarge', `a cell of row ${row.index + 1} has ${cell.length} characters`);
    }
    if (cell.startsWith('#') && errorTexts.has(cell)) cells[i] = new CellError(cell);
  }
  return { number: row.index + 1, cells };
}

/** Lets a piece of the sheet pass only when the consumer has nothing left to work on. */
class Appetite {
  #hungry = false;
  #open = false;
  #wake: () => void = () => {};

  /** The consumer waits for a row. */
  rise(): void {
    this.#hungry = true;
    this.#wake();
  }

  /** The consumer has got one. */
  still(): void {
    this.#hungry = false;
  }

  /** From now on nothing is held back: the consumer has gone. */
  open(): void {
    this.#open = true;
    this.#wake();
  }

  async wait(): Promise<void> {
    for (;;) {
      if (this.#open) return;
      if (!this.#hungry) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      // A row that is parsed already reaches the consumer within a few microtasks: who is hungry after these is starved.
      for (let i = 0; i < microtasks && this.#hungry; i++) await undefined;
      if (this.#hungry) return;
    }
  }
}

/** hucre needs three; more cost nothing, fewer would let a piece pass early. */
const microtasks = 32;

const relationshipsType = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const mainType = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const packageType = 'http://schemas.openxmlformats.org/package/2006';

/**
 * The parts that are needed, written anew as a zip of stored entries in the order in which a stream can be read, with one
 * sheet and the names that hucre looks for. So the order of the original's entries, its data descriptors and its part names
 * do not matter, lengths and checksums are verified on the way, and nothing is inflated that is not read.
 */
async function* canonicalPackage(
  parts: WorkbookParts,
  limits: ReadLimits,
  appetite: Appetite,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { source, sheet, sharedStrings, styles } = parts;
  const relation = (id: string, type: string, target: string) =>
    `<Relationship Id="${id}" Type="${relationshipsType}/${type}" Target="${target}"/>`;
  const relations = (...each: string[]) =>
    `<Relationships xmlns="${packageType}/relationships">${each.join('')}</Relationships>`;

  yield* stored('[Content_Types].xml', `<Types xmlns="${packageType}/content-types"/>`);
  yield* stored('_rels/.rels', relations(relation('rId1', 'officeDocument', 'xl/workbook.xml')));
  yield* stored(
    'xl/workbook.xml',
    `<workbook xmlns="${mainType}" xmlns:r="${relationshipsType}"><sheets><sheet name="report" sheetId="1" r:id="rId1"/></sheets></workbook>`,
  );
  yield* stored(
    'xl/_rels/workbook.xml.rels',
    relations(
      relation('rId1', 'worksheet', 'worksheets/sheet1.xml'),
      sharedStrings ? relation('rId2', 'sharedStrings', 'sharedStrings.xml') : '',
      styles ? relation('rId3', 'styles', 'styles.xml') : '',
    ),
  );
  if (sharedStrings) {
    const bytes = await wholePart(source, sharedStrings);
    const strings = countStrings(bytes);
    if (strings > limits.distinctStrings) {
      throw new LabError('ReportTooLarge', `${strings} distinct strings, at most ${limits.distinctStrings}`);
    }
    yield* stored('xl/sharedStrings.xml', bytes);
  }
  if (styles) yield* stored('xl/styles.xml', await wholePart(source, styles));

  yield localHeader('xl/worksheets/sheet1.xml', sheet.inflatedBytes);
  let tail = Buffer.alloc(0);
  for await (const piece of inflated(source, sheet)) {
    tail = Buffer.from(Buffer.concat([tail, piece.subarray(-tailBytes)]).subarray(-tailBytes));
    await appetite.wait();
    yield piece;
  }
  // hucre takes a sheet that stops in the middle for a short one.
  if (!/<\/(?:[\w.-]+:)?worksheet\s*>/.test(tail.toString('latin1'))) {
    throw new LabError('WorkbookUnreadable', `the sheet ${parts.sheetName} stops in the middle`);
  }
}

const tailBytes = 256;

function* stored(name: string, content: string | Uint8Array): Generator<Uint8Array> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  yield localHeader(name, bytes.length);
  if (bytes.length > 0) yield bytes;
}

/** A zip local file header of a stored entry (APPNOTE 4.3.7). Its reader checks no checksum: ours was verified before. */
function localHeader(name: string, bytes: number): Uint8Array {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt32LE(bytes, 18);
  header.writeUInt32LE(bytes, 22);
  header.writeUInt16LE(name.length, 26);
  return Buffer.concat([header, Buffer.from(name)]);
}

/** Entries of the shared string table, by their end tags: `</si>`, `</x:si>` (whose start has the colon too) and `<si/>`. */
function countStrings(table: Buffer): number {
  return countOf(table, '/si>') + Math.ceil(countOf(table, ':si>') / 2) + countOf(table, 'si/>');
}

function countOf(bytes: Buffer, text: string): number {
  let count = 0;
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + text.length)) count++;
  return count;
}
