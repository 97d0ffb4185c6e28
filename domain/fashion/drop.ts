import { Temporal } from 'temporal-polyfill';
import * as z from 'zod';
import { LabError } from '../errors.ts';
import { isCalendarDate, isTimeOfDay } from '../shared/calendar.ts';

/** When the client's software writes its report. */
export interface SlotSchedule {
  /** IANA name, such as `Europe/Paris`. */
  timeZone: string;
  /** Local times as HHMM. */
  slots: readonly string[];
}

export interface DateAndSlot {
  /** `YYYY-MM-DD` in the client's zone. */
  date: string;
  /** `HHMM`, one of the schedule's. */
  slot: string;
}

/** One report as it was found on the client's server. The same bytes found again later are another drop. */
export interface Drop extends DateAndSlot {
  /** Modification time on the client's server, epoch milliseconds. */
  modifiedAt: number;
  /** SHA-256 of the file, 64 lower-case hexadecimal digits. */
  sha256: string;
  /** Name on the client's server, without its folder. */
  fileName: string;
}

export const dateShape = z.string().refine(isCalendarDate, 'not a date');
export const slotShape = z.string().refine(isTimeOfDay, 'not a time as HHMM');
/** Up to the end of the year 9999. */
export const modifiedAtShape = z.number().int().min(0).max(253_402_300_799_999);
export const sha256Shape = z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256');

export const dropShape = z.object({
  date: dateShape,
  slot: slotShape,
  modifiedAt: modifiedAtShape,
  sha256: sha256Shape,
  fileName: z.string().min(1),
});

/** The same drop, checked. Throws DropInvalid. */
export function checkedDrop(drop: Drop): Drop {
  const parsed = dropShape.safeParse(drop);
  if (parsed.success) return drop;
  const [issue] = parsed.error.issues;
  throw new LabError('DropInvalid', `${JSON.stringify(drop)}: ${issue?.path.join('.')} ${issue?.message}`);
}

/** `inventory_2026-11-20_0600.xlsx`, `inventory-20261120-0600.xlsx` and the like. */
export const defaultFileNamePattern =
  'inventory[_-](?<date>\\d{4}-?\\d{2}-?\\d{2})[_-](?<slot>\\d{4})\\.xlsx$';

/** The same schedule with its slots in order. Throws SlotScheduleInvalid. */
export function slotSchedule(schedule: SlotSchedule): SlotSchedule {
  const slots = [...schedule.slots].sort();
  const bad = (why: string) => new LabError('SlotScheduleInvalid', `${JSON.stringify(schedule)}: ${why}`);
  if (slots.length === 0) throw bad('no slots');
  if (!slots.every(isTimeOfDay)) throw bad('a slot is not HHMM');
  if (new Set(slots).size < slots.length) throw bad('a slot twice');
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(schedule.timeZone);
  } catch (cause) {
    throw new LabError('SlotScheduleInvalid', `${JSON.stringify(schedule)}: no such time zone`, { cause });
  }
  return { timeZone: schedule.timeZone, slots };
}

/**
 * The slot that a file belongs to.
 *
 * - Its name matches the pattern: the name's date, and its time floored to the last slot (0700 is the 0600 slot, 0500 the
 *   last one of the day before). An impossible date or time in such a name is refused (DropNameInvalid): the client's
 *   software is at fault, and a guess would file the report under the wrong day.
 * - Otherwise its modification time, floored to the last slot that had begun. A slot's local time that the clocks jump over
 *   begins when they jump; one that comes twice begins the first time.
 */
export function slotOf(
  file: { fileName: string; modifiedAt: number },
  schedule: SlotSchedule,
  pattern: string = defaultFileNamePattern,
): DateAndSlot {
  const { timeZone, slots } = slotSchedule(schedule);
  const groups = namedGroups(pattern, file.fileName);
  return groups
    ? floorLocal(dateAndTimeOf(groups, file.fileName), slots)
    : floorInstant(file.modifiedAt, timeZone, slots);
}

function namedGroups(pattern: string, fileName: string): Record<string, string | undefined> | undefined {
  let expression: RegExp;
  try {
    expression = new RegExp(pattern);
  } catch (cause) {
    throw new LabError('FileNamePatternInvalid', pattern, { cause });
  }
  if (!pattern.includes('(?<date>') || !pattern.includes('(?<slot>'))
    throw new LabError('FileNamePatternInvalid', pattern);
  return expression.exec(fileName)?.groups;
}

