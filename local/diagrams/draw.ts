import { join } from 'node:path';
import { DiagramRefused, type Generated, generate, staleFiles } from '../../diagrams/engine/generate.ts';
import type { Diagram } from '../../diagrams/engine/model.ts';
import { readStackTemplate } from '../../diagrams/engine/template.ts';
import { LabError } from '../../domain/errors.ts';
import { installedArt, readIfThere, writeTogether } from './files.ts';

/**
 * Generates these labs' files, and writes nothing.
 *
 * @param directory where the committed files are
 * @param cdkOut a synthesized cloud assembly
 * @throws DiagramRefused with the findings of all of them; LabError where a file or the template cannot be used
 */
export async function generateAll(
  directory: string,
  diagrams: readonly Diagram[],
  cdkOut: string,
): Promise<Generated[]> {
  const all: Generated[] = [];
  const refused: DiagramRefused[] = [];
  for (const diagram of diagrams) {
    const template = await readStackTemplate(cdkOut, diagram.stack);
    const page = await readIfThere(join(directory, `${diagram.lab}.md`));
    if (page === undefined) {
      throw new LabError('FileUnusable', `diagrams/${diagram.lab}.md, the lab's explanation, does not exist`);
    }
    const drawio = await readIfThere(join(directory, `${diagram.lab}.drawio`));
    try {
      all.push(generate(diagram, template, { drawio, page }, installedArt));
    } catch (error) {
      if (!(error instanceof DiagramRefused)) throw error;
      refused.push(error);
    }
  }
  if (refused.length > 0) throw new DiagramRefused(refused.flatMap(({ findings }) => findings));
  return all;
}

/**
 * Writes what was generated, all of it or nothing.
 *
 * @returns the names of the files that changed
 */
export function writeAll(directory: string, generated: readonly Generated[]): Promise<string[]> {
  return writeTogether(directory, new Map(generated.flatMap(({ files }) => [...files])));
}

/** @throws DiagramRefused with a DiagramStale for each committed file that is not what was generated */
export async function assertFresh(directory: string, generated: readonly Generated[]): Promise<void> {
  const held = new Map<string, string | undefined>();
  for (const name of generated.flatMap(({ files }) => [...files.keys()])) {
    held.set(name, await readIfThere(join(directory, name)));
  }
  const stale = generated.flatMap((one) => staleFiles(one, held));
  if (stale.length > 0) throw new DiagramRefused(stale);
}
