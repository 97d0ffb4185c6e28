import { CopyObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { rawPrefix } from '../../domain/stocks/contract.ts';
import { createProgress } from '../../local/core/progress.ts';
import { stocksInFlight } from '../../local/stocks/in-flight.ts';
import { deployStocksLab } from '../../local/stocks/lab.ts';
import { replayStocks } from '../../local/stocks/replay.ts';
import { lifecycle } from './lifecycle.ts';
import { type TestedStocks, testedStocks } from './stocks-lab.ts';

const begun = Date.now();
const days = [86_400_000, 0];

lifecycle<TestedStocks>({
  deploy: async (laptop, progress) => {
    // An exchange numbers its trades anew each day: the first stack hears one of the day before, the second one of today.
    const behind = days.shift() ?? 0;
    const now = () => BigInt(Date.now() - behind) * 1_000_000n;
    const lab = testedStocks(await deployStocksLab(laptop, { progress, exchange: { now } }));
    // What is traded before it has subscribed is nothing that a first feed could know of.
    await lab.subscribedAfter(() => lab.startFeed());
    return lab;
  },
  pass: async (lab) => {
    await lab.heard(40);
    await lab.settled();
  },
  inFlight: stocksInFlight,
  send: (lab) => lab.heard(40),
  sent: (lab) => lab.exchange.trades().length,
  rows: 'SELECT COUNT(*)::int AS rows FROM stocks.ticks',
  stopped: async (lab) => {
    // There is no service here: its tasks are processes, which a stop asks to end as ECS does.
    await Promise.all(lab.feeds.map((feed) => feed.stop()));
  },
  bringIn: async (lab, oldArchive) => {
    const Bucket = lab.output('ArchiveBucketName');
    const { Contents = [] } = await lab.s3.send(
      new ListObjectsV2Command({ Bucket: oldArchive, Prefix: rawPrefix }),
    );
    for (const { Key = '' } of Contents)
      await lab.s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${oldArchive}/${Key}` }));
    const code = await replayStocks({
      target: { ...lab.lab, clients: lab.laptop.clients, pathStyle: true },
      request: { from: begun, to: Date.now(), warmUp: 'all', publish: true },
      progress: createProgress({ quiet: true }),
      signal: new AbortController().signal,
    });
    expect(code).toBe(0);
  },
});
