import { feedOfStream } from '../../../services/tick-feed/history.ts';

it.each([
  ['wss://stream.data.alpaca.markets/v2/sip', 'sip'],
  ['wss://stream.data.alpaca.markets/v2/iex', 'iex'],
  ['wss://stream.data.sandbox.alpaca.markets/v2/iex?x=1', 'iex'],
  ['wss://stream.data.alpaca.markets/v2/delayed_sip', undefined],
  ['wss://stream.data.alpaca.markets/v2/test', undefined],
  ['ws://127.0.0.1:1234', undefined],
])('the history that goes with %s is of %s', (url, feed) => {
  expect(feedOfStream(url)).toBe(feed);
});
