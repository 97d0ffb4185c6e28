import { parseArgs } from 'node:util';
import { type QuarantineRequest, showQuarantine } from '../fashion/quarantine.ts';
import { argumentsOf } from './arguments.ts';
import { slotOf, slotOptions } from './fashion-slot.ts';
import { labCommand } from './lab-target.ts';

const usage = `npm run quarantine -- fashion --date YYYY-MM-DD --slot HHMM [--drop HASH] [--out FILE] [--stack NAME]

Shows the rows of a slot that were set aside.
  --drop HASH   of this drop alone: the first digits of its workbook's SHA-256, as the table shows them
  --out FILE    writes them to a new CSV, for any editor or spreadsheet. Change value, the cell that column names, or raw, the
                whole row as JSON. Lines that are left as they are, or taken out, stay set aside. Then
                npm run replay -- fashion --date … --slot … --drop HASH --corrected FILE
  --stack NAME  on AWS, by the stack's outputs; credentials and region as for any SDK.
                Without it: on the laptop that npm start left up`;

/** `npm run quarantine -- fashion …`: see the usage text above. */
export const quarantine = labCommand({ lab: 'fashion', usage, parse, run: showQuarantine });

/** Undefined where help is asked for. */
function parse(args: string[]): { stack?: string; request: QuarantineRequest } | undefined {
  const { needed, split } = argumentsOf('quarantine');
  const options = { ...slotOptions, out: { type: 'string' } } as const;
  const { values, positionals } = split(() => parseArgs({ args, allowPositionals: true, options }));
  if (values.help) return undefined;
  const { stack, ...place } = slotOf('quarantine', values, positionals);
  if (values.out === '') throw needed('--out', values.out, 'a file');
  return { stack, request: { ...place, out: values.out } };
}
