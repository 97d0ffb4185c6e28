import { posix } from 'node:path';
import { LabError } from '../errors.ts';
import { type ByteSource, inflated, type ZipEntry, zipDirectory } from './zip.ts';

/** The parts of a workbook that a report is read from (ECMA-376: parts are found by relationship, never by name). */
export interface WorkbookParts {
  source: ByteSource;
  sheetName: string;
  sheet: ZipEntry;
  sharedStrings?: ZipEntry;
  styles?: ZipEntry;
  /** Days are counted from 1904-01-01 (old Excel for Mac) and not from 1900-01-01. */
  date1904: boolean;
}

/** These describe the workbook and are read whole; real ones have some kilobytes. */
const mostDescriptionBytes = 16 * 1024 * 1024;
/** The Compound File signature: an encrypted .xlsx, or an .xls. */
const compoundFile = Buffer.from('d0cf11e0a1b11ae1', 'hex');

/** Finds the sheet (by name, else the first visible one) and what belongs to it. */
export async function workbookParts(source: ByteSource, sheet?: string): Promise<WorkbookParts> {
  const start = await source.read(0, Math.min(source.size, compoundFile.length));
  if (compoundFile.equals(start)) throw new LabError('WorkbookEncrypted', `${source.size} bytes`);
  const entries = await zipDirectory(source);

  const workbookPath = (await relationships(source, entries, '')).find(
    ({ type }) => type === 'officeDocument',
  )?.target;
  if (workbookPath === undefined) throw unreadable('it is a zip archive without a workbook');
  const workbook = await description(source, part(entries, workbookPath));
  const related = await relationships(source, entries, workbookPath);

  const sheets = [...tags(workbook, 'sheet')].map((attributes) => ({
    name: attributes.get('name') ?? '',
    visible: (attributes.get('state') ?? 'visible') === 'visible',
    id: attributes.get('id'),
  }));
  if (sheets.length === 0) throw unreadable('its description names no sheet');
  const chosen = sheets.find((each) => (sheet === undefined ? each.visible : each.name === sheet));
  if (!chosen) {
    throw new LabError(
      'SheetMissing',
      `${sheet ?? 'a visible one'}, among ${JSON.stringify(sheets.map(({ name }) => name))}`,
    );
  }
  const target = related.find(({ type, id }) => type === 'worksheet' && id === chosen.id)?.target;
  if (target === undefined) throw new LabError('SheetMissing', `${chosen.name} is no worksheet`);

  const optional = (type: string) => {
    const path = related.find((each) => each.type === type)?.target;
    return path === undefined ? undefined : part(entries, path);
  };
  const [properties] = tags(workbook, 'workbookPr');
  return {
    source,
    sheetName: chosen.name,
    sheet: part(entries, target),
    sharedStrings: optional('sharedStrings'),
    styles: optional('styles'),
    date1904: ['1', 'true', 'on'].includes(properties?.get('date1904') ?? ''),
  };
}

interface Relationship {
  id: string;
  /** Last segment of the relationship's URI: the two editions of the standard differ in what precedes it. */
  type: string;
  /** Path of the part. */
  target: string;
}

async function relationships(
  source: ByteSource,
  entries: Map<string, ZipEntry>,
  of: string,
): Promise<Relationship[]> {
  const folder = posix.dirname(of);
  const path = posix.join(folder, '_rels', `${posix.basename(of)}.rels`);
  return [...tags(await description(source, part(entries, path)), 'Relationship')].map((attributes) => ({
    id: attributes.get('Id') ?? '',
    type: attributes.get('Type')?.split('/').at(-1) ?? '',
    // A target that starts with a slash counts from the root, others from the folder of the part.
    target: posix.resolve('/', folder, attributes.get('Target') ?? '').slice(1),
  }));
}

function part(entries: Map<string, ZipEntry>, path: string): ZipEntry {
  const entry =
    entries.get(path) ?? [...entries.values()].find(({ name }) => name.toLowerCase() === path.toLowerCase());
  if (!entry) throw unreadable(`its part ${path} is missing`);
  return entry;
}

/** A small part as text. Throws ReportTooLarge. */
export async function description(source: ByteSource, entry: ZipEntry): Promise<string> {
  if (entry.inflatedBytes > mostDescriptionBytes) {
    throw new LabError('ReportTooLarge', `${entry.name} inflates to ${entry.inflatedBytes} bytes`);
  }
  const pieces: Buffer[] = [];
  for await (const piece of inflated(source, entry)) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  // ECMA-376 Part 2: UTF-8, or UTF-16 with a byte order mark.
  const encoding = ['fffe', 'feff'].indexOf(bytes.toString('hex', 0, 2));
  const xml = new TextDecoder(['utf-16le', 'utf-16be'][encoding] ?? 'utf-8').decode(bytes);
  if (xml.includes('<!DOCTYPE')) throw unreadable(`${entry.name} declares a document type`);
  return xml;
}

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Attributes of each element of that name, prefixes cut off. For the small parts only; the sheet has a real reader. */
export function* tags(xml: string, name: string): Generator<Map<string, string>> {
  const bare = xml.replace(/<!--[\s\S]*?-->/g, '');
  const element = new RegExp(`<(?:[\\w.-]+:)?${name}(?=[\\s/>])((?:[^>"']|"[^"]*"|'[^']*')*)>`, 'g');
  for (const [, attributes = ''] of bare.matchAll(element)) {
    const found = new Map<string, string>();
    for (const [, key = '', double, single] of attributes.matchAll(
      /(?:[\w.-]+:)?([\w.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g,
    )) {
      found.set(key, decoded(double ?? single ?? ''));
    }
    yield found;
  }
}

function decoded(text: string): string {
  return text.replace(/&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(\w+));/g, (whole, hex, decimal, entity) => {
    if (entity !== undefined) return entities[entity] ?? whole;
    const code = Number.parseInt(hex ?? decimal, hex === undefined ? 10 : 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

function unreadable(why: string): LabError {
  return new LabError('WorkbookUnreadable', why);
}
