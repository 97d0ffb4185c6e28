import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { addLabs, type LabsProps } from '../stacks/labs.ts';

export interface Checks {
  /**
   * Whether the CDK's own validation of CloudFormation runs at the synth. It takes seconds to load and changes nothing in a
   * template; `cdk synth` has it, and so has test/stacks/labs.test.ts for all labs.
   *
   * @default false
   */
  validated?: boolean;
}

/** An app with the context of cdk.json. Nothing is bundled: for those who read the template, not the code. */
export function unbundledApp(outdir?: string, { validated = false }: Checks = {}): App {
  const { context } = JSON.parse(readFileSync(new URL('../cdk.json', import.meta.url), 'utf8'));
  return new App({
    outdir,
    context: { ...context, 'aws:cdk:bundling-stacks': [] },
    builtinCloudFormationValidation: validated,
  });
}

/** Synthesizes every lab, about 2 s, without bundles. @returns the files of their templates, by slug */
export function synthesizeInto(directory: string, props?: LabsProps): Map<string, string> {
  const app = unbundledApp(directory);
  const labs = addLabs(app, props);
  app.synth();
  return new Map(Object.entries(labs).map(([lab, { templateFile }]) => [lab, templateFile]));
}

/**
 * Synthesizes every lab, and hands out the cloud assembly.
 *
 * @param use reads what it needs of the directory, which is gone afterwards
 */
export async function withSynthesis<Result>(
  use: (cdkOut: string, templates: ReadonlyMap<string, string>) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'labs-synth-'));
  try {
    return await use(directory, synthesizeInto(directory));
  } finally {
    await rm(directory, { recursive: true });
  }
}
