import { randomOf, xoshiro128 } from '../../../local/outside/random.ts';

it('xoshiro128** gives what its recurrence says', () => {
  // From the state 1, 2, 3, 4, worked out by hand: rotl(2 * 5, 7) * 9; then b is 0; then 1029 and so on.
  const next = xoshiro128([1, 2, 3, 4]);
  expect([next(), next(), next()]).toEqual([11_520, 0, 5_927_040]);
});

it('the same seed and label give the same numbers, others give others', () => {
  const take = (seed: number | string, label?: string) => {
    const random = randomOf(seed, label);
    return Array.from({ length: 20 }, () => random.integer(0, 1e9));
  };
  expect(take(1, 'a')).toEqual(take(1, 'a'));
  const all = [take(1, 'a'), take(2, 'a'), take(1, 'b'), take('1', 'a'), take(1)].map(String);
  expect(new Set(all).size).toBe(all.length);
});

it('integers reach both ends and nothing beyond, evenly', () => {
  const random = randomOf('evenly');
  const counts = new Map<number, number>();
  for (let n = 0; n < 60_000; n += 1) {
    const value = random.integer(-2, 3);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  expect([...counts.keys()].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2, 3]);
  for (const count of counts.values()) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});
