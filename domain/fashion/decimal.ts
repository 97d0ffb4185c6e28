import type { Column } from './layout.ts';

/**
 * Exact decimals. A workbook stores each number as a binary double written out in decimal; a spreadsheet shows (and
 * computes with) 15 significant digits. The 15-digit text is what the person who made the report saw, so it is the value:
 * 19.989999999999998 is 19.99. After that nothing is rounded.
 */
export type DecimalFault = 'NotANumber' | 'TooManyDecimals' | 'OutOfRange';

/** Plain notation (no exponent) of the 15 significant digits of a finite double. */
export function fifteenDigits(value: number): string {
  // Whole numbers up to 2^53 are exact as they are.
  if (Number.isSafeInteger(value)) return value === 0 ? '0' : String(value);
  // The shortest text that reads back as this double: with 15 digits or fewer (and a point) it is the 15-digit one.
  const shortest = String(value);
  if (shortest.length <= 16 && !shortest.includes('e')) return shortest;
  const [mantissa = '', exponentText = '0'] = value.toExponential(14).split('e');
  const negative = mantissa.startsWith('-');
  const digits = mantissa.replace(/[-.]/g, '').replace(/0+$/, '');
  const point = Number(exponentText) + 1;
  let text: string;
  if (point <= 0) text = `0.${'0'.repeat(-point)}${digits}`;
  else if (digits.length <= point) text = digits + '0'.repeat(point - digits.length);
  else text = `${digits.slice(0, point)}.${digits.slice(point)}`;
  return negative ? `-${text}` : text;
}

const plain = /^(-?)0*(\d+)(?:\.(\d+))?$/;

/**
 * A plain decimal (`-12`, `0.5`, `007.10`: optional minus, digits, optionally a point and digits) in exactly `scale`
 * decimals. Refused: exponents, plus signs, thousands separators, decimal commas, currency signs, blanks inside.
 */
export function plainDecimal(
  text: string,
  precision: number,
  scale: number,
): { text: string } | DecimalFault {
  const parts = plain.exec(text);
  if (!parts) return 'NotANumber';
  const [, sign = '', whole = '0', decimals = ''] = parts;
  const fraction = decimals.length > scale ? decimals.replace(/0+$/, '') : decimals;
  if (fraction.length > scale) return 'TooManyDecimals';
  if (whole !== '0' && whole.length > precision - scale) return 'OutOfRange';
  const body = scale === 0 ? whole : `${whole}.${fraction.padEnd(scale, '0')}`;
  return { text: sign === '-' && /[1-9]/.test(body) ? `-${body}` : body };
}

/** The digits of a decimal without its point: comparable between decimals of one scale. */
export function scaledInteger(decimal: string): bigint {
  return BigInt(decimal.replace('.', ''));
}

/** The ends of a decimal column's range as integers at its scale. That they are decimals of it was checked with the layout. */
export function scaledRange({ range, precision, scale }: Column): [min: bigint, max: bigint] | undefined {
  const end = (value: number | string) => {
    const decimal = plainDecimal(String(value), precision as number, scale as number);
    return typeof decimal === 'string' ? 0n : scaledInteger(decimal.text);
  };
  return range && [end(range[0]), end(range[1])];
}
