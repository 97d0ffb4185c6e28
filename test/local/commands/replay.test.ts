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

it('--help shows the usage and asks nobody', async () => {
  const { code, text } = await printed(['--help']);
  expect(code).toBe(0);
  for (const option of [
    '--date',
    '--slot',
    '--from',
    '--drop',
    '--corrected',
    '--corrections',
    '--force',
    '--stack',
  ])
    expect(text).toContain(option);
});

const slot = ['fashion', '--date', '2026-11-19', '--slot', '0600'];
const good = [...slot, '--from', 'xlsx'];

it.each([
  ['no lab', [], /no lab is named; there is fashion/],
  ['an unknown lab', ['stock'], /no lab stock/],
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
])('%s is refused with one line that says what is wrong', async (_what, args, message) => {
  await expect(replay(args, signal)).rejects.toMatchObject({
    code: 'UsageInvalid',
    message: expect.stringMatching(message),
  });
});

it('without a laptop that is up it says to start one, or to name a stack', async () => {
  const sessions = await mkdtemp(join(tmpdir(), 'sessions-'));
  try {
    await expect(replay(good, signal, { sessions })).rejects.toMatchObject({
      code: 'LaptopNotUp',
      message: expect.stringContaining('--stack'),
    });
  } finally {
    await rm(sessions, { recursive: true });
  }
});
