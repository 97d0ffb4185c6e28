import { bench } from '../../../local/commands/bench.ts';
import { createProgress } from '../../../local/core/progress.ts';

it('--help shows the usage and starts nothing', async () => {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  const to = createProgress({ animated: false, stream: { write } });
  expect(await bench(['--help'], new AbortController().signal, to)).toBe(0);
  for (const what of ['fashion', 'stocks', 'house', '--only', '--rows', '--json'])
    expect(text).toContain(what);
});

it.each([
  ['no bench', [], /there is no bench of \(no lab\); there is fashion, stocks, and house/],
  ['an unknown one', ['stock'], /there is no bench of stock/],
  ['two', ['fashion', 'house'], /there is no bench of fashion,house/],
  ['rows that are no number', ['fashion', '--rows', 'many'], /--rows many: numbers from 1 to 1000000/],
  ['more rows than a sheet has', ['fashion', '--rows', '100,1000001'], /--rows 100,1000001/],
  [
    'an unknown part',
    ['fashion', '--only', 'reading,speed'],
    /--only speed: there is reading, load, hops, synth/,
  ],
  ['a part of another lab', ['stocks', '--only', 'load'], /--only load: there is handler, hops, memory/],
  ['rows where none are read', ['house', '--rows', '5'], /--rows is for fashion/],
  ['rows where there are ticks', ['stocks', '--rows', '5'], /--rows is for fashion/],
  ['a part of what has none', ['house', '--only', 'synth'], /--only is for fashion and stocks/],
  ['an unknown option', ['fashion', '--fast'], /--fast/],
])('%s is refused before anything starts', async (_what, args, message) => {
  await expect(bench(args, new AbortController().signal)).rejects.toMatchObject({
    code: 'UsageInvalid',
    message: expect.stringMatching(message),
  });
});
