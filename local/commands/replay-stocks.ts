import { parseArgs } from 'node:util';
import { replayStocks, type StocksReplayRequest } from '../stocks/replay.ts';
import { argumentsOf } from './arguments.ts';
import { labCommand } from './lab-target.ts';

export const stocksUsage = `npm run replay -- stocks --from TIME --to TIME [--warm-up day|all|TIME] [--speed N|max] [--publish] [--json FILE] [--stack NAME]

Applies what the feed received in a time again, from the raw archive, by the code of the trend, and compares each row with the
live one. The rows go below replay/<run>/ of the archive; SQL and the live states are not touched, and no alarm hears of it.
With --publish the rows go into SQL then, in place of those that are there of the same ticks.
  --from, --to TIME  when the feed received it: as 2026-11-20T14:30:00Z, or with an offset; --to is not in it
  --warm-up          from when ticks are read first, to know what was before: the trading day's beginning (day, the default),
                     all that the archive has, or a TIME before --from. What differs for want of it is told apart
  --speed N|max      N times as fast as it was received. Without it: as fast as it goes
  --publish          takes the replayed rows into SQL: those that it has otherwise, and those that it lacks. Live rows without a
                     replayed one are left. Refused where the warm-up is too short to be certain. Whatever stops it half-way:
                     the same command again ends in the same rows
  --json FILE        writes all counts, and up to 10,000 differences
  --stack NAME       on AWS, by the stack's outputs; credentials and region as for any SDK.
                     Without it: on the laptop that npm start left up

Exit code 1 when the same version of the rule gives another row, or only one of the two rows is there; else 0, and 0 when the
rows were published. Explained, and counted apart: another version of the rule, the warm-up, records of the last two minutes,
and records that were set aside then and can be read now.`;

/** `npm run replay -- stocks …`: see the usage text above, and `replayStocks` for the exit code. */
export const stocksReplay = labCommand({ lab: 'stocks', usage: stocksUsage, parse, run: replayStocks });

const options = {
  from: { type: 'string' },
  to: { type: 'string' },
  'warm-up': { type: 'string' },
  speed: { type: 'string' },
  publish: { type: 'boolean', default: false },
  json: { type: 'string' },
  stack: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Undefined where help is asked for. */
function parse(args: string[]): { stack?: string | undefined; request: StocksReplayRequest } | undefined {
  const given = argumentsOf('replay');
  const { invalid, needed } = given;
  const { values, positionals } = given.split(() => parseArgs({ args, allowPositionals: true, options }));
  if (values.help) return undefined;
  given.lab(positionals, 'stocks');
  const time = (option: 'from' | 'to') => {
    const at = instant(values[option]);
    if (at === undefined)
      throw needed(`--${option}`, values[option], 'a time with its zone, as 2026-11-20T14:30:00Z');
    return at;
  };
  const from = time('from');
  const to = time('to');
  if (to <= from) throw invalid(`--to ${values.to} is not after --from ${values.from}`);
  const { 'warm-up': before = 'day', speed, publish, json, stack } = values;
  const warmUp = before === 'day' || before === 'all' ? before : instant(before);
  if (warmUp === undefined || (typeof warmUp === 'number' && warmUp > from))
    throw needed('--warm-up', before, 'day, all or a time before --from');
  if (speed !== undefined && speed !== 'max' && !(/^\d+(\.\d+)?$/.test(speed) && Number(speed) > 0))
    throw needed('--speed', speed, 'a number above 0, or max');
  if (json === '') throw needed('--json', json, 'a file');
  const pace = speed === undefined || speed === 'max' ? undefined : Number(speed);
  return { stack: given.stack(stack), request: { from, to, warmUp, speed: pace, publish, json } };
}

const shape = /^(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;

/** ISO 8601 with a zone, to milliseconds; undefined for what is none, or does not exist. */
function instant(text: string | undefined): number | undefined {
  const [, year, month, day] = shape.exec(text ?? '') ?? [];
  if (text === undefined || year === undefined) return undefined;
  const at = Date.parse(text);
  // Date.parse makes the 2nd of March out of the 30th of February.
  const isDate =
    new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  return Number.isNaN(at) || at < 0 || !isDate ? undefined : at;
}
