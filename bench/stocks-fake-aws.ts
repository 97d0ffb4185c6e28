import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gapPartitionKey } from '../domain/stocks/contract.ts';

export interface FakeAws {
  url: string;
  /** Trades that were put on the stream. */
  readonly trades: number;
  close(): Promise<void>;
}

type Item = Record<string, unknown>;

/**
 * As much of AWS as one feed calls: PutRecords, which takes everything and keeps nothing; one table, whose conditions always
 * hold, because there is nobody else; one secret. What it does not know it refuses.
 *
 * @param secret what GetSecretValue answers
 * @param onTrades told after each PutRecords how many trades there are
 */
export async function startFakeAws(
  secret: object,
  onTrades: (trades: number) => void = () => undefined,
): Promise<FakeAws> {
  let trades = 0;
  let sequence = 0;
  const items = new Map<string, Item>();

  const operations: Record<string, (request: Item) => unknown> = {
    PutRecords: ({ Records }) => {
      const records = Records as { PartitionKey: string }[];
      trades += records.filter(({ PartitionKey }) => PartitionKey !== gapPartitionKey).length;
      onTrades(trades);
      return {
        FailedRecordCount: 0,
        Records: records.map(() => ({ SequenceNumber: String(++sequence), ShardId: 'shardId-000000000000' })),
      };
    },
    GetItem: (request) => {
      const Item = items.get(leaseOf(request));
      return Item ? { Item } : {};
    },
    UpdateItem: (request) => {
      items.set(leaseOf(request), updated(items.get(leaseOf(request)) ?? {}, request));
      return {};
    },
    GetSecretValue: () => ({ Name: 'provider', SecretString: JSON.stringify(secret) }),
  };

  const server = createServer(async (request, response) => {
    const target = String(request.headers['x-amz-target']);
    const operation = operations[target.slice(target.lastIndexOf('.') + 1)];
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    if (!operation)
      response.writeHead(400).end(JSON.stringify({ __type: 'UnknownOperation', message: target }));
    else response.end(JSON.stringify(operation(JSON.parse(Buffer.concat(chunks).toString()))));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get trades() {
      return trades;
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

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
