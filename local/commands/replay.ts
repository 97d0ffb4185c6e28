import { parseArgs } from 'node:util';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { LabError } from '../../domain/errors.ts';
import { isCalendarDate, isTimeOfDay } from '../../domain/fashion/calendar.ts';
import { trustingAgent } from '../core/certificate.ts';
import { createProgress, type Progress } from '../core/progress.ts';
import { type ReplayRequest, type ReplayTarget, replayFashion } from '../fashion/replay.ts';
import { requireSession } from '../session.ts';

const usage = `npm run replay -- fashion --date YYYY-MM-DD --slot HHMM --from xlsx|csv [--drop HASH] [--force] [--stack NAME]

Loads the drops of one slot again from the archive, in order.
  --from xlsx   transforms the workbook again, and compares the CSV with the archived one byte for byte
  --from csv    loads the archived CSV
  --drop HASH   this drop alone: the first digits of its workbook's SHA-256, as the table shows them
  --force       the last of them becomes current even if a newer drop is; without, an older drop goes to history only
  --stack NAME  on AWS, by the stack's outputs; credentials and region as for any SDK.
                Without it: on the laptop that npm start left up

Exit code 1 when an execution fails, or when the same version of the transform wrote other bytes; else 0.`;

/** What a test hands in. */
export interface ReplayOptions {
  progress?: Progress;
  /** Where the laptops that are up say so. @default .local/runs */
  sessions?: string;
  env?: NodeJS.ProcessEnv;
}

/**
 * `npm run replay -- fashion …`: see the usage text above, and `replayFashion` for the exit code.
 *
 * @throws UsageInvalid, LaptopNotUp, StackUnreadable, and what `replayFashion` throws
 */
export async function replay(
  args: string[],
  signal: AbortSignal,
  { progress = createProgress(), sessions, env = process.env }: ReplayOptions = {},
): Promise<number> {
  const { help, stack, request } = parse(args);
  if (help) {
    progress.line(usage);
    return 0;
  }
  const target = stack === undefined ? laptop(sessions) : await deployed(stack, env);
  return replayFashion({ target, request, progress, signal });
}

function parse(
  args: string[],
):
  | { help: true; stack?: undefined; request?: undefined }
  | { help: false; stack?: string; request: ReplayRequest } {
  const { values, positionals } = split(args);
  if (values.help) return { help: true };
  const { date, slot, from, drop, stack, force = false } = values;
  const [lab, ...more] = positionals;
  if (lab !== 'fashion')
    throw invalid(`${lab === undefined ? 'no lab is named' : `no lab ${lab}`}; there is fashion`);
  if (more.length > 0) throw invalid(`more than one lab: ${positionals.join(' ')}`);
  if (date === undefined || !isCalendarDate(date))
    throw invalid(needed('--date', date, 'a date as YYYY-MM-DD'));
  if (slot === undefined || !isTimeOfDay(slot)) throw invalid(needed('--slot', slot, 'a time as HHMM'));
  if (from !== 'xlsx' && from !== 'csv') throw invalid(needed('--from', from, 'xlsx or csv'));
  if (drop !== undefined && !/^[0-9a-f]{1,64}$/i.test(drop))
    throw invalid(needed('--drop', drop, 'the first digits of a SHA-256'));
  if (stack === '') throw invalid(needed('--stack', stack, 'the name of a stack'));
  return { help: false, stack, request: { date, slot, from, drop, force } };
}

function split(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        date: { type: 'string' },
        slot: { type: 'string' },
        drop: { type: 'string' },
        from: { type: 'string' },
        force: { type: 'boolean' },
        stack: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw invalid((error as Error).message);
  }
}

const needed = (option: string, value: string | undefined, what: string) =>
  `${option} ${value === undefined ? 'is missing' : JSON.stringify(value)}: it takes ${what}`;

const invalid = (why: string) => new LabError('UsageInvalid', `${why} (npm run replay -- --help)`);

function laptop(sessions: string | undefined): ReplayTarget {
  const { clients, outputs } = requireSession('fashion', sessions);
  return { clients, outputs, pathStyle: true };
}

/** By the SDK's default chain, AWS_ENDPOINT_URL included. AWS_CA_BUNDLE names what to trust, as for the aws command line. */
async function deployed(stack: string, env: NodeJS.ProcessEnv): Promise<ReplayTarget> {
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
