import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Stack, Stage } from 'aws-cdk-lib';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import type { Construct } from 'constructs';

const service = fileURLToPath(new URL('../../services/tick-feed/', import.meta.url));

/** How the program becomes one file: esbuild's options, but for where it goes. */
export const feedBundle = {
  entryPoints: [join(service, 'main.ts')],
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  minify: true,
  keepNames: true,
  logLevel: 'error',
  // CommonJS dependencies ask for modules of Node by `require`.
  banner: {
    js: "import{createRequire as makeRequire}from'node:module';const require=makeRequire(import.meta.url);",
  },
  // Two optional native parts of ws, asked for inside of try-blocks.
  external: ['bufferutil', 'utf-8-validate'],
} satisfies import('esbuild').BuildOptions;

/**
 * The image of the feed: its Dockerfile and the one file that the program is bundled to. The bundle is made at synth; the
 * image when it is deployed, which is what needs a container engine.
 *
 * @param nodeImage that it is made from, such as `node@sha256:…`. @default the Dockerfile's own
 */
export function feedImage(scope: Construct, id: string, nodeImage?: string): DockerImageAsset {
  return new DockerImageAsset(scope, id, {
    // A synth that bundles no function bundles no service either; nothing is built of it.
    directory: Stack.of(scope).bundlingRequired ? bundled(Stage.of(scope)?.outdir as string) : service,
    platform: Platform.LINUX_ARM64,
    buildArgs: nodeImage === undefined ? undefined : { NODE_IMAGE: nodeImage },
  });
}

/** A directory with Dockerfile and `main.mjs`: equal sources, equal bytes, and so no new image. */
function bundled(outdir: string): string {
  const directory = join(outdir, 'tick-feed');
  mkdirSync(directory, { recursive: true });
  copyFileSync(join(service, 'Dockerfile'), join(directory, 'Dockerfile'));
  const { buildSync } = createRequire(import.meta.url)('esbuild') as typeof import('esbuild');
  buildSync({ ...feedBundle, outfile: join(directory, 'main.mjs') });
  return directory;
}
