import { start } from '../../../local/commands/start.ts';
import { createProgress } from '../../../local/core/progress.ts';
import { labNames } from '../../../local/labs.ts';

const { signal } = new AbortController();

it('--help shows the usage, names the labs and starts nothing', async () => {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  expect(await start(['--help'], signal, createProgress({ animated: false, stream: { write } }))).toBe(0);
  for (const word of ['--once', ...labNames]) expect(text).toContain(word);
});

it.each([
  ['an unknown lab', ['bonds'], /no lab bonds; there is fashion, stocks/],
  ['an unknown option', ['stocks', '--twice'], /--twice/],
])('%s is refused before anything starts', async (_what, args, message) => {
  await expect(start(args, signal)).rejects.toMatchObject({
    code: 'UsageInvalid',
    message: expect.stringMatching(message),
  });
});
