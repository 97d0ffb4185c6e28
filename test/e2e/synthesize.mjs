import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * jest's global setup (JavaScript: it is loaded before any transform): all end-to-end tests deploy the same synthesized
 * assembly, made once. Runs without such a test in them do not pay for it.
 *
 * @param {{ nonFlagArgs?: string[] }} config
 * @param {{ nonFlagArgs?: string[] }} _project
 */
export default async function synthesize(config, _project) {
  const asked = config.nonFlagArgs ?? [];
  if (asked.length > 0 && !asked.some((pattern) => /e2e|^\.?\/?test\/?$/.test(pattern))) return;
  const directory = await mkdtemp(join(tmpdir(), 'labs-assembly-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  const assembly = join(directory, 'cdk.out');
  const { NODE_OPTIONS: _ours, ...env } = process.env;
  try {
    await promisify(execFile)(
      process.execPath,
      ['node_modules/aws-cdk/bin/cdk', 'synth', '--all', '--quiet', '--no-notices', '--output', assembly],
      { env: { ...env, CDK_DISABLE_CLI_TELEMETRY: 'true' }, maxBuffer: 64 * 1024 * 1024 },
    );
  } catch (error) {
    await remove();
    throw error;
  }
  process.env.LABS_ASSEMBLY = assembly;
  // @ts-expect-error global teardown runs in this process and finds it here
  globalThis.removeAssembly = remove;
}
