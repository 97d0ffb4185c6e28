import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fontFiles } from '../../../diagrams/engine/fonts.ts';
import type { Box, Point } from '../../../diagrams/engine/picture.ts';
import { LabError } from '../../../domain/errors.ts';
import { findChromium, visit } from './chromium.ts';
import { viewerScripts } from './install.ts';
import { ourStencils } from './stencils.ts';

export { compareWithEngine } from './compare.ts';

/** Where draw.io's own engine drew what, in the file's pixels from the file's top left corner. */
export interface EngineRendering {
  /** By the ids of the file. */
  readonly cells: ReadonlyMap<string, EngineCell>;
  /** Shapes and icons that the file names and the engine does not have: it draws a blank square for them. */
  readonly unknownShapes: readonly string[];
  /** Of the stencils that our tables name: those that the engine has, with the sizes of their drawings. */
  readonly stencils: ReadonlyMap<string, { readonly width: number; readonly height: number }>;
  /** What it looks like: two pixels for one of the file. */
  readonly png: Uint8Array;
  /** `draw.io 29.2.7` */
  readonly engine: string;
}

export interface EngineCell {
  readonly box: Box;
  /** Of an edge: its ends, and the bends between. */
  readonly points?: readonly Point[];
  /** What the words take; none where there are none. */
  readonly labelBox?: Box;
}

export interface RenderOptions {
  /** Directory for what is installed once: `.local`. */
  readonly cache: string;
  readonly signal: AbortSignal;
}

/** What the page is given, as `given` in given.js. */
interface Given {
  drawio: string;
  /** Names to look up beside those in the file. */
  stencils: readonly string[];
  /** Faces for what the file calls Helvetica, so that words are as wide on every machine. */
  fonts: readonly { family: string; weight: string; base64: string }[];
}

/** What the page says, in the element `measured`. */
type Measured =
  | { failed: string }
  | {
      engine: string;
      cells: Record<string, EngineCell>;
      unknownShapes: string[];
      stencils: Record<string, { width: number; height: number }>;
    };

/** A browser that takes longer does not end any more, on a busy machine neither. */
const patienceMs = 180_000;

/**
 * Renders a diagrams.net file by draw.io's own engine, in Chromium without network. The engine is installed by pip at
 * the first time.
 *
 * @param drawio the file's text, uncompressed
 * @returns what was drawn, or why it could not be tried on this machine
 * @throws LabError DiagramEngineFailed where Chromium or the engine gives up; the signal's reason when aborted
 */
export async function renderByEngine(
  drawio: string,
  options: RenderOptions,
): Promise<EngineRendering | { skipped: string }> {
  const { signal } = options;
  const chromium = findChromium();
  if (chromium === undefined) {
    return { skipped: 'no Chromium found: install it, or name it in CHROMIUM' };
  }
  let scripts: string;
  try {
    scripts = await viewerScripts(options.cache, signal);
  } catch (error) {
    signal.throwIfAborted();
    return { skipped: `draw.io's viewer could not be installed: ${(error as Error).message}` };
  }
  const directory = await mkdtemp(join(tmpdir(), 'labs-engine-'));
  try {
    return await renderIn(directory, drawio, { chromium, scripts, signal });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function renderIn(
  directory: string,
  drawio: string,
  o: { chromium: string; scripts: string; signal: AbortSignal },
): Promise<EngineRendering> {
  const page = join(directory, 'page.html');
  await copyFile(fileURLToPath(new URL('page.html', import.meta.url)), page);
  await symlink(o.scripts, join(directory, 'engine'));
  const given: Given = { drawio, stencils: ourStencils, fonts: await fonts() };
  await writeFile(join(directory, 'given.js'), `const given = ${JSON.stringify(given)};\n`);

  const patience = AbortSignal.timeout(patienceMs);
  const visited = await visit({
    chromium: o.chromium,
    page,
    directory,
    ...sizeOf(drawio),
    signal: AbortSignal.any([o.signal, patience]),
  }).catch((error) => {
    if (!patience.aborted || o.signal.aborted) throw error;
    throw new LabError('DiagramEngineFailed', `Chromium did not end within ${patienceMs / 1000} s`);
  });
  const measured = measuredIn(visited.dom);
  if (measured === undefined) throw new LabError('DiagramEngineFailed', visited.said || 'an empty page');
  if ('failed' in measured) throw new LabError('DiagramEngineFailed', measured.failed);
  return {
    ...measured,
    cells: new Map(Object.entries(measured.cells)),
    stencils: new Map(Object.entries(measured.stencils)),
    png: new Uint8Array(await readFile(visited.screenshot)),
  };
}

async function fonts(): Promise<Given['fonts']> {
  const face = async (weight: string, file: string) => ({
    family: 'Helvetica',
    weight,
    base64: await readFile(file, 'base64'),
  });
  return Promise.all([face('normal', fontFiles.regular), face('bold', fontFiles.bold)]);
}

/** Undefined where the scripts of the page did not come to their end. */
function measuredIn(dom: string): Measured | undefined {
  const text = /<script id="measured"[^>]*>([^<]+)<\/script>/.exec(dom)?.[1];
  return text === undefined ? undefined : JSON.parse(decodeURIComponent(text));
}

/** The size that the file says its picture has; room enough where it says none. */
function sizeOf(drawio: string): { width: number; height: number } {
  const number = (name: string, otherwise: number) =>
    Math.ceil(Number(new RegExp(`<mxGraphModel[^>]* ${name}="([\\d.]+)"`).exec(drawio)?.[1] ?? otherwise));
  return { width: number('pageWidth', 1600), height: number('pageHeight', 1200) };
}
