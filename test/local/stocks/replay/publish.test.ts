/** The rows of a replay to SQL, as the command sees it: archive in memory, publish function at the SDK's command. */
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { type Publication, parsePublication } from '../../../../domain/stocks/publication.ts';
import { mostObjectsToPublish } from '../../../../domain/stocks/sql.ts';
import { createProgress } from '../../../../local/core/progress.ts';
import { replayStocks, type StocksReplayRequest } from '../../../../local/stocks/replay.ts';
import {
  ArchiveInMemory,
  archiveByFirehose,
  liveTrend,
  minuteMs,
  opened,
  type Sent,
  tick,
} from './archive-in-memory.ts';

/** Stands for the deployed function: notes what it is asked, and answers by what it is told to. */
class Publisher {
  readonly asked: Publication[] = [];
  answer: (publication: Publication) => unknown = ({ objects }) => ({
    ticks: objects.length,
    replaced: 1,
    added: 0,
  });

  // biome-ignore lint/suspicious/noExplicitAny: stands for the overloads of the SDK's client
  send = async (command: any): Promise<any> => {
    if (!(command instanceof InvokeCommand)) throw new Error(`no ${command.constructor.name} here`);
    expect(command.input.FunctionName).toBe('publish');
    const publication = parsePublication(JSON.parse(String(command.input.Payload)));
    this.asked.push(publication);
    const answer = this.answer(publication);
    const failed = answer instanceof Error;
    const said = failed ? { errorType: answer.name, errorMessage: answer.message } : answer;
    return { Payload: Buffer.from(JSON.stringify(said)), ...(failed && { FunctionError: 'Unhandled' }) };
  };
}

const ticks = (count = 40): Sent[] =>
  Array.from({ length: count }, (_, n) =>
    tick({ symbol: n % 2 ? 'AAPL' : 'MSFT', id: n, price: 100 + (n % 5), after: n * 2000 }),
  );
const whole: StocksReplayRequest = { from: opened, to: opened + 120 * minuteMs, publish: true };

async function archived(sent: readonly Sent[]): Promise<ArchiveInMemory> {
  const archive = new ArchiveInMemory();
  await liveTrend(archive, sent);
  archiveByFirehose(archive, sent);
  return archive;
}

async function replay(
  archive: ArchiveInMemory,
  publisher: Publisher,
  request = whole,
  outputs: Record<string, string> = { ArchiveBucketName: 'archive', PublishFunctionName: 'publish' },
  signal = new AbortController().signal,
) {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  const code = await replayStocks({
    target: { stack: 'StockTrends', clients: {}, dataApi: {}, pathStyle: false, outputs },
    request,
    progress: createProgress({ animated: false, stream: { write } }),
    signal,
    s3: archive,
    lambda: publisher as unknown as Pick<LambdaClient, 'send'>,
  });
  return { code, text };
}

it('without being told to, nothing is published', async () => {
  const publisher = new Publisher();
  await replay(await archived(ticks()), publisher, { ...whole, publish: false });
  expect(publisher.asked).toEqual([]);
});

it('all objects of the run are published, in the order in which they were written, whatever their keys', async () => {
  const archive = await archived(ticks(30));
  const publisher = new Publisher();
  const { code, text } = await replay(archive, publisher, { ...whole, speed: 2000 });
  const keys = publisher.asked.flatMap(({ objects }) => objects.map(({ key }) => key));
  expect([...keys].sort()).toEqual(archive.keys('replay/').filter((key) => key.includes('/rows/')));
  const firsts = keys.map((key) => Number(/archive-.*-(\d+)-\d+\.csv/.exec(key)?.[1]));
  expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
  expect(code).toBe(0);
  expect(text).toContain('SQL: 1 rows replaced, 0 added');
});

it('differences without an explanation are what it is for: exit code 0 when they are published', async () => {
  const archive = await archived(ticks());
  archive.rewrite('rows/', (text) => text.replaceAll(',down,', ',up,'));
  expect((await replay(archive, new Publisher(), { ...whole, publish: false })).code).toBe(1);
  const { code, text } = await replay(archive, new Publisher());
  expect(code).toBe(0);
  expect(text).toMatch(/^✗ .* differ without an explanation/m);
});

