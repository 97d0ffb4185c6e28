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

/** Synthesizes every lab, about 2 s, without bundles. */
export function synthesizeInto(directory: string, props?: LabsProps): void {
  const app = unbundledApp(directory);
  addLabs(app, props);
  app.synth();
}

/**
 * Synthesizes every lab, and hands out the cloud assembly.
 *
 * @param use reads what it needs of the directory, which is gone afterwards
 */
export async function withSynthesis<Result>(use: (cdkOut: string) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'labs-synth-'));
  try {
    synthesizeInto(directory);
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}
