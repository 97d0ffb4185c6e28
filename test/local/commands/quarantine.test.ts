import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quarantine } from '../../../local/commands/quarantine.ts';
import { createProgress } from '../../../local/core/progress.ts';

const signal = new AbortController().signal;

it('--help shows the usage and asks nobody', async () => {
  let text = '';
  const stream = {
    write: (part: string) => {
      text += part;
    },
  };
  expect(await quarantine(['-h'], signal, { progress: createProgress({ animated: false, stream }) })).toBe(0);
  for (const option of ['--date', '--slot', '--drop', '--out', '--stack']) expect(text).toContain(option);
});

const good = ['fashion', '--date', '2026-11-19', '--slot', '0600'];

it.each([
  ['no lab', [], /no lab is named; there is fashion \(npm run quarantine -- --help\)/],
  ['no slot', ['fashion', '--date', '2026-11-19'], /--slot is missing/],
  ['a hash that is none', [...good, '--drop', 'xyz'], /--drop "xyz"/],
  ['a file without a name', [...good, '--out', ''], /--out "": it takes a file/],
  ['an option of replay', [...good, '--from', 'csv'], /--from/],
])('%s is refused with one line that says what is wrong', async (_what, args, message) => {
  await expect(quarantine(args, signal)).rejects.toMatchObject({
    code: 'UsageInvalid',
    message: expect.stringMatching(message),
  });
});

it('without a laptop that is up it says to start one, or to name a stack', async () => {
  const sessions = await mkdtemp(join(tmpdir(), 'sessions-'));
  try {
    await expect(quarantine(good, signal, { sessions })).rejects.toMatchObject({ code: 'LaptopNotUp' });
  } finally {
    await rm(sessions, { recursive: true });
  }
});
