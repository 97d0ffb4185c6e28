import { Size } from 'aws-cdk-lib';
import { LabError } from '../../domain/errors.ts';
import type { TransformLimits } from '../../domain/fashion/contract.ts';

const mebibyte = 1024 ** 2;

/** One full vCPU comes with this many MB of memory; the transform is one thread. */
const oneCpu = 1769;
/** Lambda's range of ephemeral storage, and the end of its range of memory, MB. */
const leastStorage = 512;
const mostStorage = 10_240;
const mostMemory = 10_240;

/** Of the runtime, the SDK, the parts of two uploads under way, and the largest row. */
const fixedMemory = 256 * mebibyte;
/** The set that finds repeated keys: 10.7 bytes a row. */
const bytesPerRow = 12;
/** Where each shared string stands and what it is made of: 5 bytes, three times that while the list grows. */
const bytesPerString = 16;
/** What the disk holds beside the workbook. */
const fixedStorage = 64;

/**
 * Memory (MB) and ephemeral storage that a function needs for reports up to these limits, the worst of them included: one
 * that is nothing but shared strings, whose texts are kept. A megabyte of workbook can hold a thousand of them.
 *
 * @throws LimitsInvalid when no function of Lambda is large enough
 */
export function transformSize(limits: TransformLimits): { memory: number; ephemeralStorage: Size } {
  const { rows, distinctStrings, inflatedBytes, workbookBytes } = limits;
  const needed = fixedMemory + inflatedBytes + rows * bytesPerRow + distinctStrings * bytesPerString;
  const memory = Math.max(oneCpu, Math.ceil(needed / mebibyte));
  if (memory > mostMemory) {
    throw new LabError(
      'LimitsInvalid',
      `${inflatedBytes} bytes, ${rows} rows and ${distinctStrings} distinct strings need ${memory} MB of memory, a function has at most ${mostMemory}`,
    );
  }
  const storage = Math.max(leastStorage, Math.ceil(workbookBytes / mebibyte) + fixedStorage);
  if (storage > mostStorage) {
    throw new LabError(
      'LimitsInvalid',
      `a workbook of ${workbookBytes} bytes needs ${storage} MB of ephemeral storage, a function has at most ${mostStorage}`,
    );
  }
  return { memory, ephemeralStorage: Size.mebibytes(storage) };
}
