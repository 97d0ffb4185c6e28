import { LabError } from '../domain/errors.ts';
import { startProcess, type TetheredProcess } from './core/child-process.ts';

const settings = {
  CDK_DISABLE_CLI_TELEMETRY: 'true',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  // Credentials of this run alone, never a profile of the user's.
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
};

/**
 * Runs the stock CDK command line; its output goes to the log, and it ends with us.
 *
 * @param started is handed the process, so that whoever stops the run can stop it
 * @throws CdkFailed with the last lines that say why
 */
export async function cdk(
  args: string[],
  environment: NodeJS.ProcessEnv,
  logFile: string,
  started: (child: TetheredProcess) => void,
): Promise<void> {
  const { AWS_PROFILE: _profile, NODE_OPTIONS: _options, ...own } = process.env;
  const child = await startProcess({
    name: `cdk ${args[0]}`,
    command: process.execPath,
    args: ['node_modules/aws-cdk/bin/cdk', '--no-notices', '--no-version-reporting', '--ci', ...args],
    env: { ...own, ...settings, ...environment },
    logFile,
  });
  started(child);
  const { code } = await child.exited;
  if (code === 0) return;
  const said = child
    .tail(60)
    .split('\n')
    .filter((line) => /❌|fail|error|denied/i.test(line));
  throw new LabError(
    'CdkFailed',
    `cdk ${args[0]}: ${(said.slice(-3).join(' | ') || child.tail(3)).trim()} (${logFile})`,
  );
}
