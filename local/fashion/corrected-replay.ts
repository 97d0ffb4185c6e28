import { open } from 'node:fs/promises';
import { LabError } from '../../domain/errors.ts';
import {
  correctionsKey,
  correctionsPrefix,
  slotPrefix,
  type Transformed,
} from '../../domain/fashion/contract.ts';
import { dropMark, readCorrectionSheet } from '../../domain/fashion/correction-sheet.ts';
import {
  type Corrections,
  correctionsCsv,
  correctionsHash,
  mostCorrectionsBytes,
  parseCorrections,
} from '../../domain/fashion/corrections.ts';
import type { DateAndSlot } from '../../domain/fashion/drop.ts';
import { parseQuarantine } from '../../domain/fashion/quarantine.ts';
import { formatTable, type Progress } from '../core/progress.ts';
import { type Archive, type Archived, type ArchivedDrop, listed } from './archive.ts';
import { howMany, type Quarantine, quarantinesOf, rowsTable, shown } from './quarantine.ts';

export interface CorrectedRequest extends DateAndSlot {
  /** First digits of the workbook's SHA-256, or all of them. */
  drop: string;
  /** A file that a person corrected, or the first digits of the hash of corrections that the archive holds. */
  corrections: { file: string } | { hash: string };
}

/** Corrections that are in the archive, with the drop that they are of. */
export interface ArchivedCorrections {
  drop: ArchivedDrop;
  key: string;
  /** First 8 digits: as in the key of the load. */
  shortHash: string;
  rows: Corrections;
}

/**
 * Finds the drop, reads the corrections and puts them into the archive; says what they change.
 *
 * @throws SlotNotArchived, DropUnknown, DropAmbiguous, NothingSetAside, QuarantineUnreadable, FileUnusable,
 *   CorrectionsUnreadable, CorrectionRawInvalid, CorrectionsForeign, CorrectionsEmpty, CorrectionsUnknown,
 *   CorrectionsAmbiguous
 */
export async function archiveCorrections(
  archive: Archive,
  request: CorrectedRequest,
  progress: Progress,
): Promise<ArchivedCorrections> {
  // The same content may have come twice: its load is that of the later drop.
  const quarantine = (await quarantinesOf(archive, request)).at(-1) as Quarantine;
  const drop = workbookOf(quarantine.object, await archive.drops(request));
  const { key, rows } =
    'file' in request.corrections
      ? await fromFile(archive, quarantine, request.corrections.file)
      : await fromArchive(archive, quarantine, request.corrections.hash);
  const shortHash = shortHashOf(key);
  progress.line(`Corrections ${shortHash}: ${howMany(rows.size)} of ${quarantine.rows.size} set aside`);
  progress.line();
  progress.line(changes(rows));
  progress.line();
  for (const each of await correctionsOf(archive, request, drop)) {
    if (each.key !== key)
      progress.line(`  they take the place of corrections ${told(each)}: each file stands for itself`);
  }
  return { drop, key, shortHash, rows };
}

/** What a replay without corrections takes back. */
export async function sayWhatIsTakenBack(
  archive: Archive,
  place: DateAndSlot,
  drop: ArchivedDrop,
  progress: Progress,
): Promise<void> {
  for (const each of await correctionsOf(archive, place, drop)) {
    progress.line(
      `  without corrections ${told(each)}; --drop ${each.sha256Start} --corrections ${each.correctionsStart.slice(0, 8)} loads with them`,
    );
  }
}

/** How many corrected rows are bad still, and what is to be said of them. Throws QuarantineUnreadable. */
export async function stillSetAside(
  archive: Archive,
  corrections: Corrections,
  { rejectedKey }: Transformed,
): Promise<{ count: number; lines: string[] }> {
  const quarantine = parseQuarantine(rejectedKey === null ? '' : ((await archive.text(rejectedKey)) ?? ''));
  const rows = [...quarantine.values()].filter(({ row }) => corrections.has(row));
  const lines =
    rows.length > 0 ? [`${howMany(rows.length)} of the corrected still set aside:`, rowsTable(rows)] : [];
  return { count: rows.length, lines };
}

