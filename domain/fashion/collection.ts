import { type DateAndSlot, slotInstant } from './drop.ts';
import { parseArchiveKey } from './keys.ts';

/** What a look at the client's server says of a file. */
export interface Sight {
  /** Bytes. */
  size: number;
  /** Epoch milliseconds; SFTP version 3 knows whole seconds. */
  modifiedAt: number;
}

/** The drop that was last archived from a path. */
export interface CollectedDrop extends Sight {
  /** 64 lower-case hexadecimal digits. */
  sha256: string;
  /** Of the archived workbook. */
  key: string;
}

export function sameSight(one: Sight | undefined, other: Sight): boolean {
  return one?.size === other.size && one.modifiedAt === other.modifiedAt;
}

/**
 * Whether a file has come to rest: an earlier look saw the same of it, and that so many seconds ago. Two looks alone would
 * not do, since two collectors may look at the same moment.
 *
 * @param seen what the earlier look saw, and when it ended, epoch milliseconds
 * @param lookedAt when this look began, epoch milliseconds
 */
export function hasSettled(
  file: Sight,
  seen: (Sight & { at: number }) | undefined,
  lookedAt: number,
  settleSeconds: number,
): boolean {
  return seen !== undefined && sameSight(seen, file) && lookedAt - seen.at >= settleSeconds * 1000;
}

/**
 * The modification time that a drop is filed and ordered by. SFTP knows whole seconds: content that was written over the
 * drop before within the same second gets that one's time and a millisecond, and so comes after what it corrects.
 */
export function dropTime(file: Sight, before: CollectedDrop | undefined): number {
  if (before?.modifiedAt !== file.modifiedAt) return file.modifiedAt;
  const archived = parseArchiveKey(before.key);
  return archived.kind === 'xlsx' && archived.modifiedAt !== undefined
    ? archived.modifiedAt + 1
    : file.modifiedAt;
}

/**
 * The files that are so young that they are hashed again, newest first. Measured from the newest of all, not from now: the
 * client's clock and ours may differ. 0 seconds: none.
 */
export function dueToHashAgain<File extends Sight>(files: readonly File[], seconds: number): File[] {
  if (seconds === 0) return [];
  const newest = Math.max(...files.map(({ modifiedAt }) => modifiedAt));
  return files
    .filter(({ modifiedAt }) => newest - modifiedAt <= seconds * 1000)
    .sort((a, b) => b.modifiedAt - a.modifiedAt);
}

/** Whether a file was written after its slot's grace period. */
export function isLate(file: Sight, at: DateAndSlot, timeZone: string, graceSeconds: number): boolean {
  return file.modifiedAt > slotInstant(at, timeZone) + graceSeconds * 1000;
}

/** Whether a workbook with this key is one of the slot. */
export function isOfSlot(key: string, { date, slot }: DateAndSlot): boolean {
  const archived = parseArchiveKey(key);
  return archived.kind === 'xlsx' && archived.date === date && archived.slot === slot;
}
