import { readdirSync, readFileSync } from 'node:fs';
import { jest } from '@jest/globals';
import { symbols } from '../../domain/stocks/contract.ts';
import { defaultFeedSettings } from '../../domain/stocks/feed-settings.ts';
import { stateItem } from '../../domain/stocks/state-item.ts';
import { readTickRecord, tickRecordText } from '../../domain/stocks/tick-record.ts';
import { SymbolTrend } from '../../domain/stocks/trend.ts';
import { openMarket, streamText } from '../../local/outside/exchange/market.ts';
import { counts } from '../../services/tick-feed/figures.ts';
import { synthesizeStocks } from '../stacks/stocks/synthesized-stocks.ts';
import { only, type Properties, resourcesOf } from '../stacks/synthesized.ts';
import {
  billedByTheHour,
  CostPage,
  numberOf,
  roundedAs,
  statedAtRest,
  templateAtRest,
} from './cost-tables.ts';

jest.setTimeout(300_000); // the CDK loads most of itself at a first synth, on a machine that may be busy

const rest = 'At rest, a month';
const trendAtOnce = 'The trend, a month, `trendEvery` 0';
const trendASecond = 'The trend, a month, `trendEvery` 1 s';
const month = 'A month';
const page = new CostPage('diagrams/stocks.md');
const { stocks } = synthesizeStocks();
const countOf = (type: string) => resourcesOf(stocks, type).length;
const propertiesOf = (type: string, start = ''): Properties => only(stocks, type, start)[1].Properties;
const quantity = (table: string, start: string) => page.line(table, start).quantity;

/** The number that the page says in these words. */
const said = (words: RegExp) => numberOf(page.text.match(words)?.[1] ?? '');

const hoursOfMonth = 730;
const secondsOfMonth = hoursOfMonth * 3600;
/** 1 GiB as AWS bills it, in KiB and in bytes. */
const gigabyte = { kilobytes: 1024 ** 2, bytes: 1024 ** 3 };

/** What the section says that it counts with. */
const days = said(/ticks a day, (\d+) days a month/);
const ticks = said(/\*\*([\d,]+) ticks a day/) * days;
const ticksOutside = (ticks * said(/that (\d+) in 100 are outside/)) / 100;
const hours = (aDay: number) => ({ hours: aDay * days, seconds: aDay * 3600 * days });
const open = hours(said(/of the ([\d.]+) hours in\s+which the market is open/));
const traded = hours(said(/trades come for (\d+) hours a day/));
const shards = 4;
const trendSeconds = said(/A call of the trend takes ([\d.]+) s/);

/** Calls of the trend and states that it writes, in a month. */
const trends = {
  [trendAtOnce]: { calls: (shards / trendSeconds) * open.seconds + ticksOutside, states: ticks },
  [trendASecond]: {
    calls: shards * traded.seconds,
    states: symbols.length * open.seconds + ticksOutside,
  },
};
const loads = traded.seconds / 5;

/** A metric is billed once it is sent, whether or not an alarm or the dashboard reads it. */
function sentMetrics(): Set<string> {
  const lambdas = readdirSync('lambdas/stocks').map((name) => `lambdas/stocks/${name}`);
  const named = [...lambdas, 'services/tick-feed/figures.ts'].flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(/addMetric\(\s*'(\w+)'/g)].map(([, name]) => name as string),
  );
  return new Set([...counts, ...named]);
}

/** The bytes of a record on average, and of a state after more ticks of its symbol than its window holds. */
function sizes(): { record: number; state: number } {
  let at = 1_795_186_800_000_000_000n; // a Friday at ten in New York
  const market = openMarket({ seed: 1, symbols, now: () => at, keepTrades: 1 });
  const trend = new SymbolTrend('AAPL');
  let bytes = 0;
  let records = 0;
  // All symbols are traded: how far the ids of one lie apart makes most of its state.
  for (let applied = 0; applied < 550; ) {
    at += 2_341_921n; // 427 ticks a second, and times with all their digits
    const trade = market.trade();
    const record = tickRecordText({ token: 1, received: trade.at, source: 'stream' }, streamText(trade));
    bytes += Buffer.byteLength(record);
    records += 1;
    if (trade.symbol !== 'AAPL') continue;
    const read = readTickRecord(record);
    if (read.kind === 'trade') trend.apply(read.trade, '4'.repeat(56));
    applied += 1;
  }
  const state = Object.entries(stateItem(trend.state())).flat().join('');
  return { record: bytes / records, state: Buffer.byteLength(state) };
}

