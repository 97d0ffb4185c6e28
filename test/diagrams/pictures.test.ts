import { readFile } from 'node:fs/promises';
import { staleFiles } from '../../diagrams/engine/generate.ts';
import { untidiness } from '../../diagrams/engine/tidiness.ts';
import { errorTable } from '../../domain/errors.ts';
import { generateAll } from '../../local/diagrams/draw.ts';
import { diagramsDirectory, readIfThere, readModels } from '../../local/diagrams/files.ts';
import { assembly, stacksOf } from './assembly.ts';

const models = await readModels(diagramsDirectory, []);
const cdkOut = await assembly();
const generated = await generateAll(diagramsDirectory, models, cdkOut);

it('every stack has its picture', async () => {
  expect(models.map(({ stack }) => stack).sort()).toEqual((await stacksOf(cdkOut)).sort());
});

it.each(Object.keys(errorTable).filter((code) => code.startsWith('Diagram')))(
  'the page about the pictures names %s',
  async (code) => {
    expect(await readFile('docs/pictures.md', 'utf8')).toContain(`\`${code}\``);
  },
);

describe.each(models.map(({ lab }) => lab))('the picture of %s', (lab) => {
  const one = generated.find(({ picture }) => picture.lab === lab);
  if (!one) throw new Error(`nothing was generated for ${lab}`);

  it('is true of the template, and its committed files are what model and template give', async () => {
    const held = new Map<string, string | undefined>();
    for (const name of one.files.keys()) held.set(name, await readIfThere(`${diagramsDirectory}/${name}`));
    expect(staleFiles(one, held)).toEqual([]);
    expect(one.remarks).toEqual([]);
  });

  it('is easy to read', () => {
    expect(untidiness(one.picture)).toEqual([]);
  });

  it('is shown by the README and by its page', async () => {
    expect(await readFile('README.md', 'utf8')).toContain(`(diagrams/${lab}.drawio.svg)`);
    expect(await readFile(`diagrams/${lab}.md`, 'utf8')).toContain(`(${lab}.drawio.svg)`);
  });

  it('has each drawing of its icons installed', () => {
    expect(one.files.get(`${lab}.drawio.svg`)).not.toContain('undefined');
  });
});
