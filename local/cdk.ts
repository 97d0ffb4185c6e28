import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { LabError } from '../domain/errors.ts';

const settings = {
  CDK_DISABLE_CLI_TELEMETRY: 'true',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  // Credentials of this run alone, never a profile of the user's.
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
};

/**
 * Runs the stock CDK command line; its output goes to the log.
 *
 * @throws CdkFailed with the last lines that say why
 */
export async function cdk(args: string[], environment: NodeJS.ProcessEnv, logFile: string): Promise<void> {
  const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  log.write(`$ cdk ${args.join(' ')}\n`);
  const { AWS_PROFILE: _profile, ...own } = process.env;
  const child = spawn(
    process.execPath,
    ['node_modules/aws-cdk/bin/cdk', '--no-notices', '--no-version-reporting', '--ci', ...args],
    { env: { ...own, ...settings, ...environment, NODE_OPTIONS: '' }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let tail = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      log.write(chunk);
      tail = (tail + chunk).slice(-8000);
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  log.end();
  await finished(log);
  if (code === 0) return;
  const said = tail.split('\n').filter((line) => /❌|fail|error|denied/i.test(line));
  throw new LabError(
    'CdkFailed',
    `cdk ${args[0]}: ${(said.slice(-3).join(' | ') || tail.slice(-500)).trim()} (${logFile})`,
  );
}