async function fromFile(archive: Archive, { object, rows }: Quarantine, path: string) {
  const corrections = readCorrectionSheet(await fileOf(path), rows, dropMark(object));
  const csv = correctionsCsv(corrections);
  const key = correctionsKey({ ...object, sha256: fullLength(object.sha256Start) }, correctionsHash(csv));
  await archive.put(key, csv);
  return { key, rows: corrections };
}

async function fromArchive(archive: Archive, { object }: Quarantine, hash: string) {
  const held = await correctionsOf(archive, object, object);
  const found = held.filter((each) => each.correctionsStart.startsWith(hash.toLowerCase().slice(0, 16)));
  const [one, another] = found;
  const list = (which: typeof held) => which.map(told).join(', ') || 'none';
  if (!one) throw new LabError('CorrectionsUnknown', `${hash}; there is ${list(held)}`);
  if (another) throw new LabError('CorrectionsAmbiguous', `${hash}: ${list(found)}`);
  const csv = (await archive.text(one.key)) ?? '';
  return { key: one.key, rows: parseCorrections(csv) };
}

/** Throws FileUnusable. */
async function fileOf(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path);
    try {
      // One byte more than may be: too large shows, and no disk's worth is read.
      const bytes = Buffer.alloc(Math.min((await file.stat()).size, mostCorrectionsBytes + 1));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
      return bytes.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new LabError('FileUnusable', `${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** By time and name: of a workbook that was put there by hand only its quarantine's key holds the hash. */
function workbookOf(quarantine: Archived<'rejected'>, drops: ArchivedDrop[]): ArchivedDrop {
  const { sha256Start, fileName, modifiedAt } = quarantine;
  const seconds = (time: number) => Math.floor(time / 1000);
  const found = drops.find((drop) =>
    drop.sha256Start === undefined
      ? drop.fileName === fileName && seconds(drop.modifiedAt) === seconds(modifiedAt)
      : drop.sha256Start === sha256Start && drop.modifiedAt === modifiedAt,
  );
  if (!found) throw new LabError('DropUnknown', `${sha256Start}; there is ${listed(drops)}`);
  return found;
}

/** Corrections of one drop that the archive holds. */
async function correctionsOf(
  archive: Archive,
  place: DateAndSlot,
  drop: Pick<ArchivedDrop, 'sha256Start' | 'fileName' | 'modifiedAt'>,
): Promise<Archived<'corrections'>[]> {
  const found: Archived<'corrections'>[] = [];
  for await (const each of archive.list(slotPrefix(place, correctionsPrefix), 'corrections')) {
    const sameTime = Math.floor(each.modifiedAt / 1000) === Math.floor(drop.modifiedAt / 1000);
    const sameHash = drop.sha256Start === undefined || drop.sha256Start === each.sha256Start;
    if (sameTime && sameHash && each.fileName === drop.fileName) found.push(each);
  }
  return found;
}

const fullLength = (sha256Start: string) => sha256Start.padEnd(64, '0');
const shortHashOf = (key: string) => /-([0-9a-f]{8})[0-9a-f]{8}\.csv$/.exec(key)?.[1] ?? '';
const told = (each: Archived<'corrections'>) =>
  `${each.correctionsStart.slice(0, 8)} (${each.arrivedAt.toISOString()})`;

const mostChangesShown = 50;

function changes(rows: Corrections): string {
  const cells = [...rows.values()].flatMap(({ row, before, after }) =>
    Object.keys(after)
      .filter((name) => !Object.is(before[name], after[name]))
      .map((name) => [String(row), name, cell(before[name]), cell(after[name])]),
  );
  const table = formatTable(['row', 'column', 'is', 'becomes'], cells.slice(0, mostChangesShown));
  const more = cells.length - mostChangesShown;
  return more > 0 ? `${table}\n… and ${more} more cells` : table;
}

const cell = (value: unknown) => (value === null ? '(blank)' : shown(String(value)));
