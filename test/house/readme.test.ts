import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const decisions = 'docs/decisions';
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(path.join(root, decisions)).map((name) => `${decisions}/${name}`),
];
const read = (page: string) => readFileSync(path.join(root, page), 'utf8');

describe('the pages', () => {
  it('link to what exists', () => {
    const dead = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
        .map(([, target = '']) => path.join(path.dirname(page), target))
        .filter((target) => !existsSync(path.join(root, target)))
        .map((target) => `${page}: ${target}`),
    );
    expect(dead).toEqual([]);
  });

  it('name tests that are there, by the name that they have', () => {
    const named = [...read('README.md').matchAll(/\["([^"]+)"\]\((test\/[^)]+)\)/g)];
    expect(named.length).toBeGreaterThan(20);
    const missing = named.filter(([, name = '', file = '']) => !read(file).includes(name));
    expect(missing.map(([row]) => row)).toEqual([]);
  });

  it('run npm scripts that are there', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const run = pages.flatMap((page) =>
      [...read(page).matchAll(/npm run ([a-z-]+)/g)].map(([, name]) => name),
    );
    expect([...new Set(run)].filter((name) => !((name as string) in scripts))).toEqual([]);
  });
});
