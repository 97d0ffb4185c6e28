import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { rowsKey, setAsideKey, type TradingDays } from '../../domain/stocks/keys.ts';

/** The records of one batch, in order, all of one shard. */
export interface BatchSpan {
  shard: string;
  /** Sequence numbers of its first and its last record. */
  first: string;
  last: string;
  /** Arrival of the first record, epoch milliseconds. */
  arrived: number;
  /** How many of them are trades that can be read, and of which days. */
  trades: number;
  days: TradingDays;
}

/** A record that cannot be read. */
export interface Poison {
  shard: string;
  sequence: string;
  /** Epoch milliseconds. */
  arrived: number;
  payload: Uint8Array;
  /** Of the table of errors, or the name of another error. */
  code: string;
  reason: string;
}

/** Where a batch puts what must be durable before it may count as done. Each may be called again with the same. */
export interface BatchObjects {
  /** @param csv with its header */
  putRows(span: BatchSpan, csv: string): Promise<void>;
  setAside(poison: Poison): Promise<void>;
}

/** Level 1: a third more bytes than the default, in a third of its time. */
const compress = promisify(gzip);
const level = constants.Z_BEST_SPEED;

/** Metadata of a rows object: how many trades its batch had, whether or not they gave a row. */
const tradesField = 'trades';

/** The objects of batches in the archive. None is ever overwritten: what was told to the load stays as it was. */
export class ArchivedBatches implements BatchObjects {
  readonly #client: Pick<S3Client, 'send'>;
  readonly #bucket: string;
  readonly #run: string | undefined;

  /** @param run of a replay, which writes below `replay/<run>/` */
  constructor(client: Pick<S3Client, 'send'>, bucket: string, run?: string) {
    this.#client = client;
    this.#bucket = bucket;
    this.#run = run;
  }

  /**
   * Where an earlier attempt at this batch wrote its object, it has these rows, and maybe more: states only advance.
   *
   * That holds where it was the same batch. Lambda could cut another one between the same two records after its
   * parallelization was changed, and so could we after a symbol was added; then it had another number of trades, and these
   * rows go into an object of their own. Rows that are in both are one in SQL.
   */
  async putRows(span: BatchSpan, csv: string): Promise<void> {
    const body = await compress(csv, { level });
    const key = rowsKey({ ...span, run: this.#run });
    const metadata = { [tradesField]: String(span.trades) };
    if (await this.#create(key, body, 'text/csv', metadata)) return;
    const { Metadata } = await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }));
    if (Metadata?.[tradesField] === metadata[tradesField]) return;
    const beside = rowsKey({ ...span, shard: `${span.shard}-of${span.trades}`, run: this.#run });
    await this.#create(beside, body, 'text/csv', metadata);
  }

  /** The record as it came, as base64 in JSON: {code, reason, shard, sequence, arrived, payload}. */
  async setAside(poison: Poison): Promise<void> {
    const { code, reason, shard, sequence } = poison;
    const arrived = new Date(poison.arrived).toISOString();
    const payload = Buffer.from(poison.payload).toString('base64');
    const body = JSON.stringify({ code, reason, shard, sequence, arrived, payload });
    await this.#create(setAsideKey({ ...poison, run: this.#run }), body, 'application/json');
  }

  /** False where there is one of that key already. */
  async #create(
    key: string,
    body: Uint8Array | string,
    type: string,
    metadata?: Record<string, string>,
  ): Promise<boolean> {
    try {
      await this.#client.send(
        new PutObjectCommand({
          Bucket: this.#bucket,
          Key: key,
          Body: body,
          ContentType: type,
          Metadata: metadata,
          IfNoneMatch: '*',
        }),
      );
      return true;
    } catch (error) {
      if ((error as Error).name === 'PreconditionFailed') return false;
      throw error;
    }
  }
}
