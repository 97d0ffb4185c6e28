import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check } from '../../../local/commands/check.ts';
import { createProgress } from '../../../local/core/progress.ts';
import { labChecks, labNames } from '../../../local/labs.ts';

const signal = new AbortController().signal;
let sessions: string;

beforeAll(async () => {
  sessions = await mkdtemp(join(tmpdir(), 'sessions-'));
});
afterAll(() => rm(sessions, { recursive: true }));

const ask = () => Promise.reject(new Error('nobody may be asked'));

it('--help shows the usage and asks nobody', async () => {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  const progress = createProgress({ animated: false, stream: { write } });
  expect(await check(['--help'], signal, { progress, ask })).toBe(0);
  for (const part of ['--stack', '--yes', '--follow', 'Exit code 1', ...labNames])
    expect(text).toContain(part);
});

it('there are checks of every lab', () => {
  expect(Object.keys(labChecks)).toEqual(labNames);
});

it.each([
  ['no lab', [], /UsageInvalid: .*no lab is named; there is .*fashion.*npm run check -- --help/],
  ['an unknown lab', ['fashions'], /UsageInvalid: .*no lab fashions/],
  ['two labs', ['fashion', 'stocks'], /UsageInvalid: .*more than one lab/],
  ['an unknown option', ['fashion', '--no'], /UsageInvalid: .*--no/],
  ['a stack without a name', ['fashion', '--stack', ''], /UsageInvalid: .*--stack "".*the name of a stack/],
  ['a laptop that is not up', ['stocks'], /LaptopNotUp: .*stocks; start one/],
])('refuses %s in one line with its remedy, before anybody is asked', async (_what, args, message) => {
  const refused = check(args, signal, { sessions, ask });
  await expect(refused).rejects.toThrow(message);
  await expect(refused).rejects.not.toThrow(/\n/);
});
