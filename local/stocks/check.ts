import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { DescribeServicesCommand, ECSClient } from '@aws-sdk/client-ecs';
import { S3Client } from '@aws-sdk/client-s3';
import { LabError } from '../../domain/errors.ts';
import { text } from '../../domain/shared/sql-literals.ts';
import { historyHeaders, historyUrl, parseHistoryPage } from '../../domain/stocks/alpaca.ts';
import { parseFeedSettings } from '../../domain/stocks/feed-settings.ts';
import { isOpen, nextOpen } from '../../domain/stocks/market-calendar.ts';
import { readTickRecord } from '../../domain/stocks/tick-record.ts';
import { type Trade, tradeIdentity } from '../../domain/stocks/trade.ts';
import { feedOfStream } from '../../services/tick-feed/history.ts';
import { parseProviderSecret } from '../../services/tick-feed/provider-secret.ts';
import { type Check, type Checked, NotAsked, Wrong } from '../check/check.ts';
import type { DeclaredTemplate } from '../check/declared.ts';
import { secretCheck, secretOf, warehouseChecks } from '../check/rows.ts';
import { rawRecords } from './raw-archive.ts';

/** What is looked at of a deployed stocks lab, beside what every lab has. */
export function stocksChecks(checked: Checked, declared: DeclaredTemplate): Check[] {
  return [
    secretCheck(checked, 'ProviderSecretArn', parseProviderSecret),
    { what: 'the provider takes the login', look: () => askHistory(checked, declared) },
    { what: 'tasks of the feed run', look: () => tasks(checked) },
    { what: 'a task of the feed is active', look: () => lease(checked) },
    ...warehouseChecks(checked, 'LoadFunctionName', 'PublishFunctionName'),
    { what: 'a minute of ticks is in SQL', look: (say) => followMinute(checked, say) },
  ];
}

/**
 * Asks for the newest trade of one symbol by the history, as the feed does where it fills a gap. Its websocket is left alone: the
 * provider allows one connection, and that is the feed's.
 */
async function askHistory(checked: Checked, declared: DeclaredTemplate): Promise<string> {
  const { key, secret, ...own } = parseProviderSecret(await secretOf(checked, 'ProviderSecretArn'));
  const settings = { ...feedSettings(declared), ...own };
  const end = BigInt(Date.now()) * 1_000_000n;
  const address = historyUrl(settings.historyUrl, {
    symbols: settings.symbols.slice(0, 1),
    start: end - 60_000_000_000n,
    end,
    limit: 1,
    feed: feedOfStream(settings.streamUrl),
  });
  const { host } = new URL(address);
  let response: Response;
  try {
    response = await fetch(address, {
      headers: historyHeaders(key, secret),
      signal: AbortSignal.timeout(30_000),
    });
  } catch (error) {
    const { message, cause } = error as Error;
    throw new LabError('ProviderUnreachable', `${host}: ${cause instanceof Error ? cause.message : message}`);
  }
  const body = await response.text();
  if (response.status === 401) throw new LabError('ProviderLoginRefused', `${host} answers 401`);
  if (!response.ok)
    throw new LabError('HistoryRefused', `${host} answers ${response.status} ${body.slice(0, 200)}`);
  parseHistoryPage(body);
  return `${host} answers, asked from this machine`;
}

/** As the template hands them to the feed. */
function feedSettings({ Resources }: DeclaredTemplate) {
  for (const { Type, Properties } of Object.values(Resources)) {
    if (Type !== 'AWS::ECS::TaskDefinition') continue;
    const containers = Properties?.ContainerDefinitions as {
      Environment?: { Name: string; Value: unknown }[];
    }[];
    const given = containers.flatMap(({ Environment = [] }) => Environment);
    const { Value } = given.find(({ Name }) => Name === 'FEED_SETTINGS') ?? {};
    if (typeof Value === 'string') return parseFeedSettings(Value);
  }
  throw new Error('no task definition has FEED_SETTINGS');
}

async function tasks(checked: Checked): Promise<string | NotAsked> {
  if (!checked.onAws) return new NotAsked('they are processes of the laptop; the next line shows them');
  const [cluster, service] = [checked.output('FeedClusterName'), checked.output('FeedServiceName')];
  const { services } = await checked
    .client(ECSClient)
    .send(new DescribeServicesCommand({ cluster, services: [service] }));
  const { runningCount = 0, desiredCount = 0, events } = services?.[0] ?? {};
  if (runningCount < desiredCount || desiredCount === 0)
    throw new Wrong(
      `${runningCount} of ${desiredCount}; ${events?.[0]?.message ?? 'the service says nothing'}`,
      'read why a task stopped, in ECS, and the log of the feed',
    );
  return `${runningCount} of ${desiredCount}`;
}

/** Milliseconds in which an active task renews its lease several times, whatever its settings. */
const renewedWithin = 60_000;

