/** What a report may be at most, and the function that follows from it. */
import { jest } from '@jest/globals';
import { defaultLimits, parseLimits, type TransformLimits } from '../../../domain/fashion/contract.ts';
import { unbundledApp } from '../../../local/synthesis.ts';
import { FashionStack } from '../../../stacks/fashion/fashion-stack.ts';
import { transformSize } from '../../../stacks/fashion/transform-size.ts';
import { only, type Properties, templateOf } from '../synthesized.ts';

jest.setTimeout(300_000); // the CDK loads most of itself at a first synth, on a machine that may be busy

function transformOf(limits?: Partial<TransformLimits>): Properties {
  const stack = new FashionStack(unbundledApp(), 'Fashion', { limits });
  const template = templateOf(stack);
  return only(template, 'AWS::Lambda::Function', 'Transform')[1].Properties;
}

it('the transform gets its limits from the stack: those of the report, and of the workbook itself', () => {
  const { Environment, EphemeralStorage, MemorySize } = transformOf();
  expect(parseLimits(Environment.Variables.LIMITS)).toEqual(defaultLimits);
  expect(defaultLimits).toEqual({
    rows: 1_048_575,
    distinctStrings: 1_000_000,
    inflatedBytes: 2 * 1024 ** 3,
    workbookBytes: 256 * 1024 ** 2,
  });
  expect([MemorySize, EphemeralStorage]).toEqual([2332, { Size: 512 }]);
});

it('limits are props, each for itself; memory and disk of the function follow', () => {
  const { Environment, EphemeralStorage, MemorySize } = transformOf({
    inflatedBytes: 4 * 1024 ** 3,
    workbookBytes: 1024 ** 3,
  });
  expect(parseLimits(Environment.Variables.LIMITS)).toEqual({
    ...defaultLimits,
    inflatedBytes: 4 * 1024 ** 3,
    workbookBytes: 1024 ** 3,
  });
  // All that is inflated may be shared strings, which stay in memory; the workbook is on the disk.
  expect(MemorySize).toBeGreaterThan(4 * 1024);
  expect(EphemeralStorage.Size).toBeGreaterThan(1024);
});

it.each<[string, Partial<TransformLimits>, string]>([
  ['that no disk of a function holds', { workbookBytes: 10 * 1024 ** 3 }, 'at most 10240'],
  ['that no memory of a function holds', { inflatedBytes: 10 * 1024 ** 3 }, 'at most 10240'],
  ['of nothing', { rows: 0 }, 'rows'],
  ['that is no whole number', { inflatedBytes: 1.5 }, 'inflatedBytes'],
  ['that has another name', { sheets: 3 } as Partial<TransformLimits>, 'sheets'],
])('a limit %s fails the synth in one error', (_what, limits, named) => {
  const refused = expect.objectContaining({
    code: 'LimitsInvalid',
    message: expect.stringContaining(named),
  });
  expect(() => new FashionStack(unbundledApp(), 'Fashion', { limits })).toThrow(refused);
});

it('a function that holds the limits is never smaller than one CPU and the disk that Lambda gives anyway', () => {
  const { memory, ephemeralStorage } = transformSize({
    rows: 1,
    distinctStrings: 1,
    inflatedBytes: 1,
    workbookBytes: 1,
  });
  expect([memory, ephemeralStorage.toMebibytes()]).toEqual([1769, 512]);
});
