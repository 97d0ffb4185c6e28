import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { pdfOf, pngOf } from '../../diagrams/engine/export.ts';
import type { Generated } from '../../diagrams/engine/generate.ts';
import { untidiness } from '../../diagrams/engine/tidiness.ts';
import { LabError } from '../../domain/errors.ts';
import { createProgress, type Progress } from '../core/progress.ts';
import { assertFresh, generateAll, writeAll } from '../diagrams/draw.ts';
import { diagramsDirectory, readModels } from '../diagrams/files.ts';
import { argumentsOf } from './arguments.ts';

const usage = `npm run diagrams [-- LAB ...] [--check] [--png] [--pdf] [--out DIR] [--cdk-out DIR]

Draws each lab's picture from its model, diagrams/<lab>.diagram.ts, held against the synthesized template. Writes
diagrams/<lab>.drawio, <lab>.drawio.svg and the generated parts of <lab>.md. What was moved in diagrams.net stays there.

  LAB            the labs to draw; all by default
  --cdk-out DIR  hold them against this cloud assembly; by default the stacks are synthesized anew
  --check        write nothing; exit code 1 where a committed file is not what the model and the template give
  --png, --pdf   export the picture, too
  --out DIR      where exports go; .local/diagrams by default

Exit code 1 when something in a model is not so in the template: each finding is one line, and no file is written.`;

interface Options {
  labs: string[];
  check: boolean;
  png: boolean;
  pdf: boolean;
  out: string;
  cdkOut: string | undefined;
}

/** What a test hands in. */
export interface DiagramsOptions {
  progress?: Progress;
  /** Where models, pictures and pages are. @default diagrams/ */
  directory?: string;
}

/** `npm run diagrams`: see the usage text above. */
export async function diagrams(
  args: string[],
  signal: AbortSignal,
  { progress = createProgress(), directory = diagramsDirectory }: DiagramsOptions = {},
): Promise<number> {
  const asked = parse(args);
  if (!asked) {
    progress.line(usage);
    return 0;
  }
  const models = await readModels(directory, asked.labs);
  const generated = await progress.step('Hold the models against the template', () =>
    asked.cdkOut === undefined
      ? synthesized((cdkOut) => generateAll(directory, models, cdkOut))
      : generateAll(directory, models, asked.cdkOut),
  );
  signal.throwIfAborted();
  for (const { picture, remarks } of generated) {
    for (const remark of remarks) progress.line(`  ${picture.lab}: ${remark}`);
    for (const flaw of untidiness(picture)) progress.line(`  ${picture.lab}: hard to read: ${flaw}`);
  }
  if (asked.check) {
    await assertFresh(directory, generated);
    progress.line('Every committed file is what the models and the template give.');
  } else {
    const changed = await writeAll(directory, generated);
    for (const name of changed) progress.line(`  wrote diagrams/${name}`);
    if (changed.length === 0) progress.line('  nothing changed');
  }
  if (asked.png || asked.pdf) await exportAll(generated, asked, progress);
  return 0;
}

/** Loads the CDK, which takes a second, only where it is needed. */
async function synthesized<Result>(use: (cdkOut: string) => Promise<Result>): Promise<Result> {
  const { withSynthesis } = await import('../synthesis.ts');
  return withSynthesis(use);
}

const svgIn = ({ files, picture }: Generated) => files.get(`${picture.lab}.drawio.svg`) as string;

async function exportAll(generated: readonly Generated[], asked: Options, progress: Progress): Promise<void> {
  for (const one of generated) {
    const { lab, title } = one.picture;
    if (asked.png) await writeExport(asked.out, `${lab}.png`, pngOf(svgIn(one)), progress);
    if (asked.pdf) await writeExport(asked.out, `${lab}.pdf`, await pdfOf(svgIn(one), { title }), progress);
  }
}

async function writeExport(out: string, name: string, bytes: Uint8Array, progress: Progress): Promise<void> {
  const path = join(out, name);
  try {
    await mkdir(out, { recursive: true });
    await writeFile(path, bytes);
  } catch (error) {
    throw new LabError('FileUnusable', (error as Error).message, { cause: error });
  }
  progress.line(`  wrote ${relative('.', path)}`);
}

/** Undefined where help is asked for. */
function parse(args: string[]): Options | undefined {
  const flag = { type: 'boolean', default: false } as const;
  const options = {
    check: flag,
    png: flag,
    pdf: flag,
    out: { type: 'string', default: join('.local', 'diagrams') },
    'cdk-out': { type: 'string' },
    help: { ...flag, short: 'h' },
  } as const;
  const { values, positionals } = argumentsOf('diagrams').split(() =>
    parseArgs({ args, allowPositionals: true, options }),
  );
  if (values.help) return undefined;
  return { ...values, labs: positionals, cdkOut: values['cdk-out'] };
}
