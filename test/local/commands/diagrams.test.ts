import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { diagrams } from '../../../local/commands/diagrams.ts';
import { createProgress } from '../../../local/core/progress.ts';
import { diagramsDirectory } from '../../../local/diagrams/files.ts';
import { assembly } from '../../diagrams/assembly.ts';

/** What a model imports: from where the models are, wherever its copy lies. */
const here = pathToFileURL(join(diagramsDirectory, '/')).href;
const cdkOut = await assembly();
let directory: string;
let said: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'diagrams-'));
  for (const name of ['fashion.drawio', 'fashion.drawio.svg', 'fashion.md']) {
    await cp(join(diagramsDirectory, name), join(directory, name));
  }
  await writeModel((text) => text);
  said = '';
});
afterEach(() => rm(directory, { recursive: true }));

async function writeModel(change: (text: string) => string): Promise<void> {
  const text = await readFile(join(diagramsDirectory, 'fashion.diagram.ts'), 'utf8');
  await writeFile(
    join(directory, 'fashion.diagram.ts'),
    change(text.replaceAll("from './", `from '${here}`)),
  );
}

const run = (...args: string[]) => {
  const stream = { write: (text: string) => (said += text) };
  return diagrams(['--cdk-out', cdkOut, ...args], new AbortController().signal, {
    directory,
    progress: createProgress({ stream }),
  });
};
const held = async () =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(directory)).map(async (name) => [name, await readFile(join(directory, name), 'utf8')]),
    ),
  );

it('changes nothing when nothing changed, and says so', async () => {
  const before = await held();
  expect(await run('fashion')).toBe(0);
  expect(said).toContain('nothing changed');
  expect(await run('--check')).toBe(0);
  expect(await held()).toEqual(before);
});

it('a node that was moved in the committed diagram stays there; a new one and one that is gone are told', async () => {
  const path = join(directory, 'fashion.drawio');
  const drawio = await readFile(path, 'utf8');
  const place = /(id="results"[\s\S]*?<mxGeometry x=")([\d.]+)/;
  const x = Number(place.exec(drawio)?.[2]) + 30;
  await writeFile(
    path,
    drawio.replace(place, (_, before) => `${before}${x}`),
  );
  await writeModel((text) =>
    text
      .replace(/ {4}key: \{.*\n/, '')
      .replace(
        / {4}\.\.\.operationsNodes/,
        "    log: { path: 'Archive/AccessLog', icon: 'bucket', label: 'Access log' },\n$&",
      )
      .replace(
        "...notOnTheWay('drop')",
        "...(({ 'Archive/AccessLog': _drawn, ...others }) => others)(notOnTheWay('drop')), Key: 'left out by a test'",
      ),
  );
  expect(await run()).toBe(0);
  expect(said).toMatch(/fashion: new: log, at column \d+, row \d+/);
  expect(said).toContain('fashion: gone: key');
  expect(said).toContain('wrote diagrams/fashion.drawio');
  const after = await readFile(path, 'utf8');
  expect(Number(place.exec(after)?.[2])).toBe(x);
  expect(after).toContain('id="log"');
  expect(after).not.toContain('id="key"');
  expect(await readFile(join(directory, 'fashion.drawio.svg'), 'utf8')).toContain('Access log');
  said = '';
  expect(await run()).toBe(0);
  expect(said).toContain('nothing changed');
});

it('--check names what is stale, and writes nothing', async () => {
  await writeFile(join(directory, 'fashion.drawio.svg'), '<svg/>');
  const before = await held();
  await expect(run('--check')).rejects.toThrow(
    /^DiagramStale: .*: diagrams\/fashion\.drawio\.svg; run npm run diagrams/,
  );
  expect(await held()).toEqual(before);
});

describe.each([
  ['an icon that is misspelt', "icon: 's3'", "icon: 's4'", /DiagramIconUnknown: .*node archive/],
  [
    'a path that the template no longer has',
    "path: 'Load'",
    "path: 'Loader'",
    /DiagramPathUnknown: .*node load: "Loader"/,
  ],
  [
    'two nodes on a cell',
    'at: [2, 3]',
    'at: [1, 3]',
    /DiagramCellTaken: .*node key: cell 1,3 is taken by notes/,
  ],
  ['a key that is misspelt', "label: 'Results'", "lable: 'Results'", /DiagramModelInvalid: .*nodes\.results/],
  ['no syntax', 'export default', 'export defualt', /DiagramModelInvalid: .*fashion\.diagram\.ts/],
])('a model with %s', (_, right, wrong, message) => {
  it('is refused in one line, and no file is touched', async () => {
    await writeModel((text) => text.replace(right, wrong));
    const before = await held();
    const error = await run().catch((thrown: Error) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toMatch(/fashion\.diagram\.ts.*; ./);
    expect(await held()).toEqual(before);
  });
});

it('refuses a lab that has no diagram, and names those that have', async () => {
  await expect(run('fashoin')).rejects.toThrow(
    /UsageInvalid: .*there is no diagram of fashoin; there is fashion/,
  );
});

it('exports a picture where it is told', async () => {
  expect(await run('--png', '--pdf', '--out', join(directory, 'out'))).toBe(0);
  expect((await readdir(join(directory, 'out'))).sort()).toEqual(['fashion.pdf', 'fashion.png']);
});

it('refuses a directory that is no cloud assembly', async () => {
  await expect(run('--cdk-out', directory)).rejects.toThrow(/^DiagramTemplateUnreadable: .*manifest\.json/);
});
