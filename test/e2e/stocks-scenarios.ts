import { CopyObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { DeleteCommand } from '@aws-sdk/lib-dynamodb';
import type { KinesisStreamEvent, SQSEvent } from 'aws-lambda';
import type { CopiedObject } from '../../domain/shared/copy-manifest.ts';
import { type FeedSettings, replayPrefix, rowsPrefix, symbols } from '../../domain/stocks/contract.ts';
import type { Publication } from '../../domain/stocks/publication.ts';
import { tickRecordText } from '../../domain/stocks/tick-record.ts';
import { callerOf } from '../../local/driven-lab.ts';
import { killFunction, logicalIdOf } from '../../local/function-processes.ts';
import { RawTally } from '../../local/stocks/counts.ts';
import { FunctionCaller } from './function-caller.ts';
import type { Scenario, Scenarios } from './grants-suite.ts';
import type { TestedStocks } from './stocks-lab.ts';

/** The trend is called with made-up batches of this one, which is never traded. */
const [madeUp = '', ...others] = symbols;
/** What the exchange trades. */
export const traded = others.slice(0, 3);

/** Nothing is traded while a grant is away, however long that is; and nothing is waited for that cannot be put. */
export const feedSettings: Partial<FeedSettings> = {
  symbols: traded,
  muteAfterMs: 3_600_000,
  stopSeconds: 1,
};

/** The replay of which rows are published. */
const run = 'grants';

/** The smallest runs that together use every grant of each role of the stocks lab. */
export class StocksScenarios implements Scenarios {
  private readonly stocks: TestedStocks;
  private readonly functions: FunctionCaller;
  private readonly raw = new RawTally();
  /** An object of rows that was loaded. */
  private rows: CopiedObject = { key: '', bytes: 0 };
  private feeds = 0;
  private batches = 0;

  static async open(stocks: TestedStocks): Promise<StocksScenarios> {
    const scenarios = new StocksScenarios(stocks);
    await scenarios.wholeRun();
    await scenarios.takeRows();
    return scenarios;
  }

  private constructor(stocks: TestedStocks) {
    this.stocks = stocks;
    this.functions = new FunctionCaller(stocks.laptop, stocks.lab);
  }

  get of(): Readonly<Record<string, readonly Scenario[]>> {
    const load = {
      name: 'load an object of rows',
      run: () => this.untilDenied('LoadingLoad', () => this.load()),
    };
    const publish = {
      name: 'publish rows of a replay',
      run: () => this.untilDenied('LoadingPublish', () => this.publish()),
    };
    return {
      FeedTaskTaskRole: [{ name: 'feed the stream', run: () => this.feed() }],
      Trend: [
        { name: 'a batch of the stream', run: () => this.trend(this.nextBatch()) },
        { name: 'a batch that comes again after its state was lost', run: () => this.trendAgain() },
      ],
      Load: [load],
      Publish: [publish],
      WarehouseCopyRole: [load, publish],
      Watch: [{ name: 'look how old the newest tick is', run: () => this.functions.invoke('Watch', {}) }],
    };
  }

  /** From the websocket to SQL and the raw archive. Counts all that was ever traded: what was denied has lost nothing. */
  readonly wholeRun = async (): Promise<void> => {
    const { exchange, query, until } = this.stocks;
    await this.feed(30);
    const all = exchange.trades().length;
    await until('every trade is in SQL', async () => {
      const [row] = await query<{ ticks: number }>(
        `SELECT COUNT(*)::int AS ticks FROM stocks.ticks WHERE symbol <> '${madeUp}'`,
      );
      return row?.ticks === all;
    });
    await until('every trade is in the raw archive', async () => {
      await this.raw.read(this.stocks);
      return this.raw.trades === all;
    });
  };

  close(): void {
    this.functions.close();
  }

  /** A task of the feed, until it has put trades on the stream. @throws Error with what it was denied */
  private async feed(trades = 1): Promise<void> {
    const { laptop, lab, exchange, until, startFeed, checkpointed } = this.stocks;
    this.feeds += 1;
    const name = `feed-${this.feeds}`;
    const calls = () => laptop.proxy.log.entries({ caller: `${lab.stack}/${name}` });
    const denied = () => calls().find((call) => call.denied)?.denied;
    const feed = await startFeed(name);
    let isOver = false;
    void feed.exited.then(() => {
      isOver = true;
    });
    const failed = () => isOver || denied() !== undefined;
    const put = () => calls().some(({ operation, status }) => operation === 'PutRecords' && status === 200);
    try {
      await until('the feed listens', () => failed() || exchange.listening > 0);
      if (!failed()) exchange.emit(trades);
      await until('the feed puts records', () => failed() || put());
      // A feed that ends before would leave its trades to the next one.
      if (!failed()) await checkpointed();
      if (denied() !== undefined) throw new Error(`${name} is not authorized to perform: ${denied()}`);
      if (isOver) throw new Error(feed.tail(5));
    } finally {
      await feed.stop();
    }
  }

  /**
   * Lets a function run that tries again for minutes. One that was denied something is ended then: it has failed.
   *
   * @param name its logical id without the hash
   */
  private async untilDenied(name: string, call: () => Promise<unknown>): Promise<void> {
    const { laptop, lab, until } = this.stocks;
    const caller = callerOf(this.stocks, name);
    const begun = Date.now();
    const denied = () =>
      laptop.proxy.log.entries({ caller }).find((entry) => entry.at >= begun && entry.denied)?.denied;
    let settled = false;
    const called = call().finally(() => {
      settled = true;
    });
    called.catch(() => undefined);
    await until(`${name} ends`, () => settled || denied() !== undefined);
    if (!settled) killFunction(laptop, lab, logicalIdOf(lab, name));
    await called.catch((error: Error) => {
      throw denied() ? new Error(`${name} is not authorized to perform: ${denied()}`) : error;
    });
  }

  /** A trade, and what is none. */
  private nextBatch(): KinesisStreamEvent {
    this.batches += 1;
    const received = BigInt(Date.now()) * 1_000_000n;
    const feed = { token: 1, received, source: 'stream' } as const;
    const at = new Date().toISOString();
    const trade = `{"T":"t","i":${this.batches},"S":"${madeUp}","x":"D","p":100,"s":1,"t":"${at}","c":["@"],"z":"C"}`;
    const Records = [trade, '"no trade"'].map((text, index) => ({
      eventID: `shardId-000000000099:${index}`,
      kinesis: {
        // Later than any that the emulator gives.
        sequenceNumber: String(10n ** 56n + BigInt(2 * this.batches + index)),
        approximateArrivalTimestamp: Date.now() / 1000,
        data: Buffer.from(tickRecordText(feed, text)).toString('base64'),
      },
    }));
    return { Records } as unknown as KinesisStreamEvent;
  }

  private trend(batch: KinesisStreamEvent): Promise<unknown> {
    return this.functions.invoke('Trend', batch);
  }

  private async trendAgain(): Promise<void> {
    const batch = this.nextBatch();
    await this.trend(batch);
    const TableName = this.stocks.output('StateTableName');
    await this.stocks.table.send(new DeleteCommand({ TableName, Key: { symbol: madeUp } }));
    await this.trend(batch);
  }

  private async load(): Promise<void> {
    const { key, bytes: size } = this.rows;
    const body = JSON.stringify({ Records: [{ s3: { object: { key, size } } }] });
    await this.functions.invoke('Load', { Records: [{ messageId: '1', body }] } as SQSEvent);
  }

  private async publish(): Promise<void> {
    const objects = [{ ...this.rows, key: `${replayPrefix}${run}/${this.rows.key}` }];
    await this.functions.invoke('Publish', { run, objects } satisfies Publication);
  }

  /** Keeps one object in mind, and copies it to where a replay would have written it. */
  private async takeRows(): Promise<void> {
    const { s3, output } = this.stocks;
    const Bucket = output('ArchiveBucketName');
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: rowsPrefix }));
    const [{ Key: key = '', Size: bytes = 0 } = {}] = Contents;
    this.rows = { key, bytes };
    const CopySource = `${Bucket}/${key}`;
    await s3.send(new CopyObjectCommand({ Bucket, Key: `${replayPrefix}${run}/${key}`, CopySource }));
  }
}
