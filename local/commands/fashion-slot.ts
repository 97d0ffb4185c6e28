import { isCalendarDate, isTimeOfDay } from '../../domain/shared/calendar.ts';
import { argumentsOf } from './arguments.ts';

/** What the commands on one slot's drops take, laptop or AWS alike. For `parseArgs`. */
export const slotOptions = {
  date: { type: 'string' },
  slot: { type: 'string' },
  drop: { type: 'string' },
  stack: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export interface SlotArguments {
  date: string;
  slot: string;
  drop?: string;
  stack?: string;
}

/** The slot of the fashion lab that a script's arguments name. Throws UsageInvalid. */
export function slotOf(
  script: string,
  { date, slot, drop, stack }: Partial<SlotArguments>,
  positionals: readonly string[],
): SlotArguments {
  const given = argumentsOf(script);
  given.lab(positionals, 'fashion');
  if (date === undefined || !isCalendarDate(date)) throw given.needed('--date', date, 'a date as YYYY-MM-DD');
  if (slot === undefined || !isTimeOfDay(slot)) throw given.needed('--slot', slot, 'a time as HHMM');
  if (drop !== undefined && !isDigits(drop))
    throw given.needed('--drop', drop, 'the first digits of a SHA-256');
  return { date, slot, drop, stack: given.stack(stack) };
}

/** First digits of a SHA-256, or all of them. */
export const isDigits = (text: string) => /^[0-9a-f]{1,64}$/i.test(text);
