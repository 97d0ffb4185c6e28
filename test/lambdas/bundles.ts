import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cdkSynth } from '../e2e/cdk-synth.mjs';

export interface Bundle {
  /** Logical id without its hash, such as `Collect`. */
  name: string;
  /** Holds what Lambda would unpack, and lies where no node_modules is above it. */
  directory: string;
  /** The environment of the template; what AWS would fill in is a word here. */
  environment: Record<string, string>;
}

/** Our functions as they are sent to AWS, each alone in a directory; taken from the assembly that the run made. */
export async function bundlesOf(stack: string): Promise<{ bundles: Bundle[]; remove(): void }> {
  const scratch = mkdtempSync(join(tmpdir(), 'labs-bundles-'));
  const made = process.env.LABS_ASSEMBLY;
  const assembly = made ?? join(scratch, 'cdk.out');
  if (made === undefined) await cdkSynth(assembly, stack);
  const { Resources } = JSON.parse(readFileSync(join(assembly, `${stack}.template.json`), 'utf8'));
  const bundles: Bundle[] = [];
  for (const [logicalId, { Type, Properties }] of Object.entries<Template['Resources'][string]>(Resources)) {
    // The CDK's own functions use the SDK that the runtime has.
    if (Type !== 'AWS::Lambda::Function' || /framework|CustomS3AutoDelete/.test(logicalId)) continue;
    const directory = join(scratch, logicalId);
    cpSync(join(assembly, `asset.${Properties.Code.S3Key.replace(/\.zip$/, '')}`), directory, {
      recursive: true,
    });
    const variables = Object.entries(Properties.Environment?.Variables ?? {});
    bundles.push({
      name: logicalId.replace(/[0-9A-F]{8}$/, ''),
      directory,
      environment: Object.fromEntries(
        variables.map(([name, value]) => [name, typeof value === 'string' ? value : 'filled-in-by-aws']),
      ),
    });
  }
  return { bundles, remove: () => rmSync(scratch, { recursive: true }) };
}

interface Template {
  Resources: Record<
    string,
    {
      Type: string;
      Properties: { Code: { S3Key: string }; Environment?: { Variables: Record<string, unknown> } };
    }
  >;
}

/**
 * Runs a piece of a program beside a bundle, whose module is `bundle` in it, with this environment and no other: no
 * NODE_PATH, no NODE_OPTIONS, so that only what is in the bundle resolves.
 */
export async function runBeside(
  bundle: Bundle,
  program: string,
  environment: Record<string, string>,
): Promise<{ code: number; output: string; errors: string }> {
  const run = promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', `const bundle = await import('./index.mjs');\n${program}`],
    {
      cwd: bundle.directory,
      env: {
        PATH: process.env.PATH,
        AWS_REGION: 'eu-west-1',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
        ...environment,
      },
    },
  );
  return run.then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout, errors: stderr }),
    (error) => ({ code: error.code, output: error.stdout, errors: error.stderr }),
  );
}
