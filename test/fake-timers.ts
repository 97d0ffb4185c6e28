import { jest } from '@jest/globals';

const apis = [
  'Date',
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
  'setInterval',
  'clearInterval',
  'setTimeout',
  'clearTimeout',
] as const;

/** From now on these go by the test's own time, and all others as always: sockets, files and whoever else waits. */
export function fakeOnly(...faked: (typeof apis)[number][]): void {
  jest.useFakeTimers({ doNotFake: apis.filter((api) => !faked.includes(api)) });
}
