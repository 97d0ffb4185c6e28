import type { ImportNote } from './events.ts';

/** A workbook below `xlsx/` of the archive. */
export interface ArchivedWorkbook {
  key: string;
  /** Epoch milliseconds. */
  arrivedAt: number;
}

export interface RecoveryLimits {
  /** Seconds after its arrival for which the event of a workbook may still be on its way. */
  afterSeconds: number;
  /** Seconds after which an import is over that did not say how it ended: it was stopped, or timed out. */
  importSeconds: number;
}

/** Whether a workbook arrived so lately that a collection looks after its import. */
export function arrivedWithin({ arrivedAt }: ArchivedWorkbook, now: number, seconds: number): boolean {
  return now - arrivedAt <= seconds * 1000;
}

/**
 * The workbooks whose import is to be started again: its event was lost, or it ended with neither a load nor a refusal.
 * First those that nobody has tried for longest, so that none that fails again and again stands in the way of others.
 *
 * @param notes by key
 * @param now epoch milliseconds
 */
export function unfinished(
  workbooks: readonly ArchivedWorkbook[],
  notes: ReadonlyMap<string, ImportNote>,
  now: number,
  limits: RecoveryLimits,
): ArchivedWorkbook[] {
  const triedAt = ({ key, arrivedAt }: ArchivedWorkbook) =>
    begunSince(arrivedAt, notes.get(key)) ?? arrivedAt;
  return workbooks
    .filter((workbook) => isUnfinished(workbook, notes.get(workbook.key), now, limits))
    .sort((a, b) => triedAt(a) - triedAt(b));
}

function isUnfinished(
  { arrivedAt }: ArchivedWorkbook,
  note: ImportNote | undefined,
  now: number,
  { afterSeconds, importSeconds }: RecoveryLimits,
): boolean {
  const begunAt = begunSince(arrivedAt, note);
  if (begunAt === undefined) return now - arrivedAt >= afterSeconds * 1000;
  if (note?.outcome === 'running') return now - begunAt >= importSeconds * 1000;
  return note?.outcome === 'failed';
}

/** When an import began that can have read this workbook: another one may have been under its key before. */
function begunSince(arrivedAt: number, note: ImportNote | undefined): number | undefined {
  const begunAt = note && Date.parse(note.startedAt);
  return begunAt !== undefined && begunAt >= arrivedAt ? begunAt : undefined;
}
