import { createProgress } from '../core/progress.ts';
import { argumentsOf } from './arguments.ts';
import type { CommandOptions } from './lab-target.ts';
import { fashionReplay, fashionUsage } from './replay-fashion.ts';
import { stocksReplay, stocksUsage } from './replay-stocks.ts';

const labs = new Map([
  ['fashion', fashionReplay],
  ['stocks', stocksReplay],
]);

/**
 * `npm run replay -- <lab> …`: what came once, again from the lab's archive. Each lab says what it takes.
 *
 * @throws UsageInvalid, and what the lab's own throws
 */
export async function replay(
  args: string[],
  signal: AbortSignal,
  options: CommandOptions = {},
): Promise<number> {
  const lab = args.find((each) => labs.has(each));
  const command = lab === undefined ? undefined : labs.get(lab);
  if (command) return command(args, signal, options);
  if (args.includes('--help') || args.includes('-h')) {
    const { progress = createProgress() } = options;
    progress.line(`${fashionUsage}\n\n\n${stocksUsage}`);
    return 0;
  }
  const [named] = args;
  throw argumentsOf('replay').invalid(
    `${named === undefined || named.startsWith('-') ? 'no lab is named' : `no lab ${named}`}; there are ${[...labs.keys()].join(' and ')}`,
  );
}
