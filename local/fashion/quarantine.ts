import { writeFile } from 'node:fs/promises';
import { LabError } from '../../domain/errors.ts';
import { rejectedPrefix, slotPrefix } from '../../domain/fashion/contract.ts';
import { correctionSheet, dropMark } from '../../domain/fashion/correction-sheet.ts';
import type { DateAndSlot } from '../../domain/fashion/drop.ts';
import { parseQuarantine, type QuarantinedRow } from '../../domain/fashion/quarantine.ts';
import { formatTable, type Progress } from '../core/progress.ts';
import type { LabTarget } from '../lab-target.ts';
import { Archive, type Archived, type ArchivedDrop, chosen, listed, told } from './archive.ts';

export interface QuarantineRequest extends DateAndSlot {
  /** First digits of the workbook's SHA-256, or all of them; undefined for every drop of the slot. */
  drop?: string;
  /** A file to be made, in which the rows can be corrected. */
  out?: string;
}

/** The rows of one drop that the archive has set aside. */
export interface Quarantine {
  object: Archived<'rejected'>;
  /** By number of the row. */
  rows: Map<number, QuarantinedRow>;
}

/**
 * Shows the rows of a slot that were set aside, and writes those of one drop to a file to correct them in.
 *
 * @throws SlotNotArchived, DropUnknown, DropAmbiguous, NothingSetAside, QuarantineUnreadable, FileUnusable (also when there is
 *   such a file already: someone may have worked in it), AwsCallFailed
 */
export async function showQuarantine(o: {
  target: LabTarget;
  request: QuarantineRequest;
  progress: Progress;
  signal: AbortSignal;
}): Promise<number> {
  const { target, request, progress, signal } = o;
  const archive = new Archive(target, signal);
  try {
    const quarantines = await quarantinesOf(archive, request);
    if (request.out !== undefined && new Set(quarantines.map(({ object }) => object.sha256Start)).size > 1) {
      const drops = listed(quarantines.map(({ object }) => object));
      throw new LabError('DropAmbiguous', `nothing, a file holds rows of one drop: ${drops}`);
    }
    for (const [index, { object, rows }] of quarantines.entries()) {
      if (index > 0) progress.line();
      const { date, slot, sha256Start, fileName } = object;
      progress.line(`${date} ${slot} ${sha256Start} ${fileName}: ${howMany(rows.size)} set aside`);
      progress.line();
      progress.line(rowsTable([...rows.values()]));
    }
    const last = quarantines.at(-1);
    if (request.out !== undefined && last) {
      await writeNew(request.out, correctionSheet(last.rows.values(), dropMark(last.object)));
      const { date, slot, sha256Start } = last.object;
      progress.line();
      progress.line(`${request.out}: change value, or raw where several cells are bad; then`);
      progress.line(
        `  npm run replay -- fashion --date ${date} --slot ${slot} --drop ${sha256Start} --corrected ${request.out}`,
      );
    }
    return 0;
  } catch (error) {
    throw signal.aborted ? new Error(`stopped: ${signal.reason}`, { cause: error }) : told(error);
  } finally {
    archive.close();
  }
}

/**
 * The drops of a slot that have rows set aside, in order.
 *
 * @throws SlotNotArchived, DropUnknown, DropAmbiguous, NothingSetAside, QuarantineUnreadable
 */
export async function quarantinesOf(
  archive: Archive,
  request: DateAndSlot & { drop?: string },
): Promise<Quarantine[]> {
  const drops = await archive.drops(request);
  const objects: Archived<'rejected'>[] = [];
  for await (const object of archive.list(slotPrefix(request, rejectedPrefix), 'rejected'))
    objects.push(object);
  // A workbook that was put there by hand has its hash in the key of its quarantine alone.
  const hashes = new Set<string | undefined>(objects.map(({ sha256Start }) => sha256Start));
  const others = drops.filter(({ sha256Start }) => !hashes.has(sha256Start));
  const asked = request.drop === undefined ? objects : chosen([...objects, ...others], request.drop);
  const quarantines: Quarantine[] = [];
  for (const object of asked) {
    if (!isQuarantine(object)) continue;
    const rows = parseQuarantine((await archive.text(object.key)) ?? '');
    if (rows.size > 0) quarantines.push({ object, rows });
  }
  if (quarantines.length === 0)
    throw new LabError('NothingSetAside', `${request.date} ${request.slot}: ${listed(drops)}`);
  return quarantines;
}

const isQuarantine = (object: Archived<'rejected'> | ArchivedDrop): object is Archived<'rejected'> =>
  'kind' in object;

const mostRowsShown = 50;
const mostCharacters = 60;

/** The first of them, values cut to what a terminal shows. */
export function rowsTable(rows: readonly QuarantinedRow[]): string {
  const table = formatTable(
    ['row', 'cell', 'column', 'value', 'reason', 'bad cells'],
    rows
      .slice(0, mostRowsShown)
      .map(({ row, cell, column, value, reason, badCells }) => [
        String(row),
        cell,
        column,
        shown(value),
        reason,
        badCells,
      ]),
  );
  const more = rows.length - mostRowsShown;
  return more > 0 ? `${table}\n… and ${howMany(more)} more` : table;
}

export const shown = (value: string) =>
  value.length > mostCharacters ? `${value.slice(0, mostCharacters)}…` : value;

export const howMany = (count: number) => `${count.toLocaleString('en-US')} ${count === 1 ? 'row' : 'rows'}`;

async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    throw new LabError('FileUnusable', (error as Error).message, { cause: error });
  }
}
