import { readFileSync } from 'node:fs';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Diagram } from '../../diagrams/engine/model.ts';
import { diagramIn } from '../../diagrams/engine/shape.ts';
import type { ReadArt } from '../../diagrams/engine/svg.ts';
import { LabError } from '../../domain/errors.ts';

const root = join(import.meta.dirname, '..', '..');

/** Where the models, the pictures and the pages are. */
export const diagramsDirectory = join(root, 'diagrams');

/** The drawings of the icon set. */
export const installedArt: ReadArt = (art) =>
  readFileSync(join(root, 'node_modules', 'aws-icons', 'icons', art), 'utf8');

/**
 * The models of these labs, or of all.
 *
 * @throws LabError UsageInvalid for a lab without a model; DiagramModelInvalid
 */
export async function readModels(directory: string, labs: readonly string[]): Promise<Diagram[]> {
  const ending = '.diagram.ts';
  const known = (await readdir(directory))
    .filter((name) => name.endsWith(ending))
    .map((name) => basename(name, ending))
    .sort();
  const unknown = labs.find((lab) => !known.includes(lab));
  if (unknown !== undefined) {
    throw new LabError('UsageInvalid', `there is no diagram of ${unknown}; there is ${known.join(', ')}`);
  }
  const read = async (lab: string) => {
    const name = `${lab}${ending}`;
    const model = await import(pathToFileURL(join(directory, name)).href).catch((error) => {
      // A compiler's message has its place in the second line, and a drawing below.
      const lines = String((error as Error).message)
        .split('\n')
        .map((line) => line.trim());
      const said = lines
        .filter((line) => line !== '')
        .slice(0, 2)
        .join(' ');
      throw new LabError('DiagramModelInvalid', `diagrams/${name}: ${said}`);
    });
    const diagram = diagramIn(model.default, `diagrams/${name}`);
    if (diagram.lab !== lab) {
      throw new LabError(
        'DiagramModelInvalid',
        `diagrams/${name}: lab: "${diagram.lab}" is not the file's name`,
      );
    }
    return diagram;
  };
  return Promise.all((labs.length > 0 ? [...new Set(labs)] : known).map(read));
}

/** A file's text; nothing where there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new LabError('FileUnusable', (error as Error).message, { cause: error });
  }
}

/**
 * Writes all of these files or, as far as a file system lets us, none: each is written beside its place, and only when
 * all are complete do they take their places.
 *
 * @returns the names of those that changed
 */
export async function writeTogether(
  directory: string,
  files: ReadonlyMap<string, string>,
): Promise<string[]> {
  const beside = (name: string) => join(directory, `.${name}.${process.pid}.tmp`);
  const changed: string[] = [];
  for (const [name, text] of files) {
    if ((await readIfThere(join(directory, name))) !== text) changed.push(name);
  }
  try {
    for (const name of changed) await writeFile(beside(name), files.get(name) as string);
    for (const name of changed) await rename(beside(name), join(directory, name));
  } catch (error) {
    throw new LabError('FileUnusable', (error as Error).message, { cause: error });
  } finally {
    for (const name of changed) await rm(beside(name), { force: true });
  }
  return changed;
}
