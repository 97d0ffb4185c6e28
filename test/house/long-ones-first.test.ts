import { longOnesFirst } from './long-ones-first.mjs';

it('end-to-end tests run first, those with a time limit of their own next, all others after them, in the order that they have', () => {
  const files = new Map([
    ['/clone/test/domain/b.test.ts', "it('is quick', () => {});"],
    ['/clone/test/domain/sql.test.ts', 'jest.setTimeout(60_000);'],
    ['/clone/test/e2e/z.test.ts', ''],
    ['/clone/test/house/a.test.ts', ''],
    ['/clone/test/bench/load.test.ts', 'jest.setTimeout(300_000); // starts a laptop'],
    ['/clone/test/e2e/c.test.ts', ''],
  ]);
  const tests = [...files.keys()].map((path) => ({ path }));
  const order = longOnesFirst(tests, (path) => files.get(path) ?? '');
  expect(order.map(({ path }) => path.slice('/clone/test/'.length))).toEqual([
    'e2e/z.test.ts',
    'e2e/c.test.ts',
    'domain/sql.test.ts',
    'bench/load.test.ts',
    'domain/b.test.ts',
    'house/a.test.ts',
  ]);
});
