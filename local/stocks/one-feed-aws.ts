import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gapPartitionKey } from '../../domain/stocks/contract.ts';

/** A record of PutRecords, as it is on the wire. */
export interface PutRecord {
  PartitionKey: string;
  /** Base64. */
  Data: string;
}

export interface OneFeedAws {
  /** For AWS_ENDPOINT_URL. */
  url: string;
  /** Trades that the stream has taken. */
  readonly trades: number;
  /** Items of the table by their key, as the feed wrote them: attributes of DynamoDB. */
  readonly items: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

export interface OneFeedAwsOptions {
  /** What GetSecretValue answers: asked each time. */
  secret: () => string;
  /** Asked before each call of the table is answered; the answer waits for it. @default answers at once */
  table?: () => undefined | Promise<undefined>;
  /**
   * Asked before each PutRecords is answered; the code of an error refuses all of its records. The answer waits for it.
   * @default takes everything
   */
  put?: (records: readonly PutRecord[]) => undefined | string | Promise<undefined | string>;
  /** Told after each PutRecords that was taken how many trades there are. */
  onTrades?: (trades: number) => void;
}

type Item = Record<string, unknown>;

/**
 * As much of AWS as one feed calls: PutRecords, which keeps nothing; one table, whose conditions always hold, because there
 * is nobody else; one secret. What it does not know it refuses. For a feed as a program of its own, without an emulator.
 */
export async function startOneFeedAws({
  secret,
  table,
  put,
  onTrades,
}: OneFeedAwsOptions): Promise<OneFeedAws> {
  let trades = 0;
  let sequence = 0;
  const items = new Map<string, Item>();

  const operations: Record<string, (request: Item) => unknown> = {
    PutRecords: async ({ Records }) => {
      const records = Records as PutRecord[];
      const code = await put?.(records);
      if (code !== undefined) {
        const refused = { ErrorCode: code, ErrorMessage: 'refused' };
        return { FailedRecordCount: records.length, Records: records.map(() => refused) };
      }
      trades += records.filter(({ PartitionKey }) => PartitionKey !== gapPartitionKey).length;
      onTrades?.(trades);
      return {
        FailedRecordCount: 0,
        Records: records.map(() => ({ SequenceNumber: String(++sequence), ShardId: 'shardId-000000000000' })),
      };
    },
    GetItem: async (request) => {
      await table?.();
      const Item = items.get(leaseOf(request));
      return Item ? { Item } : {};
    },
    UpdateItem: async (request) => {
      await table?.();
      items.set(leaseOf(request), updated(items.get(leaseOf(request)) ?? {}, request));
      return {};
    },
    GetSecretValue: () => ({ Name: 'provider', SecretString: secret() }),
  };

  const server = createServer(async (request, response) => {
    const target = String(request.headers['x-amz-target']);
    const operation = operations[target.slice(target.lastIndexOf('.') + 1)];
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    if (!operation)
      response.writeHead(400).end(JSON.stringify({ __type: 'UnknownOperation', message: target }));
    else response.end(JSON.stringify(await operation(JSON.parse(Buffer.concat(chunks).toString()))));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get trades() {
      return trades;
    },
    items,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The environment of a feed that calls it, but for FEED_SETTINGS. */
export const oneFeedEnvironment = ({ url }: OneFeedAws): Record<string, string> => ({
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  AWS_ENDPOINT_URL: url,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
  POWERTOOLS_SERVICE_NAME: 'Feed',
  POWERTOOLS_METRICS_NAMESPACE: 'OneFeed',
  STREAM_NAME: 'ticks',
  LEASE_TABLE: 'leases',
  PROVIDER_SECRET_ARN: 'provider',
});

const leaseOf = ({ Key }: Item) => (Key as { lease: { S: string } }).lease.S;

/** `SET #a = :a, #b = :b REMOVE #c, #d` */
function updated(item: Item, request: Item): Item {
  const names = request.ExpressionAttributeNames as Record<string, string>;
  const values = request.ExpressionAttributeValues as Item;
  const [, sets = '', removes = ''] =
    /^SET (.*?)(?: REMOVE (.*))?$/.exec(String(request.UpdateExpression)) ?? [];
  const next: Item = { ...item, ...(request.Key as Item) };
  for (const set of sets.split(', ')) {
    const [name = '', value = ''] = set.split(' = ');
    next[names[name] ?? ''] = values[value];
  }
  for (const name of removes === '' ? [] : removes.split(', ')) delete next[names[name] ?? ''];
  return next;
}
