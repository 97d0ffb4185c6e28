import { defaultFeedSettings, parseFeedSettings } from '../../../domain/stocks/feed-settings.ts';

it('what is not said has its default', () => {
  expect(parseFeedSettings('{}')).toEqual(defaultFeedSettings);
  expect(parseFeedSettings('{"lingerMs":5}')).toEqual({ ...defaultFeedSettings, lingerMs: 5 });
});

it('the defaults are themselves valid', () => {
  expect(parseFeedSettings(JSON.stringify(defaultFeedSettings))).toEqual(defaultFeedSettings);
});

it.each([
  ['no JSON', 'no JSON'],
  ['{"batchRecords":501}', 'batchRecords'],
  ['{"lingerMs":-1}', 'lingerMs'],
  ['{"lingerMilliseconds":5}', 'lingerMilliseconds'],
  ['{"streamUrl":"https://example.com"}', 'streamUrl'],
  ['{"symbols":[]}', 'symbols'],
])('is refused, by name: %s', (text, name) => {
  expect(() => parseFeedSettings(text)).toThrow(
    expect.objectContaining({ code: 'FeedSettingsInvalid', message: expect.stringContaining(name) }),
  );
});
