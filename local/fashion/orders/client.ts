/**
 * What the client's software writes over a few days, from a seed: reports and corrections of them, stocks that come back,
 * bad rows, and now and then a workbook that nobody can read. What is in each is kept as it was made up, so that the
 * expected tables need no reader of workbooks.
 */
import { createHash } from 'node:crypto';
import ExcelJS from 'exceljs';
import type { ErrorCode } from '../../../domain/errors.ts';
import { type DateAndSlot, type Drop, slotInstant } from '../../../domain/fashion/drop.ts';
import { inventoryLayout } from '../../../domain/fashion/inventory-layout.ts';
import { type Random, randomOf } from '../../outside/random.ts';
import { setZipTimes } from '../../outside/zip-times.ts';
import { timeZone } from '../driver.ts';

/** A good row as SQL shall hold it, every value as text in the layout's order of columns; null is NULL. */
export type Position = readonly (string | null)[];

/** A bad row as the CSV of those set aside names it. */
export interface BadRow {
  row: number;
  cell: string;
  reason: string;
}

/** One workbook. Several drops may have the same one. */
export interface Content {
  bytes: Uint8Array;
  sha256: string;
  good: readonly Position[];
  bad: readonly BadRow[];
  /** The error by which it is refused as a whole; then no row of it is loaded. */
  refused?: ErrorCode;
}

export interface MadeDrop extends Drop {
  content: Content;
}

export const dropsOfAnOrder = 10;
const slots = ['0600', '1800'];
const mostRows = 12;
const articles = 14;
const shops = ['PAR-01', 'MIL-02', 'Kyōto 京都'];

/** Ten drops in the order in which the client's software writes them. The same seed gives the same bytes. */
export async function makeDrops(seed: number): Promise<MadeDrop[]> {
  const random = randomOf(seed, 'drops');
  const places = placesOf(random);
  const drops: MadeDrop[] = [];
  while (drops.length < dropsOfAnOrder) {
    drops.push(await nextDrop(random, places, drops, drops.length));
  }
  return drops;
}

/** Slots of two to four days that follow one another, within a year that has both changes of the clocks in it. */
function placesOf(random: Random): DateAndSlot[] {
  const first = Date.UTC(2025, 0, random.integer(1, 330));
  const days = random.integer(2, 4);
  return Array.from({ length: days * slots.length }, (_, index) => ({
    date: new Date(first + Math.floor(index / slots.length) * 86_400_000).toISOString().slice(0, 10),
    slot: slots[index % slots.length] as string,
  }));
}

async function nextDrop(
  random: Random,
  places: DateAndSlot[],
  before: readonly MadeDrop[],
  index: number,
): Promise<MadeDrop> {
  // Of the first places one each, so that every order has several days; then wherever chance wants.
  const place = index < 4 ? (places[index % places.length] as DateAndSlot) : random.pick(places);
  const here = before.filter(({ date, slot }) => date === place.date && slot === place.slot);
  const elsewhere = before.filter((drop) => !here.includes(drop) && drop.content.refused === undefined);
  const readable = here.filter(({ content }) => content.refused === undefined);

  let content: Content;
  if (readable.length > 1 && random.chance(0.5))
    content = readable[0]?.content as Content; // A, B, A within a slot
  else if (elsewhere.length > 0 && random.chance(0.3))
    content = random.pick(elsewhere).content; // A, B, A over slots
  else if (index > 0 && random.chance(0.12)) content = await refusedContent(random);
  else content = await readableContent(random);

  const start = slotInstant(place, timeZone);
  const last = here.at(-1);
  const name = `inventory_${place.date}_${place.slot}.xlsx`;
  // Two files of the same second: their hashes decide which one is the newer.
  const isNewHere = !here.some(({ sha256 }) => sha256 === content.sha256);
  const tie = last !== undefined && isNewHere && random.chance(0.1);
  return {
    ...place,
    modifiedAt: tie ? last.modifiedAt : (last?.modifiedAt ?? start) + random.integer(20, 1500) * 1000,
    sha256: content.sha256,
    fileName: tie ? `other-${here.length}-${name}` : name,
    content,
  };
}

type Cell = string | number | boolean | Date | { error: '#N/A' } | null;
/** A row of the workbook by the layout's names, and what is wrong with it. */
interface Line {
  cells: Record<string, Cell>;
  bad?: { column: string; reason: string };
}

async function readableContent(random: Random): Promise<Content> {
  const lines: Line[] = [];
  const seen = new Set<string>();
  for (let count = random.integer(2, mostRows); lines.length < count; ) {
    const cells = cellsOf(random);
    const key = `${cells.sku}|${cells.location}`;
    if (seen.has(key)) continue;
    seen.add(key);
    lines.push({ cells });
  }
  // Behind a first row that is good: a report of bad rows only would be refused.
  for (let bad = random.integer(0, 3); bad > 0; bad -= 1) {
    lines.splice(random.integer(1, lines.length), 0, badLine(random, lines[0] as Line));
  }
  return contentOf(lines);
}

