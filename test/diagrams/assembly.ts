import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';

/**
 * The directory of a cloud assembly of all labs: that which the run of all tests made, else one of its own, without bundles,
 * which is gone after the file's tests.
 */
export async function assembly(): Promise<string> {
  if (process.env.LABS_ASSEMBLY) return process.env.LABS_ASSEMBLY;
  jest.setTimeout(300_000); // the CDK loads most of itself, on a machine that may be busy
  const { synthesizeInto } = await import('../../local/synthesis.ts');
  const directory = await mkdtemp(join(tmpdir(), 'labs-synth-'));
  afterAll(() => rm(directory, { recursive: true }));
  synthesizeInto(directory);
  return directory;
}

/** The names of its stacks. */
export async function stacksOf(cdkOut: string): Promise<string[]> {
  const manifest = JSON.parse(await readFile(join(cdkOut, 'manifest.json'), 'utf8'));
  const artifacts = Object.entries<{ type: string }>(manifest.artifacts);
  return artifacts.flatMap(([name, { type }]) => (type === 'aws:cloudformation:stack' ? [name] : []));
}
