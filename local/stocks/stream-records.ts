import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { DeployedLab, Laptop } from '../laptop.ts';

/** A record of the stream, where it stands in its shard and when it came. */
export interface StreamRecord {
  shard: string;
  sequence: string;
  /** Epoch milliseconds. */
  arrived: number;
  data: Uint8Array;
}

/** HTTP/1.1: over HTTP/2, the default of this client, the emulator breaks off large puts and answers. */
export function kinesisClient({ clients }: Pick<Laptop, 'clients'>): KinesisClient {
  const { requestHandler, ...settings } = clients;
  return new KinesisClient({ ...settings, requestHandler: new NodeHttpHandler(requestHandler) });
}

/** Reads a lab's stream beside its own readers, from its beginning on. */
export class StreamRecords {
  readonly #kinesis: KinesisClient;
  readonly #stream: string;
  readonly #iterators = new Map<string, string | undefined>();

  constructor(laptop: Laptop, { assembly, resources }: DeployedLab) {
    this.#kinesis = kinesisClient(laptop);
    const [logicalId = ''] =
      Object.entries(assembly.template.Resources).find(([, { Type }]) => Type === 'AWS::Kinesis::Stream') ??
      [];
    this.#stream = resources.get(logicalId) ?? '';
  }

  /** What came since the last time, each shard in its order. */
  async *read(): AsyncGenerator<StreamRecord> {
    if (this.#iterators.size === 0) await this.#begin();
    for (const [shard, first] of this.#iterators) {
      let iterator = first;
      for (let read = -1; read !== 0 && iterator !== undefined; ) {
        const { Records = [], NextShardIterator } = await this.#kinesis.send(
          new GetRecordsCommand({ ShardIterator: iterator }),
        );
        iterator = NextShardIterator;
        read = Records.length;
        for (const { SequenceNumber: sequence = '', ApproximateArrivalTimestamp, Data } of Records) {
          const arrived = ApproximateArrivalTimestamp?.getTime() ?? Number.NaN;
          yield { shard, sequence, arrived, data: Data ?? new Uint8Array() };
        }
      }
      this.#iterators.set(shard, iterator);
    }
  }

  async #begin(): Promise<void> {
    const StreamName = this.#stream;
    const { Shards = [] } = await this.#kinesis.send(new ListShardsCommand({ StreamName }));
    for (const { ShardId = '' } of Shards) {
      const { ShardIterator } = await this.#kinesis.send(
        new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
      );
      this.#iterators.set(ShardId, ShardIterator);
    }
  }

  close(): void {
    this.#kinesis.destroy();
  }
}
