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

/** Of the runtime, the SDK, and the parts of two uploads under way. */
const fixedMemory = 256 * mebibyte;
/** The set that finds repeated keys: 16 bytes a row, twice that while it grows. */
const bytesPerRow = 32;
/** A shared string while the table is read: its XML and the string. Names and descriptions, not essays. */
const bytesPerString = 512;
/** What the disk holds beside the workbook. */
const fixedStorage = 64;

/**
 * Memory (MB) and ephemeral storage that a function needs for reports up to these limits.
 *
 * @throws LimitsInvalid when no function of Lambda is large enough
 */
export function transformSize(limits: TransformLimits): { memory: number; ephemeralStorage: Size } {
  const needed = fixedMemory + limits.rows * bytesPerRow + limits.distinctStrings * bytesPerString;
  const memory = Math.max(oneCpu, Math.ceil(needed / mebibyte));
  if (memory > mostMemory) {
    throw new LabError(
      'LimitsInvalid',
      `${limits.rows} rows and ${limits.distinctStrings} distinct strings need ${memory} MB of memory, a function has at most ${mostMemory}`,
    );
  }
  const storage = Math.max(leastStorage, Math.ceil(limits.workbookBytes / mebibyte) + fixedStorage);
  if (storage > mostStorage) {
    throw new LabError(
      'LimitsInvalid',
      `a workbook of ${limits.workbookBytes} bytes needs ${storage} MB of ephemeral storage, a function has at most ${mostStorage}`,
    );
  }
  return { memory, ephemeralStorage: Size.mebibytes(storage) };
}
