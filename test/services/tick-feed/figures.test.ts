import { Figures } from '../../../services/tick-feed/figures.ts';

/** What one line says, by name. */
function lineOf(figures: Figures, now: Partial<Parameters<Figures['write']>[1]> = {}) {
  const line = new Map<string, number[]>();
  const metrics = {
    addMetric: (name: string, _unit: string, value: number) =>
      line.set(name, [...(line.get(name) ?? []), value]),
    publishStoredMetrics: () => {},
  };
  const quiet = { heldBytes: 0, active: true, waitsForLogin: false, silentMs: 0 };
  figures.write(metrics as never, { ...quiet, ...now });
  return line;
}

it('counts begin anew with each line, and those that are rare are sent when there is something to count', () => {
  const figures = new Figures(() => 0);
  figures.add('Received', 3);
  figures.add('LeftOut');
  const [first, second] = [lineOf(figures), lineOf(figures)];
  expect(first.get('Received')).toEqual([3]);
  expect(first.get('LeftOut')).toEqual([1]);
  expect(second.get('Received')).toEqual([0]);
  expect(second.has('LeftOut')).toBe(false);
});

it('a feed that waits for a login says 1 in each line, as active as it is; else the metric is not sent, and costs nothing', () => {
  const figures = new Figures(() => 0);
  for (let lines = 0; lines < 2; lines += 1) {
    const line = lineOf(figures, { waitsForLogin: true });
    expect([line.get('WaitsForLogin'), line.get('Active')]).toEqual([[1], [1]]);
  }
  expect(lineOf(figures).has('WaitsForLogin')).toBe(false);
});
