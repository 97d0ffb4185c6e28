import { createProgress, formatDuration, formatTable } from '../../../local/core/progress.ts';

function recorder(isTTY = false, columns = 80) {
  let text = '';
  let time = 0;
  const stream = {
    isTTY,
    columns,
    write(part: string) {
      text += part;
    },
  };
  return {
    stream,
    now: () => {
      time += 100;
      return time;
    },
    text: () => text,
    /** What a terminal shows in the end. */
    shown: () =>
      text
        .split('\n')
        .map((line) => line.split('\r\u001b[2K').at(-1))
        .join('\n'),
  };
}

it('a step is one plain line with its detail and time where nobody watches', async () => {
  const record = recorder();
  const steps = createProgress({ ...record });
  const result = await steps.step('PostgreSQL', async (report) => {
    report.bar(1, 2);
    report.detail('18.4 on 127.0.0.1:51234');
    return 7;
  });
  expect(result).toBe(7);
  expect(record.text()).toBe('✓ PostgreSQL 18.4 on 127.0.0.1:51234   0.1 s\n');
});

it('a failing step says why in one line, without control characters of others, and throws on', async () => {
  const record = recorder();
  const steps = createProgress({ ...record, quiet: true });
  await steps.step('fine', async () => {});
  const failing = steps.step('Emulator', async () => {
    throw new Error('EmulatorNotStarted:\n  \u001b[31mport\u0007 taken\u001b[0m');
  });
  await expect(failing).rejects.toThrow('EmulatorNotStarted');
  expect(record.text()).toBe('✗ Emulator   0.1 s   EmulatorNotStarted: port taken\n');
});

it('a terminal sees a bar that gives way to the line', async () => {
  const record = recorder(true);
  const steps = createProgress({ ...record, animated: true });
  await steps.step('reports', async (report) => {
    report.bar(2500, 5000);
    steps.line('a line meanwhile');
    expect(record.shown()).toMatch(/a line meanwhile\n· reports █{12}░{12} 2,500\/5,000$/);
  });
  expect(record.shown()).toMatch(/^a line meanwhile\n✓ reports {3}[\d.]+ s\n$/);
});

it('steps that run together each end in a line of their own', async () => {
  const record = recorder(true);
  const steps = createProgress({ ...record, animated: true });
  await Promise.all([steps.step('a', async () => {}), steps.step('b', async (report) => report.bar(1, 1))]);
  expect(record.shown()).toMatch(/^✓ a .*\n✓ b .*\n$/);
});

it('a line that is drawn never wraps', async () => {
  const record = recorder(true, 20);
  const steps = createProgress({ ...record, animated: true });
  await steps.step('x'.repeat(50), async () => {
    expect(record.shown()).toBe(`· ${'x'.repeat(16)}…`);
  });
});

it('times read as people say them', () => {
  expect([0, 640, 59_949, 59_950, 125_000].map(formatDuration)).toEqual([
    '0.0 s',
    '0.6 s',
    '59.9 s',
    '1 min 00 s',
    '2 min 05 s',
  ]);
});

it('a table aligns numbers right, all else left, by what a terminal shows', () => {
  const rows = [
    ['2026-11-21 06:00', 5000, '東京'],
    ['écru', 12, null],
  ];
  expect(formatTable(['drop', 'rows', 'place'], rows)).toBe(
    [
      'drop               rows  place',
      '────────────────  ─────  ─────',
      '2026-11-21 06:00  5,000  東京',
      'écru                 12',
    ].join('\n'),
  );
  expect(formatTable(['drop'], [])).toBe('drop\n────');
});
