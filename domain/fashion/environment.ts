import * as z from 'zod';
import { LabError } from '../errors.ts';
import { faultsOf, jsonOf } from '../shared/settings.ts';
import { inventoryLayout } from './inventory-layout.ts';
import type { ReportLimits } from './layout.ts';

/**
 * Names of the environment variables between the stack and the handlers. The stack must set each of them and a handler
 * can read no other: a misspelt name does not compile.
 */
export const collectEnvironment = [
  'ARCHIVE_BUCKET',
  'COLLECTED_TABLE',
  'SFTP_SECRET_ARN',
  /** JSON: {timeZone, slots}. */
  'SLOT_SCHEDULE',
  /** Source of the regular expression whose groups `date` and `slot` name the slot of a file. */
  'FILE_NAME_PATTERN',
  /** Seconds after a slot from which its report is late. */
  'GRACE_SECONDS',
  /** Seconds after which the claim of a collector that was killed lapses: longer than the function may run. */
  'LEASE_SECONDS',
  /** Seconds from the connection to the login, at most. */
  'SFTP_LOGIN_SECONDS',
  /** Seconds for which the server may leave everything unanswered. */
  'SFTP_SILENCE_SECONDS',
] as const;

export const recoverEnvironment = [
  'ARCHIVE_BUCKET',
  /** What imports say of themselves, by the key of the workbook. */
  'IMPORTS_TABLE',
  'IMPORT_STATE_MACHINE',
  /** Seconds after which an import is over, whether it said so or not. */
  'IMPORT_SECONDS',
] as const;

export const transformEnvironment = [
  /** JSON: {@link TransformLimits}. */
  'LIMITS',
] as const;

/** What a report may be at most; one that is more is refused whole, as ReportTooLarge. */
export interface TransformLimits extends ReportLimits {
  /** Bytes of the workbook itself, the .xlsx. Looked at before anything of it is downloaded. */
  workbookBytes: number;
}

/** A million rows with a text of their own in each cell are about 100 MB. */
export const defaultLimits: TransformLimits = { ...inventoryLayout.limits, workbookBytes: 256 * 1024 ** 2 };

const limit = z.number().int().positive();
const limitsShape = z.strictObject({
  rows: limit,
  distinctStrings: limit,
  inflatedBytes: limit,
  workbookBytes: limit,
} satisfies Record<keyof TransformLimits, unknown>);

/** The same limits, checked: whole numbers above zero. Throws LimitsInvalid with everything that is wrong. */
export function checkedLimits(limits: unknown): TransformLimits {
  const parsed = limitsShape.safeParse(limits);
  if (parsed.success) return parsed.data;
  throw new LabError('LimitsInvalid', `${JSON.stringify(limits)}: ${faultsOf(parsed.error).join(', ')}`);
}

/** From the variable LIMITS. Throws LimitsInvalid. */
export function parseLimits(text: string): TransformLimits {
  return checkedLimits(jsonOf(text, 'LimitsInvalid'));
}