it('says when SQL had it all, and which live rows are left', async () => {
  const archive = await archived(ticks());
  archive.rewrite('raw/', (text) =>
    text
      .split('\n')
      .filter((line) => !line.includes('"i":39,'))
      .join('\n'),
  );
  const publisher = new Publisher();
  publisher.answer = () => ({ ticks: 39, replaced: 0, added: 0 });
  const { text } = await replay(archive, publisher);
  expect(text).toContain('SQL had all 39 ticks as they were replayed: nothing was changed.');
  expect(text).toContain('1 live rows have no replayed one and were left.');
});

it('more objects than one transaction takes go in several, and the error says how far it came', async () => {
  const archive = await archived(ticks());
  const publisher = new Publisher();
  // The replay has written one object; the rest is as if it had written many.
  const put = archive.put.bind(archive);
  archive.put = (key, body, metadata) => {
    put(key, body, metadata);
    const [, path] = /^(replay\/[^/]+\/rows\/.+\/)archive-.*-1-\d+\.csv/.exec(key) ?? [];
    for (let n = 0; path !== undefined && n < mostObjectsToPublish; n++)
      put(`${path}archive-${1000 + n}-${1000 + n}.csv.gz`, body, metadata);
  };
  publisher.answer = ({ objects }) =>
    objects.length > 1 ? { ticks: 1, replaced: 1, added: 0 } : new Error('WarehouseSlow: it was slow');
  await expect(replay(archive, publisher)).rejects.toMatchObject({
    code: 'RowsNotPublished',
    message: expect.stringMatching(/200 of 201 objects of run \S+ are, then WarehouseSlow: it was slow/),
  });
  expect(publisher.asked.map(({ objects }) => objects.length)).toEqual([mostObjectsToPublish, 1]);
});

it('stopped between two transactions it says how far it came', async () => {
  const stop = new AbortController();
  const archive = await archived(ticks());
  const publisher = new Publisher();
  publisher.answer = () => {
    stop.abort('SIGINT');
    return new Error('cut off');
  };
  await expect(replay(archive, publisher, whole, undefined, stop.signal)).rejects.toMatchObject({
    code: 'RowsNotPublished',
    message: expect.stringContaining('0 of 1 objects'),
  });
});

describe('nothing is published', () => {
  const refused = async (
    archive: ArchiveInMemory,
    request: StocksReplayRequest,
    message: RegExp,
  ): Promise<void> => {
    const publisher = new Publisher();
    await expect(replay(archive, publisher, request)).rejects.toMatchObject({
      code: 'ReplayUncertain',
      message: expect.stringMatching(message),
    });
    expect(publisher.asked).toEqual([]);
  };

  it('of symbols that were not warm, whatever the live rows are', async () => {
    const archive = await archived(ticks(1200));
    const from = opened + 20 * minuteMs;
    await refused(archive, { ...whole, from, warmUp: from }, /600 rows are of symbols .*--warm-up all/);
    archive.rewrite('rows/', (text) => text.replaceAll(/,1$/gm, ',0'));
    await refused(archive, { ...whole, from, warmUp: from }, /600 rows are of symbols/);
    const publisher = new Publisher();
    expect((await replay(archive, publisher, { ...whole, from, warmUp: 'all' })).code).toBe(0);
  });

  it('of a trading day whose beginning was not read', async () => {
    const sent = Array.from({ length: 1500 }, (_, n) =>
      tick({ symbol: 'AAPL', id: n, price: 100 + (n % 5), after: n * 4000 }),
    );
    const request = { ...whole, from: opened + 80 * minuteMs, warmUp: opened + 15 * minuteMs };
    await refused(
      await archived(sent),
      request,
      /300 rows are of a trading day whose beginning was not read/,
    );
  });

  it('while the archive does not have the records of live rows yet', async () => {
    const now = Date.now();
    const sent = ticks(20).map(({ text }, n) => {
      const received = `"received":"${now - 1000 + n}000000"`;
      return { text: text.replace(/"received":"\d+"/, received), arrived: now - 900 + n };
    });
    const archive = new ArchiveInMemory();
    await liveTrend(archive, sent);
    archiveByFirehose(archive, sent.slice(0, 15));
    archive.clock = now - 500;
    const request = { ...whole, from: now - 60_000, to: now + 60_000 };
    await refused(archive, request, /does not have the records of 5 live rows yet/);
  });

  it('by a stack that has no function for it', async () => {
    const publisher = new Publisher();
    const outputs = { ArchiveBucketName: 'archive' };
    await expect(replay(await archived(ticks()), publisher, whole, outputs)).rejects.toMatchObject({
      code: 'StackUnreadable',
      message: expect.stringContaining('PublishFunctionName'),
    });
  });
});
