import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import type { ClientConfig } from '../../local/laptop.ts';
import { kinesisClient } from '../../local/stocks/stream-records.ts';

/** A call of PutRecords on the wire: JSON 1.1, data as base64. */
interface PutRecordsBody {
  StreamName: string;
  Records: { PartitionKey: string; Data: string }[];
}

export interface PartialStream {
  /** What the proxy's `kinesis` is to be routed to. */
  url: string;
  /** Records that were refused so far, and records that were taken in the same calls. */
  readonly refused: number;
  readonly takenBeside: number;
  close(): Promise<void>;
}

/**
 * A stream that refuses records one by one, as Kinesis does where one shard has too much: PutRecords answers 200, and says of
 * each record what became of it. The emulator never does. What is taken goes on to it, as the account's root: no other
 * signature can be made for what was left out.
 */
export async function startPartialStream(
  clients: ClientConfig,
  refuses: (record: { PartitionKey: string }) => boolean,
): Promise<PartialStream> {
  const kinesis = kinesisClient({ clients });
  let refused = 0;
  let takenBeside = 0;

  const put = async ({ StreamName, Records: records }: PutRecordsBody) => {
    const isRefused = records.map(refuses);
    const taken = records.filter((_, index) => !isRefused[index]);
    const left = records.length - taken.length;
    refused += left;
    if (left > 0) takenBeside += taken.length;
    const { Records: results = [] } =
      taken.length === 0
        ? {}
        : await kinesis.send(
            new PutRecordsCommand({
              StreamName,
              Records: taken.map(({ PartitionKey, Data }) => ({
                PartitionKey,
                Data: Buffer.from(Data, 'base64'),
              })),
            }),
          );
    const inOrder = results.values();
    return {
      FailedRecordCount: left,
      Records: isRefused.map((is) =>
        is
          ? { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'Rate exceeded for shard' }
          : inOrder.next().value,
      ),
    };
  };

  const server = createServer(async (request, response) => {
    try {
      const target = request.headers['x-amz-target'];
      if (target !== 'Kinesis_20131202.PutRecords') throw new Error(`not played here: ${target}`);
      const answer = await put(JSON.parse(await text(request)));
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer));
    } catch (error) {
      response.writeHead(500, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify({ __type: 'InternalFailureException', message: String(error) }));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get refused() {
      return refused;
    },
    get takenBeside() {
      return takenBeside;
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      kinesis.destroy();
    },
  };
}
