import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drain } from '../../../local/commands/drain.ts';
import { createProgress } from '../../../local/core/progress.ts';
import { labNames } from '../../../local/labs.ts';

const signal = new AbortController().signal;

it('--help shows the usage and asks nobody', async () => {
  let text = '';
  const stream = {
    write: (part: string) => {
      text += part;
    },
  };
  expect(await drain(['-h'], signal, { progress: createProgress({ animated: false, stream }) })).toBe(0);
  for (const each of [...labNames, '--stack']) expect(text).toContain(each);
});

it.each([
  ['no lab', [], /no lab is named; there is .* \(npm run drain -- --help\)/],
  ['a lab that there is not', ['drones'], /no lab drones/],
  ['two labs', labNames, /more than one lab/],
  ['a stack without a name', [labNames[0] ?? '', '--stack', ''], /--stack "": it takes the name of a stack/],
  ['an option of replay', [labNames[0] ?? '', '--from', 'csv'], /--from/],
])('%s is refused with one line that says what is wrong', async (_what, args, message) => {
  await expect(drain(args, signal)).rejects.toMatchObject({
    code: 'UsageInvalid',
    message: expect.stringMatching(message),
  });
});

it.each(labNames)('without a laptop that runs %s it says to start one, or to name a stack', async (lab) => {
  const sessions = await mkdtemp(join(tmpdir(), 'sessions-'));
  try {
    await expect(drain([lab], signal, { sessions })).rejects.toMatchObject({ code: 'LaptopNotUp' });
  } finally {
    await rm(sessions, { recursive: true });
  }
});