function cellsOf(random: Random): Record<string, Cell> {
  const article = random.integer(1, articles);
  return {
    sku: `FW-${String(article).padStart(3, '0')}`,
    style: `S${article % 5}`,
    description: random.pick([null, 'Manteau «laine», 100 %', "l'été", 'said "yes", then\nleft', '墨色 👗']),
    category: random.pick(['Outerwear', 'Shoes']),
    colour: random.pick([null, 'Red', 'NULL', 'vert d’eau']),
    size: random.pick([null, 'M', '42']),
    location: random.pick(shops),
    on_hand: random.integer(0, 500),
    reserved: random.integer(0, 20),
    unit_price: random.integer(0, 99_999) / 100,
    available_from: random.chance(0.3) ? null : new Date(Date.UTC(2026, 0, random.integer(1, 365))),
    discontinued: random.chance(0.2),
  };
}

function badLine(random: Random, good: Line): Line {
  const cells = cellsOf(random);
  return random.pick<Line>([
    { cells: { ...cells, on_hand: -1 }, bad: { column: 'on_hand', reason: 'OutOfRange' } },
    { cells: { ...cells, reserved: 'à vérifier' }, bad: { column: 'reserved', reason: 'NotANumber' } },
    { cells: { ...cells, sku: null }, bad: { column: 'sku', reason: 'Missing' } },
    {
      cells: { ...cells, unit_price: { error: '#N/A' } },
      bad: { column: 'unit_price', reason: 'ErrorCell' },
    },
    // The first row's position once more.
    {
      cells: { ...cells, sku: good.cells.sku as Cell, location: good.cells.location as Cell },
      bad: { column: 'sku', reason: 'DuplicateKey' },
    },
  ]);
}

async function refusedContent(random: Random): Promise<Content> {
  const code = random.pick([
    'WorkbookUnreadable',
    'ColumnMissing',
    'ReportEmpty',
    'AllRowsRejected',
  ] as const);
  const none = { good: [], bad: [], refused: code } as const;
  switch (code) {
    case 'WorkbookUnreadable': {
      const bytes = new TextEncoder().encode(`SKU;Style;On hand\nno zip ${random.integer(1, 1e9)}\n`);
      return { ...none, bytes, sha256: hash(bytes) };
    }
    case 'ColumnMissing':
      return { ...(await contentOf([{ cells: cellsOf(random) }], 'reserved')), ...none };
    case 'ReportEmpty': {
      // Told apart by nothing but their titles, which no rule reads.
      const content = await contentOf([], undefined, `Inventory ${random.integer(1, 1e9)}`);
      return { ...content, ...none };
    }
    case 'AllRowsRejected': {
      const lines = [
        { cells: { ...cellsOf(random), on_hand: -5 }, bad: { column: 'on_hand', reason: 'OutOfRange' } },
      ];
      return { ...(await contentOf(lines)), refused: code };
    }
  }
}

async function contentOf(lines: readonly Line[], leftOut?: string, title = 'Inventory'): Promise<Content> {
  const columns = inventoryLayout.columns.filter(({ name }) => name !== leftOut);
  const workbook = new ExcelJS.Workbook();
  workbook.created = workbook.modified = new Date(0);
  workbook.title = title;
  const sheet = workbook.addWorksheet('Inventory');
  sheet.addRow(columns.map(({ header }) => header));
  for (const { cells } of lines) sheet.addRow(columns.map(({ name }) => cells[name]));
  const bytes = new Uint8Array(await workbook.xlsx.writeBuffer());
  setZipTimes(bytes, { year: 2025, month: 1, day: 1, hour: 0, minute: 0 });
  const letter = (name: string) =>
    String.fromCharCode(65 + columns.findIndex((column) => column.name === name));
  return {
    bytes,
    sha256: hash(bytes),
    good: lines
      .filter(({ bad }) => bad === undefined)
      .map(({ cells }) => columns.map(({ name }) => text(name, cells[name] ?? null))),
    bad: lines.flatMap(({ bad }, index) =>
      bad ? [{ row: index + 2, cell: `${letter(bad.column)}${index + 2}`, reason: bad.reason }] : [],
    ),
  };
}

/** As PostgreSQL writes it. */
function text(name: string, cell: Cell): string | null {
  if (cell === null) return null;
  if (cell instanceof Date) return cell.toISOString().slice(0, 10);
  if (name === 'unit_price') return Number(cell).toFixed(2);
  return String(cell);
}

const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