async function lease(checked: Checked): Promise<string> {
  const look = async () => {
    const { Item } = await checked.client(DynamoDBClient).send(
      new GetItemCommand({
        TableName: checked.output('LeaseTableName'),
        Key: { lease: { S: 'feed' } },
        ConsistentRead: true,
      }),
    );
    return { owner: Item?.owner?.S, token: Item?.token?.N, beat: Item?.beat?.N };
  };
  const first = await look();
  const renewed = await checked.until(
    async () => {
      const { owner, token, beat } = await look();
      return owner !== undefined && (token !== first.token || beat !== first.beat) ? token : undefined;
    },
    Math.min(renewedWithin, checked.patience),
  );
  if (renewed === undefined)
    throw new Wrong(
      first.owner === undefined ? 'none holds the lease' : 'the one that holds the lease does not renew it',
      `read the feed's log; its tasks start anew by aws ecs update-service --cluster ${checked.output('FeedClusterName')} --service ${checked.output('FeedServiceName')} --force-new-deployment`,
    );
  return `it renews the lease, token ${renewed}`;
}

const minuteMs = 60_000;

/** Milliseconds until a record is in archive and SQL: Firehose gathers for a minute on AWS, and for a second on the laptop. */
const onItsWayMs = { aws: 180_000, laptop: 5_000 };

async function followMinute(checked: Checked, say: (text: string) => void): Promise<string | NotAsked> {
  const { onAws, request } = checked;
  const onItsWay = onAws ? onItsWayMs.aws : onItsWayMs.laptop;
  // On AWS the last minute that must have arrived; on the laptop that little is waited for.
  const end = Date.now() + (request.follow ? minuteMs : onAws ? -onItsWay : 0);
  const begin = end - minuteMs;
  // The laptop's exchange knows no hours.
  if (onAws && !(isOpen(nanoseconds(begin)) && isOpen(nanoseconds(end)))) {
    const opens = new Date(Number(nextOpen(nanoseconds(end)) / 1_000_000n)).toISOString();
    return new NotAsked(`the market was closed; it opens at ${opens}: ask a few minutes later`);
  }
  say(`waits for ${new Date(begin).toISOString()} and the minute after it`);
  await checked.until(async () => (Date.now() >= end ? true : undefined), Number.POSITIVE_INFINITY);

  const records = new Minute(begin, end);
  const known = new Set<string>();
  let missing: Trade[] = [];
  const whole = await checked.until(async () => {
    const range = { from: begin, to: Math.max(end, Date.now()) + 1, known };
    for await (const record of rawRecords(
      checked.client(S3Client),
      checked.output('ArchiveBucketName'),
      range,
    ))
      records.add(record);
    missing = await notInSql(checked, records);
    say(`${records.trades.size} records, ${missing.length} not in SQL yet`);
    return missing.length === 0 && records.trades.size > 0 && Date.now() >= end + onItsWay ? true : undefined;
  });
  const { trades, unreadable } = records;
  const at = `${new Date(begin).toISOString()}, a minute`;
  if (trades.size === 0)
    throw new Wrong(
      `${at}: no record in the archive`,
      "read the feed's log: is it connected, is the login good?",
    );
  if (!whole)
    throw new Wrong(
      `${at}: ${missing.length} of ${trades.size} are not in SQL, such as ${tradeIdentity(missing[0] as Trade)}`,
      'look at the alarms of Trend and Load and at their dead-letter queues; npm run replay says what is missing',
    );
  return `${at}: ${trades.size} ticks in, as many rows in SQL${unreadable > 0 ? `, ${unreadable} set aside` : ''}`;
}

const nanoseconds = (ms: number) => BigInt(ms) * 1_000_000n;

/** Distinct trades that the feed received in a minute. */
class Minute {
  readonly trades = new Map<string, Trade>();
  unreadable = 0;
  readonly from: bigint;
  readonly to: bigint;

  constructor(begin: number, end: number) {
    this.from = nanoseconds(begin);
    this.to = nanoseconds(end);
  }

  add(line: string): void {
    try {
      const record = readTickRecord(line);
      const { received } = record.feed;
      if (record.kind === 'trade' && received >= this.from && received < this.to)
        this.trades.set(tradeIdentity(record.trade), record.trade);
    } catch {
      // When it was received may be unreadable too; it is counted where that can be read.
      const received = /"received":"(\d{1,19})"/.exec(line)?.[1];
      if (received && BigInt(received) >= this.from && BigInt(received) < this.to) this.unreadable += 1;
    }
  }
}

/** Trades that are asked for one by one. */
const oneByOne = 200;

async function notInSql(checked: Checked, { trades, from, to }: Minute): Promise<Trade[]> {
  const columns = 'SELECT symbol, venue, trading_day, trade_id FROM stocks.ticks WHERE';
  const left = new Map(trades);
  const strike = async (where: string) => {
    for (const { symbol, venue, trading_day, trade_id } of await checked.query(`${columns} ${where}`))
      left.delete([symbol, venue, trading_day, trade_id].join('|'));
  };
  const days = [...trades.values()].map(({ tradingDay }) => tradingDay).sort();
  if (days.length === 0) return [];
  const between = `trading_day BETWEEN ${text(days[0] as string)} AND ${text(days.at(-1) as string)}`;
  await strike(`${between} AND received_ns >= ${from} AND received_ns < ${to}`);
  // One that came twice may be there by its other record.
  if (left.size > 0 && left.size <= oneByOne) {
    const each = [...left.values()].map(
      ({ symbol, venue, tradingDay, tradeId }) =>
        `(symbol = ${text(symbol)} AND venue = ${text(venue)} AND trading_day = ${text(tradingDay)} AND trade_id = ${tradeId})`,
    );
    await strike(`${between} AND (${each.join(' OR ')})`);
  }
  return [...left.values()];
}
