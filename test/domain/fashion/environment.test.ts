import { defaultLimits, parseLimits } from '../../../domain/fashion/contract.ts';

it('limits that were written are read back', () => {
  expect(parseLimits(JSON.stringify(defaultLimits))).toEqual(defaultLimits);
});

it.each([
  ['that are no JSON', 'many', 'no JSON: many'],
  ['that are not all there', '{"rows":1,"inflatedBytes":1,"workbookBytes":1}', 'distinctStrings'],
  ['that are text', JSON.stringify({ ...defaultLimits, rows: '10' }), 'rows'],
  ['below one', JSON.stringify({ ...defaultLimits, rows: -1 }), 'rows'],
  ['of another name', JSON.stringify({ ...defaultLimits, cells: 1 }), 'cells'],
])('limits %s are one clear error', (_what, text, named) => {
  expect(() => parseLimits(text)).toThrow(
    expect.objectContaining({ code: 'LimitsInvalid', message: expect.stringContaining(named) }),
  );
});
