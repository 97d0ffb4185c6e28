import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const markdownIn = (folder: string) =>
  readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`);
/** What explains each lab: claims in it name the test that shows them. */
const explanations = markdownIn('diagrams');
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...markdownIn('docs'),
  ...markdownIn('docs/decisions'),
  ...explanations,
];
const read = (page: string) => readFileSync(path.join(root, page), 'utf8');
/** Relative to the page, without the anchor, as a path below the root. */
const linked = (page: string, target: string) => path.join(path.dirname(page), target);

describe('the pages', () => {
  it('link to what exists', () => {
    const dead = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
        .map(([, target = '']) => linked(page, target))
        .filter((target) => !existsSync(path.join(root, target)))
        .map((target) => `${page}: ${target}`),
    );
    expect(dead).toEqual([]);
  });

  it('link to headings that are there', () => {
    const dead = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)]
        .filter(([, target = '', anchor = '']) => {
          const file = target === '' ? page : linked(page, target);
          return file.endsWith('.md') && !anchorsOf(read(file)).includes(anchor);
        })
        .map(([link]) => `${page}: ${link}`),
    );
    expect(dead).toEqual([]);
  });

  it.each(pages)('%s names tests that are there, by the name that they have', (page) => {
    const named = [...read(page).matchAll(/\["([^"]+)"\]\(([^)]*\btest\/[^)]+)\)/g)];
    if (explanations.includes(page)) expect(named.length).toBeGreaterThan(20);
    const missing = named.filter(([, name = '', file = '']) => {
      const target = linked(page, file);
      return !existsSync(path.join(root, target)) || !read(target).includes(name);
    });
    expect(missing.map(([row]) => row)).toEqual([]);
  });

  it('can be read: the README has at most 220 lines', () => {
    expect(read('README.md').split('\n').length).toBeLessThanOrEqual(221);
  });

  it('run npm scripts that are there', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const run = pages.flatMap((page) =>
      [...read(page).matchAll(/npm run ([a-z-]+)/g)].map(([, name]) => name),
    );
    expect([...new Set(run)].filter((name) => !((name as string) in scripts))).toEqual([]);
  });
});

/** As GitHub makes them: lower case, punctuation left out, blanks to hyphens. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#{1,6} +(.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
