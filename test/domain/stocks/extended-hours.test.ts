import { isExtendedHours } from '../../../domain/stocks/extended-hours.ts';

it.each([
  [['@', 'T'], true],
  [[' ', 'T', 'I'], true],
  [['@', 'U'], true],
  [['@'], false],
  [['@', '6', 'X'], false], // the closing auction, whenever it is told
  [['@', 'TT'], false],
  [[], false],
])('a trade with the conditions %j was made before or after the session: %s', (c, expected) => {
  expect(isExtendedHours({ T: 't', c })).toBe(expected);
});

it('what says nothing of its conditions is of the session', () => {
  for (const trade of [{}, { c: null }, { c: 'T' }, null, undefined, 'T', 7])
    expect(isExtendedHours(trade)).toBe(false);
});
