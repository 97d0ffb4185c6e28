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
  ['{"hours":"extended"}', 'hours'],
  ['{"muteAfterMs":999}', 'muteAfterMs'],
  ['{"leaseSeconds":0.5}', 'leaseSeconds'],
  ['{"stopSeconds":111}', 'stopSeconds'],
])('is refused, by name: %s', (text, name) => {
  expect(() => parseFeedSettings(text)).toThrow(
    expect.objectContaining({ code: 'FeedSettingsInvalid', message: expect.stringContaining(name) }),
  );
});

it.each([
  ['{"symbols":["AAPL","ZZZT"]}', 'symbols: the trend knows no ZZZT'],
  ['{"symbols":["AAPL","MSFT","AAPL"]}', 'symbols: AAPL repeated'],
  ['{"lingerMs":10000}', 'lingerMs: a record would wait 10000 ms'],
  ['{"lingerMs":3000,"muteAfterMs":3000}', 'lingerMs: a record would wait 3000 ms'],
  ['{"overlapMs":3600000,"historyHours":1}', 'overlapMs: 3600000 is more than a fill goes back'],
])('is refused where one setting contradicts another, in its words: %s', (text, words) => {
  expect(() => parseFeedSettings(text)).toThrow(
    expect.objectContaining({ code: 'FeedSettingsInvalid', message: expect.stringContaining(words) }),
  );
});

it('says at once all that contradicts each other', () => {
  expect(() => parseFeedSettings('{"symbols":["ZZZT"],"lingerMs":20000}')).toThrow(/symbols: .*, lingerMs: /);
});
