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
  ['no stack', [labNames[0] ?? ''], /--stack/],
  ['an option of replay', [labNames[0] ?? '', '--from', 'csv'], /--from/],
])('%s is refused with one line that says what is wrong', async (_what, args, message) => {
  await expect(drain(args, signal)).rejects.toMatchObject({
    code: 'UsageInvalid',
    message: expect.stringMatching(message),
  });
});
