import { parseArgs } from 'node:util';
import { drain as drainLab, type InFlight } from '../drain.ts';
import type { LabTarget } from '../lab-target.ts';
import { labNames } from '../labs.ts';
import { stocksInFlight } from '../stocks/in-flight.ts';
import { argumentsOf } from './arguments.ts';
import { type CommandOptions, labCommand } from './lab-target.ts';

const usage = `npm run drain -- LAB --stack NAME

The first step before a stack is destroyed: disables its schedules, scales its services to no task, and waits until all that
they sent is in the archive and in SQL. What the destroy takes along, logs, streams and queues, holds nothing by then.
  LAB           ${labNames.join(' or ')}
  --stack NAME  by its outputs; credentials and region as for any SDK. A laptop has nothing to drain: Ctrl-C removes all of it

Should the stack stay after all: aws scheduler update-schedule, and aws ecs update-service --desired-count 2.`;

/** What a lab has on its way that no execution and no message tells of. */
const inFlight: Readonly<Record<string, (target: LabTarget) => InFlight>> = { stocks: stocksInFlight };

/** `npm run drain -- LAB …`: see the usage text above. */
export async function drain(args: string[], signal: AbortSignal, options?: CommandOptions): Promise<number> {
  const { split, lab: named, needed } = argumentsOf('drain');
  const { values, positionals } = split(() =>
    parseArgs({
      args,
      allowPositionals: true,
      options: { stack: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    }),
  );
  const lab = values.help ? '' : named(positionals, ...labNames);
  const { stack } = values;
  if (!values.help && !stack) throw needed('--stack', stack, 'the name of a stack');
  return labCommand({
    lab,
    usage,
    parse: () => (values.help ? undefined : { stack, request: undefined }),
    run: ({ target, progress, signal: stopped }) =>
      drainLab({ target, inFlight: inFlight[lab]?.(target), progress, signal: stopped }),
  })(args, signal, options);
}
