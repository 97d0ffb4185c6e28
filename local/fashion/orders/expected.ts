import type { MadeDrop } from './client.ts';

/**
 * What all tables of the warehouse and the rows set aside come to, as text: one line a row, sorted. Of the ledger that
 * part which does not tell how a drop came in: who loaded it and when, and whether it was the newest at that time.
 */
export interface Tables {
  /** Drop's load key and the row. */
  current_positions: string[];
  /** Date, slot, hash, load key and the row. */
  position_history: string[];
  /** Load key, modification time, order of the drop, key of its workbook, rows in, loaded, set aside. */
  load_ledger: string[];
  /** Load key and order of the drop that is current. */
  current_drop: string[];
  /** Of each archived CSV of bad rows: the drop, row, cell and reason. */
  set_aside: string[];
  /** Names of those that were left behind: none. */
  staging_tables: string[];
}

export const line = (...values: unknown[]): string => JSON.stringify(values);

const placeOf = ({ date, slot, sha256 }: MadeDrop) => `${date}/${slot}/${sha256}`;
const orderOf = (drop: MadeDrop) =>
  `${drop.date}/${drop.slot}/${String(drop.modifiedAt).padStart(15, '0')}/${drop.sha256}`;

/** Oldest first: by date, slot, modification time, and hash where all of these are the same. */
export function inOrder(drops: readonly MadeDrop[]): MadeDrop[] {
  return [...drops].sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
}

/**
 * The tables after these drops, whatever the order, the faults and the repetitions: sort the drops; the last is current;
 * the history holds each content once a slot; the ledger says of each when it was written last.
 *
 * Made from what the client wrote alone: no SQL and no rule of the lab has a part in it.
 *
 * @param archiveKey the key of a drop's workbook: its naming is a rule of its own, tested where it is
 */
export function expectedTables(
  drops: readonly MadeDrop[],
  transformVersion: string,
  archiveKey: (drop: MadeDrop) => string,
): Tables {
  const sorted = inOrder(drops);
  const readable = sorted.filter(({ content }) => content.refused === undefined);
  const loadKey = (drop: MadeDrop) => `${placeOf(drop)}/v${transformVersion}`;
  // The later one of the same content in the same slot stays in the map.
  const loads = [...new Map(readable.map((drop) => [placeOf(drop), drop])).values()];
  const last = readable.at(-1);
  return {
    current_positions: last ? last.content.good.map((row) => line(loadKey(last), ...row)).sort() : [],
    position_history: loads
      .flatMap((drop) =>
        drop.content.good.map((row) => line(drop.date, drop.slot, drop.sha256, loadKey(drop), ...row)),
      )
      .sort(),
    load_ledger: loads
      .map((drop) => {
        const { good, bad } = drop.content;
        const rows = [good.length + bad.length, good.length, bad.length];
        return line(loadKey(drop), drop.modifiedAt, orderOf(drop), archiveKey(drop), ...rows);
      })
      .sort(),
    current_drop: last ? [line(loadKey(last), orderOf(last))] : [],
    set_aside: sorted
      .flatMap((drop) =>
        drop.content.bad.map(({ row, cell, reason }) => line(orderOf(drop), row, cell, reason)),
      )
      .sort(),
    staging_tables: [],
  };
}

/** Rows that are not the same, in words; none when the tables are equal row by row. */
export function differences(expected: Tables, found: Tables): string[] {
  return (Object.keys(expected) as (keyof Tables)[]).flatMap((name) => {
    const missing = without(expected[name], found[name]);
    const tooMany = without(found[name], expected[name]);
    return [
      ...(missing.length > 0 ? [`${name} lacks ${rows(missing)}`] : []),
      ...(tooMany.length > 0 ? [`${name} has ${rows(tooMany)} that it should not have`] : []),
    ];
  });
}

const rows = (of: readonly string[]) => `${of.length} ${of.length === 1 ? 'row' : 'rows'}, such as ${of[0]}`;

/** What of `all` is not in `others`; a row that is there twice counts twice. */
function without(all: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const row of others) left.set(row, (left.get(row) ?? 0) + 1);
  return all.filter((row) => {
    const count = left.get(row) ?? 0;
    left.set(row, count - 1);
    return count <= 0;
  });
}

/** Rows that should be there and are not. */
export function lostRows(expected: Tables, found: Tables): number {
  return without(expected.position_history, found.position_history).length;
}

/** Rows that are there more than once in the history, in the current positions or in the ledger. */
export function doubledRows({ position_history, current_positions, load_ledger }: Tables): number {
  return [position_history, current_positions, load_ledger].reduce(
    (sum, table) => sum + table.length - new Set(table).size,
    0,
  );
}
