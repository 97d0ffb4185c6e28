import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { compareCsv } from '../../../local/fashion/csv-difference.ts';

async function* parts(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

it('the same bytes are identical however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string()), fc.array(fc.nat(40)), async (lines, cuts) => {
      const text = lines.join('\n');
      const whole = Buffer.from(text);
      async function* cutUp() {
        for (let at = 0, index = 0; at < whole.length; index += 1) {
          const length = (cuts[index % Math.max(1, cuts.length)] ?? 3) + 1;
          yield whole.subarray(at, at + length);
          at += length;
        }
      }
      const found = await compareCsv(parts(text), cutUp());
      expect(found).toMatchObject({ identical: true, differences: [] });
      expect(found.archived).toEqual(found.replayed);
      expect(found.archived.sha256).toBe(createHash('sha256').update(whole).digest('hex'));
    }),
    { numRuns: 60 },
  );
});

it('a line that differs is shown with its number, from both', async () => {
  const found = await compareCsv(parts('a,b\n1,', '2\n3,4\n'), parts('a,b\n1,2\n3,5\n'));
  expect(found).toMatchObject({
    identical: false,
    differences: [{ line: 3, archived: '"3,4\\n"', replayed: '"3,5\\n"' }],
  });
});

it('line ends and a missing last line feed are differences', async () => {
  const found = await compareCsv(parts('a\r\nb\n'), parts('a\nb'));
  expect(found.differences).toEqual([
    { line: 1, archived: '"a\\r\\n"', replayed: '"a\\n"' },
    { line: 2, archived: '"b\\n"', replayed: '"b"' },
  ]);
});

it('five differences are shown, all lines counted', async () => {
  const lines = Array.from({ length: 20 }, (_, index) => `${index}\n`);
  const found = await compareCsv(parts(...lines), parts('0\n', '1\n'));
  expect(found.differences).toHaveLength(5);
  expect(found.differences[0]).toEqual({ line: 3, archived: '"2\\n"', replayed: undefined });
  expect([found.archived.lines, found.replayed.lines]).toEqual([20, 2]);
});

it('a long line is shown around its first difference', async () => {
  const same = 'x'.repeat(5_000);
  const found = await compareCsv(parts(`${same}A${same}`), parts(`${same}B${same}`));
  const [difference] = found.differences;
  expect(difference?.archived).toMatch(/^…"x+Ax+"…$/);
  expect(difference?.replayed).toMatch(/^…"x+Bx+"…$/);
  expect(difference?.archived?.length).toBeLessThan(150);
});

it('when one file cannot be read to its end the other is let go of', async () => {
  let released = false;
  async function* endless() {
    try {
      for (;;) yield Buffer.from('a\n');
    } finally {
      released = true;
    }
  }
  async function* broken() {
    yield Buffer.from('a\n');
    throw new Error('cut off');
  }
  await expect(compareCsv(endless(), broken())).rejects.toThrow('cut off');
  expect(released).toBe(true);
});

it('a comparison stops when it is told to', async () => {
  await expect(compareCsv(parts('a'), parts('a'), AbortSignal.abort(new Error('enough')))).rejects.toThrow(
    'enough',
  );
});
