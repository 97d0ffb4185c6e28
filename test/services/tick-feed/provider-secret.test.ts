import { parseProviderSecret } from '../../../services/tick-feed/provider-secret.ts';

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
