import { parseArgs } from 'node:util';
import { type ReplayRequest, replayFashion } from '../fashion/replay.ts';
import { argumentsOf } from './arguments.ts';
import { isDigits, slotOf, slotOptions } from './fashion-slot.ts';
import { labCommand } from './lab-target.ts';

export const fashionUsage = `npm run replay -- fashion --date YYYY-MM-DD --slot HHMM --from xlsx|csv [--drop HASH] [--force] [--stack NAME]
npm run replay -- fashion --date YYYY-MM-DD --slot HHMM --drop HASH --corrected FILE [--force] [--stack NAME]

Loads the drops of one slot again from the archive, in order.
  --from xlsx         transforms the workbook again, and compares the CSV with the archived one byte for byte
  --from csv          loads the archived CSV
  --drop HASH         this drop alone: the first digits of its workbook's SHA-256, as the table shows them
  --corrected FILE    from the workbook, with rows that were set aside as this file has them; npm run quarantine makes it.
                      The corrections are archived. Another replay without them, or with others, takes them back
  --corrections HASH  the same with corrections that the archive holds
  --force             the last of them becomes current even if a newer drop is; without, an older drop goes to history only
  --stack NAME        on AWS, by the stack's outputs; credentials and region as for any SDK.
                      Without it: on the laptop that npm start left up

Exit code 1 when an execution fails, or when the same version of the transform wrote other bytes; else 0.`;

/** `npm run replay -- fashion …`: see the usage text above, and `replayFashion` for the exit code. */
export const fashionReplay = labCommand({ lab: 'fashion', usage: fashionUsage, parse, run: replayFashion });

/** Undefined where help is asked for. */
function parse(args: string[]): { stack?: string; request: ReplayRequest } | undefined {
  const { invalid, needed, split } = argumentsOf('replay');
  const { values, positionals } = split(() => parseArgs({ args, allowPositionals: true, options }));
  if (values.help) return undefined;
  const { stack, ...place } = slotOf('replay', values, positionals);
  const { corrected: file, corrections: hash, force = false } = values;
  if (file === undefined && hash === undefined) {
    const { from } = values;
    if (from !== 'xlsx' && from !== 'csv') throw needed('--from', from, 'xlsx or csv');
    return { stack, request: { ...place, from, force } };
  }
  if (file !== undefined && hash !== undefined) throw invalid('--corrected or --corrections, not both');
  if (values.from !== undefined && values.from !== 'xlsx')
    throw needed('--from', values.from, 'xlsx where there are corrections');
  if (place.drop === undefined) throw needed('--drop', undefined, 'the one drop that is corrected');
  if (file === '') throw needed('--corrected', file, 'a file');
  if (hash !== undefined && !isDigits(hash))
    throw needed('--corrections', hash, 'the first digits of a SHA-256');
  const corrections = file === undefined ? { hash: hash as string } : { file };
  return { stack, request: { ...place, from: 'xlsx', corrections, force } };
}

const options = {
  ...slotOptions,
  from: { type: 'string' },
  corrected: { type: 'string' },
  corrections: { type: 'string' },
  force: { type: 'boolean' },
} as const;