function dateAndTimeOf(groups: Record<string, string | undefined>, fileName: string): DateAndSlot {
  const digits = (groups.date ?? '').replaceAll('-', '');
  const date = `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)}`;
  const slot = groups.slot ?? '';
  if (!isCalendarDate(date) || !isTimeOfDay(slot)) throw new LabError('DropNameInvalid', fileName);
  return { date, slot };
}

function floorLocal({ date, slot: time }: DateAndSlot, slots: readonly string[]): DateAndSlot {
  const slot = slots.findLast((each) => each <= time);
  if (slot !== undefined) return { date, slot };
  return {
    date: Temporal.PlainDate.from(date).subtract({ days: 1 }).toString(),
    slot: slots.at(-1) as string,
  };
}

function floorInstant(modifiedAt: number, timeZone: string, slots: readonly string[]): DateAndSlot {
  const today = Temporal.Instant.fromEpochMilliseconds(modifiedAt).toZonedDateTimeISO(timeZone).toPlainDate();
  // The last slot of the day before has always begun; where a zone skips a whole day, the one before that has.
  for (const daysBack of [0, 1, 2]) {
    const date = today.subtract({ days: daysBack });
    const slot = slots.findLast((each) => slotBegin(date, each, timeZone) <= modifiedAt);
    if (slot !== undefined) return { date: date.toString(), slot };
  }
  throw new LabError('SlotScheduleInvalid', `${timeZone}: no slot before ${modifiedAt}`);
}

/** Epoch milliseconds. */
function slotBegin(date: Temporal.PlainDate, slot: string, timeZone: string): number {
  const local = date.toPlainDateTime(Temporal.PlainTime.from(`${slot.slice(0, 2)}:${slot.slice(2)}`));
  const begin = local.toZonedDateTime(timeZone, { disambiguation: 'earlier' });
  if (begin.toPlainDateTime().equals(local)) return begin.epochMilliseconds;
  // Jumped over: 'earlier' lies before the jump by as much as is missing.
  return (begin.getTimeZoneTransition('next') as Temporal.ZonedDateTime).epochMilliseconds;
}

/** Epoch milliseconds at which a slot begins in the client's zone. */
export function slotInstant({ date, slot }: DateAndSlot, timeZone: string): number {
  return slotBegin(Temporal.PlainDate.from(date), slot, timeZone);
}

/**
 * A string whose byte order is the order of drops, (date, slot, modification time, hash), for comparisons in SQL:
 * `2026-11-20/0600/001763618400000/<sha256>`.
 */
export function dropOrder(drop: Drop): string {
  const { date, slot, modifiedAt, sha256 } = checkedDrop(drop);
  return `${slotOrder({ date, slot })}${String(modifiedAt).padStart(15, '0')}/${sha256}`;
}

/** Where the slot begins in that order: `2026-11-20/0600/`. Every drop of the slot sorts behind it, none of an earlier one. */
export function slotOrder({ date, slot }: DateAndSlot): string {
  return `${date}/${slot}/`;
}

/** Negative when `a` is the older drop. The file name has no part in it: the same content at the same time is one drop. */
export function compareDrops(a: Drop, b: Drop): number {
  const [first, second] = [dropOrder(a), dropOrder(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}

/** What a load is known by: the same content for the same slot loads once a transform version. `date/slot/sha256/vN`. */
export function loadKey(drop: Pick<Drop, 'date' | 'slot' | 'sha256'>, transformVersion: string): string {
  const key = `${drop.date}/${drop.slot}/${drop.sha256}/v${transformVersion}`;
  parseLoadKey(key);
  return key;
}

export interface LoadKey extends DateAndSlot {
  sha256: string;
  transformVersion: string;
}

/** Throws LoadKeyInvalid. */
export function parseLoadKey(key: string): LoadKey {
  const [, date = '', slot = '', sha256 = '', transformVersion = ''] =
    /^([\d-]{10})\/(\d{4})\/([0-9a-f]{64})\/v([A-Za-z0-9.]{1,16})$/.exec(key) ?? [];
  if (!isCalendarDate(date) || !isTimeOfDay(slot)) throw new LabError('LoadKeyInvalid', key);
  return { date, slot, sha256, transformVersion };
}