describe('the cost that the explanation of the stocks lab states', () => {
  it('has a table for the lab at rest, for the trend at once and each second, and for a month', () => {
    expect([...page.tables.keys()]).toEqual([rest, trendAtOnce, trendASecond, month]);
  });

  it.each([rest, trendAtOnce, trendASecond, month])(
    '%s: each amount is quantity times price, the total their sum',
    (name) => {
      const { stated, computed } = page.sums(name);
      expect(stated).toEqual(computed);
    },
  );

  it('the month is made of the totals of the others', () => {
    expect(page.line(month, 'at rest').price).toBe(Number(page.table(rest).total));
    expect(page.line(month, 'the trend').price).toBe(Number(page.table(trendAtOnce).total));
  });

  it('counts what the template has and the program sends', () => {
    expect({
      ...statedAtRest(page, rest),
      metrics: quantity(rest, 'metrics of our own'),
      stream: quantity(rest, 'stream on demand'),
    }).toEqual({
      ...templateAtRest(stocks),
      metrics: sentMetrics().size,
      stream: countOf('AWS::Kinesis::Stream') * hoursOfMonth,
    });
  });

  it('takes the tasks of the feed as they are: processors, memory, disk beyond what is free, addresses', () => {
    const task = propertiesOf('AWS::ECS::TaskDefinition');
    const service = propertiesOf('AWS::ECS::Service');
    const hours = service.DesiredCount * hoursOfMonth;
    expect(task.RuntimePlatform.CpuArchitecture).toBe('ARM64');
    expect(service.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp).toBe('ENABLED');
    expect({
      processors: quantity(rest, 'Fargate on ARM, vCPU'),
      memory: quantity(rest, 'Fargate on ARM, GB'),
      disk: quantity(rest, 'Fargate, GB-hours of disk'),
      addresses: quantity(rest, 'public IPv4'),
    }).toEqual({
      processors: (hours * Number(task.Cpu)) / 1024,
      memory: (hours * Number(task.Memory)) / 1024,
      disk: hours * (task.EphemeralStorage.SizeInGiB - 20),
      addresses: hours,
    });
  });

  it('leaves out no part of the network that is billed by the hour', () => {
    expect(billedByTheHour(stocks)).toEqual([]);
  });

  it('counts what the feed and the watch ask of their tables', () => {
    const { leaseSeconds, checkpointMs } = defaultFeedSettings;
    const [, rule] = only(stocks, 'AWS::Events::Rule');
    expect(rule.Properties.ScheduleExpression).toBe('rate(1 minute)');
    expect(quantity(rest, 'DynamoDB, write units: the lease')).toBeCloseTo(
      secondsOfMonth / (leaseSeconds / 3),
      0,
    );
    expect(quantity(rest, 'DynamoDB, read units: the standby')).toBe(secondsOfMonth / (leaseSeconds / 10));
    expect(quantity(rest, 'DynamoDB, read units: the watch')).toBe((secondsOfMonth / 60) * symbols.length);
    const checkpoints = (traded.seconds * 1000) / checkpointMs;
    expect(quantity(month, 'DynamoDB, write units: the checkpoint')).toBe(7 * checkpoints);
  });

  it('a state is three units to write and one to read, a record less than a kilobyte', () => {
    const { record, state } = sizes();
    expect(record).toBeLessThan(1024);
    expect([Math.ceil(state / 1024), Math.ceil(state / 4096)]).toEqual([3, 1]);
  });

  it.each([trendAtOnce, trendASecond] as const)('%s: follows from its calls and its states', (name) => {
    const { calls, states } = trends[name];
    const { MemorySize } = propertiesOf('AWS::Lambda::Function', 'Trend');
    const stated = (start: string) => quantity(name, start);
    expect({
      writes: stated('DynamoDB, write'),
      reads: stated('DynamoDB, read'),
      puts: stated('S3: put'),
      gets: stated('S3: get'),
      seconds: stated('Lambda on ARM'),
      calls: stated('Lambda, calls'),
      messages: stated('SQS'),
      logs: stated('logs'),
      key: stated('requests to the key'),
    }).toEqual({
      writes: states * 3,
      reads: states,
      puts: calls,
      gets: calls,
      seconds: Math.round((calls * trendSeconds * MemorySize) / 1024),
      calls,
      messages: Math.round(calls * 1.2),
      logs: Number(((calls * (1.5 + 0.4)) / gigabyte.kilobytes).toFixed(1)),
      key: (2 * calls) / 100,
    });
  });

  it('the month follows from its ticks, from what is kept for how long, and from the loads', () => {
    const { RetentionPeriodHours } = propertiesOf('AWS::Kinesis::Stream');
    const workgroup = propertiesOf('AWS::RedshiftServerless::Workgroup');
    const { MemorySize = 128 } = propertiesOf('AWS::Lambda::Function', 'LoadingLoad');
    const stated = (start: string) => page.line(month, start);
    const { calls } = trends[trendAtOnce];
    const kept = (bytes: number, months: number) => (ticks * bytes * months) / gigabyte.bytes;
    const streamed = ticks / gigabyte.kilobytes;
    const expected: [start: string, quantity: number, digits: number][] = [
      ['stream, GB in', streamed, 2],
      ['stream, GB out by enhanced fan-out', streamed, 2],
      ['stream, GB out, to Firehose', streamed, 2],
      ['stream, GB-months', (streamed * (RetentionPeriodHours / 24 - 1)) / (365 / 12), 1],
      ['Firehose', 5 * streamed, 2],
      ['Redshift, RPU-hours', workgroup.BaseCapacity * traded.hours, 0],
      ['Lambda on ARM', (loads * 3 * MemorySize) / 1024, 0],
      ['S3: put', loads + traded.seconds / 60, 0],
      ['logs of loads', (loads * 7.5) / gigabyte.kilobytes, 1],
      ['raw objects, GB', kept(24, 1), 1],
      ['raw objects before', kept(24, 11), 1],
      ['objects of rows', kept(72, 12), 1],
      ['access log', (12 * 2 * calls * 0.6) / gigabyte.kilobytes, 1],
      ['ticks in Redshift', kept(149, 12), 1],
    ];
    expect(expected.map(([start]) => [start, stated(start).quantity])).toEqual(
      expected.map(([start, value, digits]) => [start, Number(value.toFixed(digits))]),
    );
  });

  it('the window of the load: a minute each, without a pause up to a minute', () => {
    const { BaseCapacity } = propertiesOf('AWS::RedshiftServerless::Workgroup');
    const { price } = page.line(month, 'Redshift, RPU-hours');
    const windows: Record<string, number> = { '1 s': 1, '5 s': 5, '60 s': 60, '5 min': 300 };
    const rows = page.cells('What the window of the load costs');
    expect(rows.map(([window]) => window)).toEqual(Object.keys(windows));
    for (const [window = '', ...cells] of rows) {
      const expected = [traded.hours, open.hours].flatMap((hours) => {
        const billed = (hours * 60) / Math.max(60, windows[window] as number);
        return [billed, billed * BaseCapacity * price];
      });
      expect([window, ...cells]).toEqual([
        window,
        ...cells.map((cell, index) => roundedAs(cell, expected[index] as number)),
      ]);
    }
  });

  it('five minutes of objects are one load where the trend is called each three seconds, and not where more often', () => {
    const { BatchSize } = propertiesOf('AWS::Lambda::EventSourceMapping', 'Loading');
    expect(BatchSize).toBe(500);
    expect(BatchSize / (shards / trendSeconds)).toBe(12.5);
    expect(BatchSize / shards).toBe(125); // seconds, at a call a second
    expect((shards * 300) / 3).toBeLessThanOrEqual(BatchSize); // five minutes, at a call each three seconds
  });

  it('says in words what comes of its tables', () => {
    const total = (name: string) => Number(page.table(name).total);
    const saved = total(trendAtOnce) - total(trendASecond);
    const ofLines = (sources: string[]) =>
      [rest, month]
        .flatMap((name) => page.cells(name))
        .filter(
          ([item, , , , source]) => sources.includes(source as string) && item?.match(/stream|Firehose/),
        )
        .reduce((sum, [, , , amount]) => sum + Number(amount), 0);
    const { record } = sizes();
    const { price } = page.line(month, 'Redshift, RPU-hours');
    const { BaseCapacity } = propertiesOf('AWS::RedshiftServerless::Workgroup');
    const closed = (traded.hours - open.hours) * BaseCapacity * price;
    const week = (ticks / days) * 5 * record; // bytes of the days in which the market is open
    const perGigabyte = (start: string) => page.line(month, start).price;
    const fanOut =
      perGigabyte('stream, GB out by enhanced fan-out') - perGigabyte('stream, GB out, to Firehose');
    expect({
      withASecond: said(/With `trendEvery` 1 s it is ([\d.]+\d),/),
      saved: said(/`trendEvery` 1 s\*\* saves (\d+) a month/),
      regularHours: said(/`feed: \{ hours: 'regular' \}`\*\* saves ([\d.]+) a month/),
      both: said(/Both: ([\d.]+) a month/),
      inPlaceOf: said(/a month in place of ([\d.]+\d)\./),
      withoutFanOut: said(/`fanOut: false` saves (\d+) a month/),
      weekGigabytes: said(/wait behind the week's. (\d+) GB/),
      weekMinutes: said(/of four shards \(read\), are (\d+) minutes/),
      record: said(/A record of (\d+) bytes/),
      timesTheBytes: said(/bills (\d+) times the bytes/),
      streamsDearer: said(/a fifth higher there, (\d+) a month/),
      warehouseDearer: said(/more for an RPU-hour, (\d+)\./),
    }).toEqual({
      withASecond: Number((total(month) - saved).toFixed(2)),
      saved: Math.round(saved / 10) * 10,
      regularHours: Number(closed.toFixed(2)),
      both: Number((total(month) - saved - closed).toFixed(2)),
      inPlaceOf: total(month),
      withoutFanOut: Math.round(fanOut * quantity(month, 'stream, GB out by enhanced fan-out')),
      weekGigabytes: Math.round(week / 1e9),
      weekMinutes: Math.round(week / (shards * 2e6) / 60 / 10) * 10,
      record: Math.round(record),
      timesTheBytes: Math.round((5 * 1024) / record),
      streamsDearer: Math.round(ofLines(['K', '?']) / 5),
      warehouseDearer: Math.round(quantity(month, 'Redshift') / 100),
    });
  });
});
