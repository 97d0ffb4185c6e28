import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { fillInSecret } from '../../local/driven-lab.ts';
import { type CheckCommand, checkCommand, signs } from './check.ts';
import { openStocksLab, type TestedStocks } from './stocks-lab.ts';

let stocks: TestedStocks;
let command: CheckCommand;
let login: Record<string, string>;

beforeAll(async () => {
  stocks = await openStocksLab();
  const secrets = new SecretsManagerClient(stocks.laptop.clients);
  const SecretId = stocks.output('ProviderSecretArn');
  login = JSON.parse((await secrets.send(new GetSecretValueCommand({ SecretId }))).SecretString ?? '{}');
  secrets.destroy();
  command = await checkCommand('stocks', stocks);
  // What is traded before it has subscribed is nothing that a first feed could know of.
  await stocks.subscribedAfter(() => stocks.startFeed());
});
afterAll(async () => {
  await command?.remove();
  await stocks?.close();
});

const minute = 'a minute of ticks is in SQL';
const secret = (value: object) => fillInSecret(stocks.laptop, stocks.output('ProviderSecretArn'), value);

it('a good lab has no ✗, each tick of a minute is counted, and no statement leaves anything', async () => {
  stocks.exchange.emit(40);
  const run = await command.run(['--yes']);
  expect(signs(run)).toBe('✓✓–✓✓✓✓✓–✓✓✓✓✓✓✓');
  expect(run.code).toBe(0);
  expect(run.line(minute)).toMatch(/: 40 ticks in, as many rows in SQL$/);
  for (const name of ['Load', 'Publish'])
    expect(run.line(`every statement of ${name}`)).toMatch(/^✓ \d+ ran, nothing of them stayed$/);
  expect(await stocks.rowsInSql()).toBe(40);
  expect(
    await stocks.query('SELECT 1 FROM stocks.object_ledger WHERE object_key LIKE $$manifest/%$$'),
  ).toEqual([]);
});

it('ticks that are lost before SQL', async () => {
  stocks.exchange.emit(10);
  const whole = await command.run();
  expect(whole.line(minute)).toContain('✓');
  await stocks.query('DELETE FROM stocks.ticks WHERE trade_id = (SELECT MAX(trade_id) FROM stocks.ticks)');
  const run = await command.run([], { patience: 10_000 });
  expect(run.code).toBe(1);
  expect(run.line(minute)).toMatch(/✗ .*: \d+ of \d+ are not in SQL, such as /);
});

it('a secret that is empty, a login that is refused, a provider that is away; no value of the secret is shown', async () => {
  const fails = async (value: object, what: string, found: RegExp) => {
    await secret(value);
    const run = await command.run([], { patience: 1 });
    expect(run.code).toBe(1);
    expect(run.line(what)).toMatch(found);
    expect(run.text).not.toContain(login.secret);
  };
  await fails(
    { key: '', secret: login.secret },
    'secret is filled in',
    /^✗ ProviderSecretInvalid: .*key is empty/,
  );
  const provider = 'the provider takes the login';
  await fails({ ...login, key: 'OTHER' }, provider, /^✗ ProviderLoginRefused: .* answers 401/);
  await fails(
    { ...login, historyUrl: 'http://127.0.0.1:9' },
    provider,
    /^✗ ProviderUnreachable: .*127\.0\.0\.1:9/,
  );
  await secret(login);
});

it('a right of one loader that was taken away', async () => {
  await stocks.query('REVOKE DELETE ON stocks.object_ledger FROM stocks_loader');
  const run = await command.run([], { patience: 1 });
  await stocks.query('GRANT DELETE ON stocks.object_ledger TO stocks_loader');
  expect(run.code).toBe(1);
  for (const name of ['Load', 'Publish'])
    expect(run.line(`every statement of ${name}`)).toMatch(
      /^✗ .*permission denied.*object_ledger.*statement \d+: DELETE/i,
    );
});

it('a feed that is gone', async () => {
  await Promise.all(stocks.feeds.map((feed) => feed.stop()));
  const run = await command.run([], { patience: 1 });
  expect(run.code).toBe(1);
  expect(run.line('a task of the feed is active')).toBe('✗ none holds the lease');
});
