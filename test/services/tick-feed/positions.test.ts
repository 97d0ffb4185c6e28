import { Accepted, Published } from '../../../services/tick-feed/positions.ts';

const second = 1_000_000_000n;
const mark = (at: bigint, id = String(at)) => ({ at, id });

describe('what is accepted', () => {
  it('the history adds what the stream did not tell, and nothing else', () => {
    const accepted = new Accepted(2n * second);
    accepted.note('AAPL', mark(10n * second), 'stream');
    expect(accepted.isNew('AAPL', mark(10n * second), 'history')).toBe(false);
    expect(accepted.isNew('AAPL', mark(9n * second), 'history')).toBe(true);
    expect(accepted.isNew('MSFT', mark(10n * second), 'history')).toBe(true);
  });

  it('the stream adds what the history did not have; what the stream itself repeats goes on', () => {
    const accepted = new Accepted(2n * second);
    accepted.note('AAPL', mark(10n * second, 'a'), 'history');
    accepted.note('AAPL', mark(10n * second, 'b'), 'stream');
    expect(accepted.isNew('AAPL', mark(10n * second, 'a'), 'stream')).toBe(false);
    expect(accepted.isNew('AAPL', mark(10n * second, 'b'), 'stream')).toBe(true);
    expect(accepted.isNew('AAPL', mark(10n * second, 'c'), 'stream')).toBe(true);
  });

  it('ids before the overlap are forgotten, unless a gap is being filled', () => {
    const accepted = new Accepted(2n * second);
    accepted.note('AAPL', mark(10n * second), 'history');
    accepted.note('AAPL', mark(12n * second), 'history');
    expect(accepted.isNew('AAPL', mark(10n * second), 'stream')).toBe(false);
    accepted.note('AAPL', mark(13n * second), 'history');
    expect(accepted.isNew('AAPL', mark(10n * second), 'stream')).toBe(true);
    accepted.keepFrom(13n * second);
    accepted.note('AAPL', mark(99n * second), 'history');
    expect(accepted.isNew('AAPL', mark(13n * second), 'stream')).toBe(false);
    accepted.keepFrom(undefined);
    accepted.note('AAPL', mark(100n * second), 'stream');
    expect(accepted.isNew('AAPL', mark(13n * second), 'stream')).toBe(true);
  });

  it('a symbol without trades begins at its subscription, or before when the clocks say so', () => {
    const accepted = new Accepted(0n);
    accepted.begin(['AAPL', 'MSFT'], 100n * second);
    expect(accepted.newest('AAPL')).toBe(100n * second);
    accepted.note('AAPL', mark(40n * second), 'stream');
    expect(accepted.newest('AAPL')).toBe(40n * second);
    expect(accepted.newest('MSFT')).toBe(40n * second);
    expect(accepted.newest('NVDA')).toBeUndefined();
  });
});

describe('what is published', () => {
  it('makes a checkpoint by which the next feed knows the trades of the last moment again', () => {
    const published = new Published();
    expect(published.takeCheckpoint()).toBeUndefined();
    published.begin(['AAPL', 'MSFT'], 5n);
    published.note('AAPL', mark(10n, 'a'));
    published.note('AAPL', mark(12n, 'b'));
    published.note('AAPL', mark(12n, 'c'));
    published.note('AAPL', mark(11n, 'late'));
    const checkpoint = published.takeCheckpoint();
    expect(checkpoint).toEqual(
      new Map([
        ['AAPL', { at: 12n, ids: ['b', 'c'] }],
        ['MSFT', { at: 5n, ids: [] }],
      ]),
    );
    expect(published.takeCheckpoint()).toBeUndefined();
    published.keepForNext();
    expect(published.takeCheckpoint()).toEqual(checkpoint);
    const accepted = new Accepted(2n);
    accepted.restore(checkpoint ?? new Map());
    expect(accepted.isNew('AAPL', mark(12n, 'c'), 'history')).toBe(false);
    expect(accepted.newest('MSFT')).toBe(5n);
  });
});
