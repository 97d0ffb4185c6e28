import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * A program of this folder as one file that Node runs by itself: what is measured in a process of its own shall not load tsx.
 *
 * @param name such as `fashion-case`, without its ending
 * @returns path of the file
 */
export async function bundledCase(name: string): Promise<string> {
  const outfile = join(root, '.local', 'bench', `${name}.mjs`);
  await build({
    entryPoints: [join(root, 'bench', `${name}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
  return outfile;
}
