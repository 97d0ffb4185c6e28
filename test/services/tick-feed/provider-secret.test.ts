import { parseProviderSecret, readProviderSecret } from '../../../services/tick-feed/provider-secret.ts';

it('has key and secret, and may say where they are good for', () => {
  const login = { key: 'k', secret: 's' };
  expect(parseProviderSecret(JSON.stringify(login))).toEqual(login);
  const sandbox = {
    ...login,
    streamUrl: 'wss://stream.data.sandbox.alpaca.markets/v2/iex',
    historyUrl: 'https://data.sandbox.alpaca.markets',
  };
  expect(parseProviderSecret(JSON.stringify(sandbox))).toEqual(sandbox);
  const leftEmpty = { ...login, streamUrl: '', historyUrl: '' };
  expect(parseProviderSecret(JSON.stringify(leftEmpty)).streamUrl).toBeUndefined();
});

it.each([
  ['no JSON', 'topsecret', 'not JSON'],
  ['a field is missing', '{"secret":"topsecret"}', 'key is missing or not text'],
  ['a field is empty', '{"key":"","secret":"topsecret"}', 'key is empty'],
  [
    'an address is none',
    '{"key":"k","secret":"topsecret","streamUrl":"topsecret"}',
    'streamUrl is no such address',
  ],
  [
    'an address that no websocket has',
    '{"key":"k","secret":"s","streamUrl":"wss://topsecret#1"}',
    'streamUrl is no such address',
  ],
  ['it is a list', '["topsecret"]', 'it is not an object'],
])('is refused by name, and shows no value: %s', (_, text, message) => {
  let error: unknown;
  try {
    parseProviderSecret(text);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: 'ProviderSecretInvalid', message: expect.stringContaining(message) });
  expect((error as Error).message).not.toContain('topsecret');
});

describe('is read from Secrets Manager', () => {
  const { signal } = new AbortController();
  const answering = (answer: () => Promise<object>) => ({ send: answer }) as never;

  it('as it is there', async () => {
    const login = { key: 'k', secret: 's' };
    const client = answering(async () => ({ SecretString: JSON.stringify(login) }));
    expect(await readProviderSecret(client, 'arn', signal)).toEqual(login);
  });

  it('and is not usable where it holds no text', async () => {
    const client = answering(async () => ({ SecretBinary: new Uint8Array(3) }));
    await expect(readProviderSecret(client, 'arn', signal)).rejects.toMatchObject({
      code: 'ProviderSecretInvalid',
    });
  });

  it.each([
    ['has no value', 'ResourceNotFoundException'],
    ['may not be read', 'AccessDeniedException'],
    ['is asked for too often', 'ThrottlingException'],
  ])('and cannot be: it %s', async (_, name) => {
    const client = answering(() => Promise.reject(Object.assign(new Error('why'), { name })));
    await expect(readProviderSecret(client, 'arn', signal)).rejects.toMatchObject({
      code: 'ProviderSecretUnreadable',
      value: `${name}: why`,
    });
  });

  it('for as long as the feed is not asked to stop', async () => {
    const stopping = new AbortController();
    const client = {
      send: (_: unknown, { abortSignal }: { abortSignal: AbortSignal }) =>
        new Promise((_, reject) => abortSignal.addEventListener('abort', () => reject(abortSignal.reason))),
    } as never;
    const read = readProviderSecret(client, 'arn', stopping.signal);
    stopping.abort();
    await expect(read).rejects.toMatchObject({ code: 'ProviderSecretUnreadable' });
  });
});
