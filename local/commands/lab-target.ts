import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { LabError } from '../../domain/errors.ts';
import { isCalendarDate, isTimeOfDay } from '../../domain/fashion/calendar.ts';
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

/** What the commands on one slot's drops take, laptop or AWS alike. For `parseArgs`. */
export const slotOptions = {
  date: { type: 'string' },
  slot: { type: 'string' },
  drop: { type: 'string' },
  stack: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export interface SlotArguments {
  date: string;
  slot: string;
  drop?: string;
  stack?: string;
}

type Values = Partial<Record<keyof SlotArguments, string>>;

/** Makes the checks of one npm script's arguments: each throws UsageInvalid, which names that script's --help. */
export function argumentsOf(script: string) {
  const invalid = (why: string) => new LabError('UsageInvalid', `${why} (npm run ${script} -- --help)`);
  const needed = (option: string, value: string | undefined, what: string) =>
    invalid(`${option} ${value === undefined ? 'is missing' : JSON.stringify(value)}: it takes ${what}`);
  return {
    invalid,
    needed,
    /** The result of `parseArgs`, whose errors are ours then. */
    split: <Result>(parse: () => Result): Result => {
      try {
        return parse();
      } catch (error) {
        throw invalid((error as Error).message);
      }
    },
    slot: ({ date, slot, drop, stack }: Values, positionals: string[]): SlotArguments => {
      const [lab, ...more] = positionals;
      if (lab !== 'fashion')
        throw invalid(`${lab === undefined ? 'no lab is named' : `no lab ${lab}`}; there is fashion`);
      if (more.length > 0) throw invalid(`more than one lab: ${positionals.join(' ')}`);
      if (date === undefined || !isCalendarDate(date)) throw needed('--date', date, 'a date as YYYY-MM-DD');
      if (slot === undefined || !isTimeOfDay(slot)) throw needed('--slot', slot, 'a time as HHMM');
      if (drop !== undefined && !isDigits(drop))
        throw needed('--drop', drop, 'the first digits of a SHA-256');
      if (stack === '') throw needed('--stack', stack, 'the name of a stack');
      return { date, slot, drop, stack };
    },
  };
}

/** First digits of a SHA-256, or all of them. */
export const isDigits = (text: string) => /^[0-9a-f]{1,64}$/i.test(text);

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
  const { clients, outputs } = requireSession(lab, sessions);
  return { clients, outputs, pathStyle: true };
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
    return { clients: trust(), outputs, pathStyle: Boolean(env.AWS_ENDPOINT_URL) };
  } catch (error) {
    throw new LabError('StackUnreadable', `${stack}: ${(error as Error).message}`, { cause: error });
  } finally {
    cloudFormation.destroy();
  }
}
