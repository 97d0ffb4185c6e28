import type { rawCell } from './cells.ts';

/** A row's cells by column name, as JSON has them. */
export type RawRow = Readonly<Record<string, ReturnType<typeof rawCell>>>;

/** True when both rows have the same columns with the same cells. */
export function sameRow(a: RawRow, b: RawRow): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.is(a[name], b[name]));
}

/** A row from its JSON; a text that says what is wrong with it otherwise. */
export function rawRow(json: string): RawRow | string {
  let row: unknown;
  try {
    row = JSON.parse(json);
  } catch (error) {
    return (error as Error).message;
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row))
    return 'not an object of cells by column';
  for (const [name, cell] of Object.entries(row)) {
    // JSON.parse makes an infinity of 1e999, which no cell can hold.
    const fits =
      cell === null || ['string', 'boolean'].includes(typeof cell) || Number.isFinite(cell as number);
    if (!fits) return `${name} is neither text, number, boolean nor null`;
  }
  return row as RawRow;
}
