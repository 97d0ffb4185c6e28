import {
  authenticatedMessage,
  authMessage,
  connectedMessage,
  errorMessage,
  historyHeaders,
  historyStatusPasses,
  historyUrl,
  parseFrame,
  parseHistoryPage,
  streamErrorPasses,
  streamErrors,
  streamPath,
  subscribeMessage,
  subscriptionMessage,
  unsubscribeMessage,
} from '../../../domain/stocks/alpaca.ts';
import { nanoseconds, parseTrade } from '../../../domain/stocks/trade.ts';

/** Messages as Alpaca's documents print them; the price and the last time are written unusually, which must be kept. */
const trade =
  '{"T":"t","S":"AAPL","i":628,"x":"K","p":162.920,"s":3,"c":["@","F","T","I"],"z":"C","t":"2023-04-06T11:54:26.838232225Z"}';
const spaced =
  '{ "T": "t", "i": 96921, "S": "AAPL", "x": "D", "p": 126.55, "s": 1, "t": "2021-02-22T15:51:44.208Z", "c": ["@", "I"], "z": "C" }';
const correction =
  '{"T":"c","S":"EEM","x":"M","oi":52983525033527,"op":39.1582,"os":440000,"oc":[" ","7"],"ci":52983525034326,"cp":39.1809,"cs":440000,"cc":[" ","7"],"z":"B","t":"2023-04-06T14:25:06.542305024Z"}';
const cancel =
  '{"T":"x","S":"GOOGL","i":465,"x":"D","p":105.31,"s":300,"a":"C","z":"C","t":"2023-04-06T13:15:42.83540958Z"}';

describe('what a client says', () => {
  it('authenticates and subscribes in the words of the documents', () => {
    expect(JSON.parse(authMessage('K', 's"t'))).toEqual({ action: 'auth', key: 'K', secret: 's"t' });
    expect(subscribeMessage(['AAPL', 'MSFT'])).toBe('{"action":"subscribe","trades":["AAPL","MSFT"]}');
    expect(unsubscribeMessage(['AAPL'])).toBe('{"action":"unsubscribe","trades":["AAPL"]}');
    expect(streamPath('sip')).toBe('/v2/sip');
  });
});

describe('a message of the stream', () => {
  it('tells trades from corrections and cancellations, and keeps the text of each', () => {
    const elements = parseFrame(`[${trade},\n ${spaced} ,${correction},${cancel}]`);
    expect(elements.map(({ text }) => text)).toEqual([trade, spaced, correction, cancel]);
    expect(elements).toMatchObject([
      { kind: 'trade', symbol: 'AAPL' },
      { kind: 'trade', symbol: 'AAPL' },
      { kind: 'other', type: 'c', symbol: 'EEM' },
      { kind: 'other', type: 'x', symbol: 'GOOGL' },
    ]);
    const trades = elements.flatMap((element) =>
      element.kind === 'trade' ? [parseTrade(element.trade)] : [],
    );
    expect(trades.map(({ tradeId, price }) => [tradeId, price])).toEqual([
      ['628', 162.92],
      ['96921', 126.55],
    ]);
  });

  it('says how the conversation goes', () => {
    const conversation = [
      connectedMessage,
      authenticatedMessage,
      errorMessage(406),
      subscriptionMessage(['AAPL']),
    ];
    expect(conversation.flatMap(parseFrame)).toEqual([
      { kind: 'success', message: 'connected', text: expect.any(String) },
      { kind: 'success', message: 'authenticated', text: expect.any(String) },
      { kind: 'error', code: 406, message: 'connection limit exceeded', text: expect.any(String) },
      { kind: 'subscription', trades: ['AAPL'], text: expect.any(String) },
    ]);
  });

  it('may hold what nobody has seen yet: it is kept, and is no trade', () => {
    expect(parseFrame('[{"T":"q","S":"AMD"},{"S":1},7,null,"T",[]]')).toEqual([
      { kind: 'other', type: 'q', symbol: 'AMD', text: '{"T":"q","S":"AMD"}' },
      { kind: 'other', type: '', symbol: undefined, text: '{"S":1}' },
      { kind: 'other', type: '', symbol: undefined, text: '7' },
      { kind: 'other', type: '', symbol: undefined, text: 'null' },
      { kind: 'other', type: '', symbol: undefined, text: '"T"' },
      { kind: 'other', type: '', symbol: undefined, text: '[]' },
    ]);
    expect(parseFrame('[{"T":"t"}]')).toEqual([
      { kind: 'trade', symbol: undefined, trade: { T: 't' }, text: '{"T":"t"}' },
    ]);
    expect(parseFrame('[]')).toEqual([]);
  });

  it.each(['', `[${trade}`, '[{"T":"t",}]', '{"T":"t"}', 'null', '"[]"', '[]x'])(
    'that is no array of JSON is refused whole, with its beginning: %s',
    (text) => {
      expect(() => parseFrame(text)).toThrow(
        expect.objectContaining({
          code: 'StreamFrameInvalid',
          value: expect.stringContaining(text.slice(0, 120)),
        }),
      );
    },
  );
});

