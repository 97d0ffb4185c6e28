import type { ImportNote } from '../../../domain/fashion/contract.ts';
import { arrivedWithin, unfinished } from '../../../domain/fashion/recovery.ts';

const limits = { afterSeconds: 900, importSeconds: 7200 };
const arrivedAt = Date.parse('2026-11-20T05:00:00Z');
const workbook = { key: 'xlsx/one', arrivedAt };
const after = (seconds: number) => arrivedAt + seconds * 1000;
const note = (outcome: ImportNote['outcome'], startedAfter: number): ImportNote => ({
  outcome,
  startedAt: new Date(after(startedAfter)).toISOString(),
});
const isDue = (noted: ImportNote | undefined, secondsLater: number) =>
  unfinished([workbook], new Map(noted && [[workbook.key, noted]]), after(secondsLater), limits).length > 0;

it('a workbook is looked after so many seconds from its arrival on, and no longer', () => {
  expect(arrivedWithin(workbook, after(60), 60)).toBe(true);
  expect(arrivedWithin(workbook, after(60) + 1, 60)).toBe(false);
});

describe('an import is started again', () => {
  it('where none has said that it began, as soon as its event is no longer to be waited for', () => {
    expect(isDue(undefined, 899)).toBe(false);
    expect(isDue(undefined, 900)).toBe(true);
  });

  it('where it failed of something that may have passed, at once', () => {
    expect(isDue(note('failed', 1), 2)).toBe(true);
  });

  it('where it said that it began, and is over without having said how it ended', () => {
    expect(isDue(note('running', 10), 7209)).toBe(false);
    expect(isDue(note('running', 10), 7210)).toBe(true);
  });

  it('never where it loaded or refused the workbook, one that arrived at the same moment included', () => {
    for (const startedAfter of [0, 10])
      for (const outcome of ['loaded', 'refused'] as const)
        expect(isDue(note(outcome, startedAfter), 1e6)).toBe(false);
  });

  it('where all that is known is of a workbook that was under the key before', () => {
    for (const outcome of ['running', 'loaded', 'refused', 'failed'] as const) {
      expect(isDue(note(outcome, -0.001), 899)).toBe(false);
      expect(isDue(note(outcome, -0.001), 900)).toBe(true);
    }
  });
});

it('first come those that nobody has tried for longest: one that fails again and again is in nobody’s way', () => {
  const at = (key: string, seconds: number) => ({ key, arrivedAt: after(seconds) });
  const workbooks = [at('tried lately', 0), at('lost, young', 200), at('lost, old', 100), at('loaded', 0)];
  const notes = new Map([
    ['tried lately', note('failed', 5000)],
    ['lost, young', note('loaded', 0)], // of a workbook before this one
    ['loaded', note('loaded', 1)],
  ]);
  expect(unfinished(workbooks, notes, after(9000), limits).map(({ key }) => key)).toEqual([
    'lost, old',
    'lost, young',
    'tried lately',
  ]);
});
