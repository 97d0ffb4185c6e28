import { endToEndFirst } from './end-to-end-first.mjs';

it('end-to-end tests run first, and all others after them, in the order that they have', () => {
  const paths = ['domain/b', 'e2e/z', 'house/a', 'e2e/c'].map((name) => ({
    path: `/clone/test/${name}.test.ts`,
  }));
  expect(endToEndFirst(paths).map(({ path }) => path.slice('/clone/test/'.length))).toEqual([
    'e2e/z.test.ts',
    'e2e/c.test.ts',
    'domain/b.test.ts',
    'house/a.test.ts',
  ]);
});
