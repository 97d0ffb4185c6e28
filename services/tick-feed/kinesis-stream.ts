import { type KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import type { StreamPort } from './publisher.ts';

/**
 * @param client one that does not try again by itself: the publisher does, and keeps order while it does
 * @param patience milliseconds for one call: what takes longer than a lease keeps in reserve must not arrive later still
 */
export function kinesisStream(
  client: Pick<KinesisClient, 'send'>,
  streamName: string,
  patience: number,
): StreamPort {
  return {
    async put(records) {
      const { Records = [] } = await client.send(
        new PutRecordsCommand({
          StreamName: streamName,
          Records: records.map(({ key, data }) => ({ PartitionKey: key, Data: Buffer.from(data) })),
        }),
        { abortSignal: AbortSignal.timeout(patience) },
      );
      // The answer has the order of the request. A record without a result counts as refused.
      return records.map((_, index) => {
        const result = Records[index];
        return result?.SequenceNumber === undefined ? (result?.ErrorCode ?? 'NoResult') : undefined;
      });
    },
  };
}
