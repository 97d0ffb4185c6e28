import { soak } from '../../../local/commands/soak.ts';
import { createProgress } from '../../../local/core/progress.ts';

const signal = new AbortController().signal;

it('--help shows the usage and starts nothing', async () => {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  expect(await soak(['--help'], signal, createProgress({ animated: false, stream: { write } }))).toBe(0);
  for (const option of ['--orders', '--rounds', '--seed']) expect(text).toContain(option);
});

it.each([
  ['no lab', [], /no lab is named; there is fashion, stocks/],
  ['an unknown lab', ['bonds'], /no lab bonds; there is fashion, stocks/],
  ['two labs', ['fashion', 'fashion'], /more than one lab/],
  ['no orders', ['fashion', '--orders', '0'], /--orders "0": it takes a whole number from 1 to 10000/],
  ['no rounds', ['stocks', '--rounds', '0'], /--rounds "0": it takes a whole number from 1 to 10000/],
  ["another lab's option", ['stocks', '--orders', '5'], /stocks has no --orders, but --rounds/],
  ['orders that are no number', ['fashion', '--orders', 'many'], /--orders "many"/],
  ['a fraction of a seed', ['fashion', '--seed', '1.5'], /--seed "1.5"/],
  ['an option without its value', ['fashion', '--seed'], /--seed/],
  ['an unknown option', ['fashion', '--fast'], /--fast/],
])('%s is refused with one line that says what is wrong', async (_what, args, message) => {
  await expect(soak(args, signal)).rejects.toMatchObject({
    code: 'UsageInvalid',
    message: expect.stringMatching(message),
  });
});
