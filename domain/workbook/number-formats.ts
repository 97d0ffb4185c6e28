import { tags } from './package-parts.ts';

/**
 * The number formats that show a number as a date or a time, by their ids: ECMA-376 Part 1, 18.8.30. 14 to 22 and 45 to 47
 * are dates everywhere, 27 to 36 and 50 to 58 in the East Asian editions, 71 to 81 in the Thai one, and no other formats in
 * any edition.
 */
const builtInDates: readonly (readonly [first: number, last: number])[] = [
  [14, 22],
  [27, 36],
  [45, 47],
  [50, 58],
  [71, 81],
];

export function isBuiltInDate(id: number): boolean {
  return builtInDates.some(([first, last]) => id >= first && id <= last);
}

/**
 * Whether a format code shows dates or times (18.8.31): one of its letters outside quoted text, escaped characters, paddings
 * (`_x`, `*x`), exponents (`E+`) and brackets stands for a part of a date, or an elapsed time stands in brackets (`[h]`).
 */
export function isDateFormat(code: string): boolean {
  const bare = code.replace(/"[^"]*"?|[\\_*].?/gsu, '');
  if (/\[(?:h+|m+|s+)\]/i.test(bare)) return true;
  return /[dmyhsegb]/i.test(bare.replace(/\[[^\]]*\]|general|e[+-]/gi, ''));
}

/** Of each cell style (the index is a cell's `s`), 1 if it shows dates. From the styles part, 18.8. */
export function dateStyles(styles: string): Uint8Array {
  const codes = new Map<number, boolean>();
  for (const format of tags(section(styles, 'numFmts'), 'numFmt'))
    codes.set(Number(format.get('numFmtId')), isDateFormat(format.get('formatCode') ?? ''));
  return Uint8Array.from(tags(section(styles, 'cellXfs'), 'xf'), (style) => {
    const id = Number(style.get('numFmtId') ?? 0);
    return (codes.get(id) ?? isBuiltInDate(id)) ? 1 : 0;
  });
}

/** The content of an element that occurs once: other sections have elements of the same names. */
function section(xml: string, name: string): string {
  return (
    new RegExp(`<(?:[\\w.-]+:)?${name}[\\s>]([\\s\\S]*?)</(?:[\\w.-]+:)?${name}\\s*>`).exec(xml)?.[1] ?? ''
  );
}
