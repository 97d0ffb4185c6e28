import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * Synthesizes labs by the CDK's command line, bundles included. Without the CDK's validation of the templates, which
 * test/stacks/labs.test.ts has. JavaScript, because jest's global setup is loaded before any transform.
 *
 * @param {string} assembly where the cloud assembly goes
 * @param {string[]} stacks all without
 */
export async function cdkSynth(assembly, ...stacks) {
  const { NODE_OPTIONS: _ours, ...env } = process.env;
  const quietly = ['--quiet', '--no-validation', '--no-notices'];
  await promisify(execFile)(
    process.execPath,
    ['node_modules/aws-cdk/bin/cdk', 'synth', ...stacks, ...quietly, '--output', assembly],
    { env: { ...env, CDK_DISABLE_CLI_TELEMETRY: 'true' }, maxBuffer: 64 * 1024 * 1024 },
  );
}
