import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { alarmChecks } from '../check/alarms.ts';
import { Checked, runChecks } from '../check/check.ts';
import { declaredTemplate } from '../check/declared.ts';
import { concurrencyCheck, stackChecks } from '../check/rows.ts';
import { createProgress } from '../core/progress.ts';
import { labChecks, labNames } from '../labs.ts';
import { argumentsOf } from './arguments.ts';
import { type CommandOptions, labTarget } from './lab-target.ts';

const usage = `npm run check -- LAB [--stack NAME] [--yes] [--follow]

Looks at a deployed lab (${labNames.join(', ')}) and prints a table: ✓ as it must be, ✗ not, with what to do, – not asked, with
the reason. Looked at: the stack and its outputs; quotas; whether each alarm reaches somebody; the secret, well formed; what is
outside of AWS, asked with it; the loaders' rights in the warehouse, each statement of theirs run in a transaction that is taken
back; and the newest of what came in, counted until it is in SQL. Nothing in the lab is changed, and no value of a secret is shown.
  --stack NAME  on AWS, by the stack's outputs; credentials and region as for any SDK.
                Without it: on the laptop that npm start left up
  --yes         each alarm of the stack sends a message, without asking; without it, a terminal is asked first
  --follow      waits for the next of what comes in, and follows that

Exit code 1 on any ✗; else 0.`;

const given = argumentsOf('check');

const options = {
  stack: { type: 'string' },
  yes: { type: 'boolean', default: false },
  follow: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h' },
} as const;

/** What a test hands in. */
export interface CheckOptions extends CommandOptions {
  /** Asks a person; undefined where there is none. @default the terminal, if there is one */
  ask?: (question: string, signal: AbortSignal) => Promise<boolean | undefined>;
  /** Milliseconds for which it waits for what comes by itself. @default ten minutes */
  patience?: number;
}

/**
 * `npm run check -- <lab>`: see the usage text above.
 *
 * @throws UsageInvalid, LaptopNotUp, StackUnreadable
 */
export async function check(
  args: string[],
  signal: AbortSignal,
  { progress = createProgress(), sessions, env = process.env, ask = terminal, patience }: CheckOptions = {},
): Promise<number> {
  const { values, positionals } = given.split(() => parseArgs({ args, allowPositionals: true, options }));
  if (values.help) {
    progress.line(usage);
    return 0;
  }
  const lab = given.lab(positionals, ...labNames);
  const target = await labTarget(lab, given.stack(values.stack), sessions, env);
  const question = `Each alarm of ${target.stack} sends a message to whoever is subscribed. Send them now? [y/N] `;
  const send = values.yes || (await ask(question, signal));
  const checked = new Checked({ lab, target, request: { send, follow: values.follow }, signal, patience });
  try {
    const declared = await declaredTemplate(lab);
    const checks = [
      ...stackChecks(checked, declared),
      concurrencyCheck(checked, declared),
      ...alarmChecks(checked),
      ...(labChecks[lab]?.(checked, declared) ?? []),
    ];
    return await runChecks(checks, checked, progress);
  } finally {
    checked.close();
  }
}

/** Undefined where nobody sits there. */
async function terminal(question: string, signal: AbortSignal): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return undefined;
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await lines.question(question, { signal })).trim());
  } finally {
    lines.close();
  }
}
