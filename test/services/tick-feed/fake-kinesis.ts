import { setTimeout as sleep } from 'node:timers/promises';
import { PutRecordsCommand } from '@aws-sdk/client-kinesis';

export interface TakenRecord {
  key: string;
  data: string;
}

/** A stream in this process, by the client's own interface: takes records, or refuses as it is told. */
export class FakeKinesis {
  /** In their order. */
  readonly records: TakenRecord[] = [];
  /** Records of each call. */
  readonly calls: { records: number; bytes: number }[] = [];
  /** Calls that held a key while another call held it. */
  overlapping = 0;
  /** Milliseconds of a call. */
  latency = () => 1;
  /** The code with which this record is refused, if it is. */
  refuse: (record: TakenRecord) => string | undefined = () => undefined;
  /** Thrown by a call as a whole: before it had an effect, or after. */
  fail: () => { error: Error; after: boolean } | undefined = () => undefined;
  readonly #busy = new Map<string, number>();

  // biome-ignore lint/suspicious/noExplicitAny: stands in for the client's overloaded method
  send = async (command: any): Promise<any> => {
    if (!(command instanceof PutRecordsCommand))
      throw new Error(`not played here: ${command.constructor.name}`);
    const records = (command.input.Records ?? []).map(({ PartitionKey, Data }) => ({
      key: PartitionKey as string,
      data: Buffer.from(Data as Uint8Array).toString(),
    }));
    const bytes = records.reduce((sum, { key, data }) => sum + Buffer.byteLength(key + data), 0);
    if (records.length > 500 || bytes > 5 * 1024 ** 2)
      throw Object.assign(new Error('too much'), { name: 'ValidationException' });
    this.calls.push({ records: records.length, bytes });
    const keys = new Set(records.map(({ key }) => key));
    for (const key of keys) {
      const now = this.#busy.get(key) ?? 0;
      if (now > 0) this.overlapping += 1;
      this.#busy.set(key, now + 1);
    }
    try {
      const failure = this.fail();
      if (failure && !failure.after) throw failure.error;
      const results = records.map((record) => {
        const code = this.refuse(record);
        if (code !== undefined) return { ErrorCode: code, ErrorMessage: 'refused' };
        this.records.push(record);
        return { SequenceNumber: String(this.records.length), ShardId: 'shardId-000000000000' };
      });
      await sleep(this.latency());
      if (failure) throw failure.error;
      return { Records: results, FailedRecordCount: results.filter((r) => 'ErrorCode' in r).length };
    } finally {
      for (const key of keys) this.#busy.set(key, (this.#busy.get(key) ?? 1) - 1);
    }
  };
}
