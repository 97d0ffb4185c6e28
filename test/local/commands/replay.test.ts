import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { replay } from '../../../local/commands/replay.ts';
import { createProgress } from '../../../local/core/progress.ts';

const signal = new AbortController().signal;

async function printed(args: string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const progress = createProgress({
    animated: false,
    stream: {
      write: (part) => {
        text += part;
      },
    },
  });
  return { code: await replay(args, signal, { progress }), text };
}

const fashionOptions = [
  '--date',
  '--slot',
  '--from',
  '--drop',
  '--corrected',
  '--corrections',
  '--force',
  '--stack',
];
const stocksOptions = ['--from', '--to', '--warm-up', '--speed', '--publish', '--json', '--stack'];

it.each([
  ['of a lab', ['fashion', '--help'], fashionOptions, stocksOptions],
  ['of the other', ['stocks', '-h'], stocksOptions, fashionOptions],
  ['of both where none is named', ['--help'], [...fashionOptions, ...stocksOptions], []],
])('--help shows the usage %s and asks nobody', async (_what, args, options, others) => {
  const { code, text } = await printed(args);
  expect(code).toBe(0);
  for (const option of options) expect(text).toContain(option);
  for (const option of others) if (!options.includes(option)) expect(text).not.toContain(option);
});

const slot = ['fashion', '--date', '2026-11-19', '--slot', '0600'];
const hour = ['stocks', '--from', '2026-11-20T14:30:00Z', '--to', '2026-11-20T10:00:00.5-05:00'];
const good = [...slot, '--from', 'xlsx'];

it.each([
  ['no lab', [], /no lab is named; there are fashion and stocks/],
  ['an unknown lab', ['stock'], /no lab stock; there are/],
  ['two labs', [...good, 'fashion'], /more than one lab/],
  ['no date', ['fashion', '--slot', '0600', '--from', 'csv'], /--date is missing/],
  ['a date that does not exist', [...good, '--date', '2026-02-30'], /--date "2026-02-30"/],
  ['a slot with a colon', [...good, '--slot', '06:00'], /--slot "06:00": it takes a time as HHMM/],
  ['a source that there is not', [...good, '--from', 'pdf'], /--from "pdf": it takes xlsx or csv/],
  ['a hash that is none', [...good, '--drop', 'xyz'], /--drop "xyz"/],
  ['an unknown option', [...good, '--fast'], /--fast/],
  [
    'a correction of no drop',
    [...slot, '--corrected', 'rows.csv'],
    /--drop is missing: it takes the one drop/,
  ],
  [
    'a correction of an archived CSV',
    [...slot, '--from', 'csv', '--drop', 'ab', '--corrected', 'rows.csv'],
    /--from "csv": it takes xlsx where there are corrections/,
  ],
  [
    'a file and archived corrections',
    [...slot, '--drop', 'ab', '--corrected', 'rows.csv', '--corrections', 'cd'],
    /--corrected or --corrections, not both/,
  ],
  ['a file without a name', [...slot, '--drop', 'ab', '--corrected', ''], /--corrected ""/],
  [
    'corrections that are no hash',
    [...slot, '--drop', 'ab', '--corrections', 'a.csv'],
    /--corrections "a.csv"/,
  ],
  ['an option without its value', ['fashion', '--date'], /--date/],
  ['stocks and another lab', [...hour, 'fashion'], /more than one lab/],
  ['no beginning', ['stocks', '--to', '2026-11-20T15:00:00Z'], /--from is missing/],
  ['no end', ['stocks', '--from', '2026-11-20T15:00:00Z'], /--to is missing/],
  ['a time without a zone', [...hour, '--to', '2026-11-20T15:30:00'], /--to "2026-11-20T15:30:00": it takes/],
  ['a day that does not exist', [...hour, '--to', '2027-02-30T15:00:00Z'], /--to "2027-02-30T15:00:00Z"/],
  ['an hour that does not exist', [...hour, '--to', '2027-02-20T25:00:00Z'], /--to "2027-02-20T25:00:00Z"/],
  ['an end before the beginning', [...hour, '--to', '2026-11-20T14:00:00Z'], /is not after --from/],
  ['a warm-up that is none', [...hour, '--warm-up', 'hour'], /--warm-up "hour": it takes day, all or a time/],
  ['a warm-up that begins too late', [...hour, '--warm-up', '2026-11-20T14:30:01Z'], /--warm-up/],
  ['a speed of nothing', [...hour, '--speed', '0'], /--speed "0": it takes a number above 0, or max/],
  ['a speed that is no number', [...hour, '--speed', '1e3'], /--speed "1e3"/],
  ['a publication of something', [...hour, '--publish=run'], /--publish/],
  ['a report without a name', [...hour, '--json', ''], /--json ""/],
  ['an option of the other lab', [...hour, '--slot', '0600'], /--slot/],
])('%s is refused with one line that says what is wrong', async (_what, args, message) => {
  await expect(replay(args, signal)).rejects.toMatchObject({
    code: 'UsageInvalid',
    message: expect.stringMatching(message),
  });
});

it.each([
  ['fashion', good],
  ['stocks', [...hour, '--warm-up', '2026-11-20T14:00:00Z', '--speed', '2.5']],
  ['stocks', [...hour, '--warm-up', 'all', '--speed', 'max', '--publish']],
])('without a laptop that runs %s it says to start one, or to name a stack', async (lab, args) => {
  const sessions = await mkdtemp(join(tmpdir(), 'sessions-'));
  try {
    await expect(replay(args, signal, { sessions })).rejects.toMatchObject({
      code: 'LaptopNotUp',
      message: expect.stringMatching(new RegExp(`${lab}.*--stack`)),
    });
  } finally {
    await rm(sessions, { recursive: true });
  }
});