describe('errors', () => {
  it('of the stream pass or stay, and one that is new counts as passing', () => {
    const passing = Object.keys(streamErrors)
      .map(Number)
      .filter((code) => streamErrorPasses(code));
    expect(passing).toEqual([404, 406, 407, 500]);
    expect(streamErrorPasses(599)).toBe(true);
  });

  it('of the history pass where waiting may help', () => {
    const statuses = [400, 401, 403, 404, 408, 422, 429, 500, 502, 503, 504];
    expect(statuses.filter(historyStatusPasses)).toEqual([408, 429, 500, 502, 503, 504]);
  });
});

describe('the history', () => {
  const start = nanoseconds('2026-11-20T14:30:00.000000001Z');
  const end = nanoseconds('2026-11-20T14:31:00Z');

  it('is asked for by symbols and exact times, page by page', () => {
    const first = new URL(historyUrl('https://data.example.com', { symbols: ['AAPL', 'BRK.B'], start, end }));
    expect(first.origin + first.pathname).toBe('https://data.example.com/v2/stocks/trades');
    expect(Object.fromEntries(first.searchParams)).toEqual({
      symbols: 'AAPL,BRK.B',
      start: '2026-11-20T14:30:00.000000001Z',
      end: '2026-11-20T14:31:00.000000000Z',
      limit: '10000',
      sort: 'asc',
    });
    const query = { symbols: ['AAPL'], start, end, limit: 5, pageToken: 'QUF+/w==', feed: 'iex' };
    const next = new URL(historyUrl('http://127.0.0.1:1', query)).searchParams;
    expect([next.get('page_token'), next.get('limit'), next.get('feed')]).toEqual(['QUF+/w==', '5', 'iex']);
    expect(historyHeaders('K', 'S')).toEqual({ 'APCA-API-KEY-ID': 'K', 'APCA-API-SECRET-KEY': 'S' });
  });

  it('gives the trades of a page in their order, S put first and nothing else changed', () => {
    const one = '{"t":"2022-01-03T09:00:00.24483968Z","x":"P","p":178.260,"s":1,"c":["@","F"],"i":2,"z":"C"}';
    const two = '{ "t":"2022-01-03T09:00:01Z","x":"V","p":1e1,"s":5,"c":[],"i":7,"z":"A" }';
    const page = parseHistoryPage(
      `{"trades":{"AAPL":[${one}, ${two}],"MSFT":[],"X":null,"ZS":[${one}]},"next_page_token":"abc"}`,
    );
    expect(page.nextPageToken).toBe('abc');
    expect(page.trades.map(({ symbol, text }) => [symbol, text])).toEqual([
      ['AAPL', `{"S":"AAPL",${one.slice(1)}`],
      ['AAPL', `{"S":"AAPL",${two.slice(1)}`],
      ['ZS', `{"S":"ZS",${one.slice(1)}`],
    ]);
    for (const { text, trade } of page.trades) expect(JSON.parse(text)).toEqual(trade);
    expect(parseTrade(page.trades[0]?.trade)).toMatchObject({ symbol: 'AAPL', venue: 'P', tradeId: '2' });
  });

  it.each([
    '{"trades":{},"next_page_token":null}',
    '{"next_page_token":null,"trades":null}',
    '{"trades":{"AAPL":[]},"next_page_token":null,"currency":"USD"}',
  ])('may be empty: %s', (text) => {
    expect(parseHistoryPage(text)).toEqual({ trades: [], nextPageToken: undefined });
  });

  it('makes an object of a trade without members, which parseTrade then refuses', () => {
    const { trades } = parseHistoryPage('{"trades":{"A":[{ }]},"next_page_token":null}');
    expect(JSON.parse(trades[0]?.text as string)).toEqual({ S: 'A' });
  });

  it.each([
    '',
    '<html>502</html>',
    'null',
    '[]',
    '{}',
    '{"trades":{}}',
    '{"trades":[],"next_page_token":null}',
    '{"trades":{},"next_page_token":7}',
    '{"trades":{"A":{}},"next_page_token":null}',
    '{"trades":{"A":[1]},"next_page_token":null}',
    '{"trades":{"A":[{"t":"2022',
  ])('that is no page is refused: %s', (text) => {
    expect(() => parseHistoryPage(text)).toThrow(expect.objectContaining({ code: 'HistoryPageInvalid' }));
  });
});
