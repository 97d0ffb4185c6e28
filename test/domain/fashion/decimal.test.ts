import fc from 'fast-check';
import { fifteenDigits, plainDecimal, scaledInteger } from '../../../domain/fashion/decimal.ts';

describe('numbers of a workbook', () => {
  it.each([
    [0.1 + 0.2, '0.3'],
    [19.989999999999998, '19.99'],
    [2.9999999999999996, '3'],
    [1e21, '1000000000000000000000'],
    [1.5e-7, '0.00000015'],
    [-0, '0'],
    [-1234.5, '-1234.5'],
    [9007199254740991, '9007199254740991'],
    [0.1234567890123456, '0.123456789012346'],
  ])('%d is what a spreadsheet shows: %s', (value, text) => {
    expect(fifteenDigits(value)).toBe(text);
  });

  it('every decimal of up to 15 digits survives being stored as a double', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 15n) + 1n, max: 10n ** 15n - 1n }),
        fc.nat(15),
        (digits, scale) => {
          const text = decimalOf(digits, scale);
          expect(plainDecimal(fifteenDigits(Number(text)), 40, scale)).toEqual({ text });
        },
      ),
    );
  });
});

describe('plain decimals', () => {
  it.each([
    ['12', '12.00'],
    ['-0.5', '-0.50'],
    ['007.1', '7.10'],
    ['1.2000', '1.20'],
    ['-0.00', '0.00'],
    ['9999999999.99', '9999999999.99'],
  ])('%s is written as %s', (from, to) => {
    expect(plainDecimal(from, 12, 2)).toEqual({ text: to });
  });

  it.each([
    ['1.234', 'TooManyDecimals'],
    ['10000000000', 'OutOfRange'],
    ['1,5', 'NotANumber'],
    ['1.234,50', 'NotANumber'],
    ['1e3', 'NotANumber'],
    ['+1', 'NotANumber'],
    ['.5', 'NotANumber'],
    ['5.', 'NotANumber'],
    ['€ 5', 'NotANumber'],
    ['', 'NotANumber'],
  ])('%s is refused as %s', (from, fault) => {
    expect(plainDecimal(from, 12, 2)).toBe(fault);
  });

  it('are compared without rounding', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.bigInt(), (a, b) => {
        const [first, second] = [a, b].map((n) => scaledInteger(decimalOf(n, 2))) as [bigint, bigint];
        expect(first < second).toBe(a < b);
      }),
    );
  });
});

function decimalOf(digits: bigint, scale: number): string {
  const text = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0');
  const body = scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`;
  return digits < 0n ? `-${body}` : body;
}
