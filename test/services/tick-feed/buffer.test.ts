import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { SpillBuffer } from '../../../services/tick-feed/buffer.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'spill-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const buffer = (memoryBytes: number, where = directory) =>
  new SpillBuffer<string>({
    memoryBytes,
    directory: where,
    bytesOf: (item) => item.length,
    write: (item) => JSON.stringify(item),
    read: (line) => JSON.parse(line),
  });

it('what goes in comes out, in its order, however little memory there is', () => {
  const item = fc.string({ unit: 'binary', maxLength: 30 });
  const actions = fc.array(fc.oneof({ weight: 2, arbitrary: item }, fc.constant(undefined)), {
    maxLength: 100,
  });
  fc.assert(
    fc.property(actions, fc.integer({ min: 0, max: 300 }), (given, memoryBytes) => {
      const tried = buffer(memoryBytes);
      const expected: string[] = [];
      for (const action of given) {
        if (action === undefined) expect(tried.shift()).toBe(expected.shift());
        else {
          tried.push(action);
          expected.push(action);
        }
        expect(tried.length).toBe(expected.length);
      }
      for (const rest of expected) expect(tried.shift()).toBe(rest);
      expect(tried.shift()).toBeUndefined();
      expect([tried.length, tried.bytes, tried.spilledBytes]).toEqual([0, 0, 0]);
      tried.clear();
    }),
    { numRuns: 50 },
  );
});

it('what does not fit into memory is on the disk, in a file that nobody has to clean up', () => {
  const tried = buffer(1_000);
  for (let n = 0; n < 10_000; n += 1) tried.push(`item ${n}`);
  expect(tried.spilledBytes).toBeGreaterThan(80_000);
  expect(readdirSync(directory)).toEqual([]);
  for (let n = 0; n < 10_000; n += 1) expect(tried.shift()).toBe(`item ${n}`);
  expect(tried.spilledBytes).toBe(0);
  tried.clear();
});

it('when the disk takes nothing it says so, and keeps what it has', () => {
  const file = path.join(directory, 'a file');
  writeFileSync(file, '');
  const tried = buffer(100, file);
  let kept = 0;
  expect(() => {
    for (; kept < 1_000; kept += 1) tried.push(`item ${kept}`);
  }).toThrow(expect.objectContaining({ code: 'SpillFailed' }));
  expect(tried.length).toBe(kept);
  for (let n = 0; n < kept; n += 1) expect(tried.shift()).toBe(`item ${n}`);
  expect(tried.shift()).toBeUndefined();
  tried.push('there is room again');
  expect(tried.shift()).toBe('there is room again');
});
