import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { LabError } from '../../domain/errors.ts';
import { trustingAgent } from '../core/certificate.ts';
import { createProgress, type Progress } from '../core/progress.ts';
import type { LabTarget } from '../lab-target.ts';
import { requireSession } from '../session.ts';

/** What a test hands in. */
export interface CommandOptions {
  progress?: Progress;
  /** Where the laptops that are up say so. @default .local/runs */
  sessions?: string;
  env?: NodeJS.ProcessEnv;
}

/** A command on a deployed lab, by its arguments. */
export interface LabCommand<Request> {
  /** The lab's slug. */
  lab: string;
  usage: string;
  /** Undefined where help is asked for. Throws UsageInvalid */
  parse(args: string[]): { stack?: string | undefined; request: Request } | undefined;
  run(o: { target: LabTarget; request: Request; progress: Progress; signal: AbortSignal }): Promise<number>;
}

/**
 * The command as `local/main.ts` calls it: shows its usage, or runs on the lab that its arguments name.
 *
 * @throws UsageInvalid, LaptopNotUp, StackUnreadable, and what `run` throws
 */
export function labCommand<Request>({ lab, usage, parse, run }: LabCommand<Request>) {
  return async (
    args: string[],
    signal: AbortSignal,
    { progress = createProgress(), sessions, env = process.env }: CommandOptions = {},
  ): Promise<number> => {
    const asked = parse(args);
    if (!asked) {
      progress.line(usage);
      return 0;
    }
    const target = await labTarget(lab, asked.stack, sessions, env);
    return run({ target, request: asked.request, progress, signal });
  };
}

/**
 * The lab of the stack, or without one that of the laptop that is up.
 *
 * @param lab its slug
 * @param sessions where the laptops that are up say so, `.local/runs` if undefined
 * @throws LaptopNotUp, StackUnreadable
 */
export async function labTarget(
  lab: string,
  stack: string | undefined,
  sessions: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<LabTarget> {
  if (stack !== undefined) return deployed(stack, env);
  return { ...requireSession(lab, sessions), pathStyle: true };
}

/** By the SDK's default chain, AWS_ENDPOINT_URL included. AWS_CA_BUNDLE names what to trust, as for the aws command line. */
async function deployed(stack: string, env: NodeJS.ProcessEnv): Promise<LabTarget> {
  // Each client closes the agent that it is given, so each gets one of its own.
  const trust = () =>
    env.AWS_CA_BUNDLE
      ? { requestHandler: { httpsAgent: trustingAgent({ authority: env.AWS_CA_BUNDLE }) } }
      : {};
  const cloudFormation = new CloudFormationClient(trust());
  try {
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: stack }));
    const outputs = Object.fromEntries(
      (Stacks?.[0]?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]),
    );
    // An endpoint of one's own has no host name per bucket.
    const pathStyle = Boolean(env.AWS_ENDPOINT_URL);
    return { stack, clients: trust(), dataApi: trust(), outputs, pathStyle };
  } catch (error) {
    throw new LabError('StackUnreadable', `${stack}: ${(error as Error).message}`, { cause: error });
  } finally {
    cloudFormation.destroy();
  }
}
