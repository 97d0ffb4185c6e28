/**
 * Order of Kinesis sequence numbers within a shard: decimal numbers of up to 56 digits, compared by value. Negative when `a`
 * comes first. Lambda and the emulator write them without leading zeros, so the longer one is the larger.
 */
export function compareSequences(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
