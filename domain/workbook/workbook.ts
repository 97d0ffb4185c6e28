import { LabError } from '../errors.ts';
import { dateStyles } from './number-formats.ts';
import { description, type WorkbookParts, workbookParts } from './package-parts.ts';
import { SharedStrings, SharedStringsReader } from './shared-strings.ts';
import { SheetRowsReader } from './sheet-reader.ts';
import { mostRows, type SheetRow } from './sheet-row.ts';
import type { XmlReader } from './xml-reader.ts';
import { type ByteSource, inflated, type ZipEntry } from './zip.ts';

/** One sheet of a workbook, row by row in the file's order. */
export interface SheetReader {
  sheetName: string;
  date1904: boolean;
  /** There are no more rows with a value than this, going by the size of the sheet. */
  mostRows: number;
  /**
   * The rows in portions, so that there is no promise a row:
   * `for await (const rows of sheet.portions()) while (rows.next()) use(rows.row);`
   * The row is the same object each time, and holds until the following `next`. Reads on only while a portion is waited for,
   * so that a slow consumer does not fill the memory. To be iterated once, each portion to its end.
   */
  portions(): AsyncIterable<RowPortion>;
}

export interface RowPortion {
  /** False when the portion is read. */
  next(): boolean;
  readonly row: SheetRow;
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
  const most = Math.min(options.limits.inflatedBytes, mostPositions);
  if (bytes > most) throw new LabError('ReportTooLarge', `it inflates to ${bytes} bytes, at most ${most}`);
  return {
    sheetName: parts.sheetName,
    date1904: parts.date1904,
    mostRows: Math.min(mostRows, Math.floor(sheet.inflatedBytes / leastRowBytes)),
    portions: () => rowsOf(parts, options.limits),
  };
}

/** No row with a value is shorter. */
const leastRowBytes = '<row><c><v>1</v></c></row>'.length;

/** 32 bits hold the places of texts. */
const mostPositions = 0xfffffffe;

async function* rowsOf(
  parts: WorkbookParts,
  limits: ReadLimits,
): AsyncGenerator<RowPortion, void, undefined> {
  const { source, sheet, sharedStrings, styles } = parts;
  const strings = sharedStrings
    ? await stringsOf(source, sharedStrings, limits.distinctStrings)
    : new SharedStrings(0);
  const dated = styles ? dateStyles(await description(source, styles)) : new Uint8Array();
  const rows = new SheetRowsReader(sheet.name, strings, dated, parts.date1904);
  yield* portions(source, sheet, rows);
}

async function stringsOf(source: ByteSource, entry: ZipEntry, most: number): Promise<SharedStrings> {
  const reader = new SharedStringsReader(entry.name, entry.inflatedBytes, most);
  for await (const portion of portions(source, entry, reader)) while (portion.next());
  return reader.strings;
}

/** The reader whenever it has something to read. */
async function* portions<Reader extends XmlReader>(source: ByteSource, entry: ZipEntry, reader: Reader) {
  for await (const piece of inflated(source, entry)) {
    reader.feed(piece);
    yield reader;
  }
  reader.finish();
  yield reader;
}
