import { setTimeout as sleep } from 'node:timers/promises';
import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { callerOf } from '../../driven-lab.ts';
import { killFunction, logicalIdOf } from '../../function-processes.ts';
import type { HistoryFault } from '../../outside/exchange.ts';
import { type Random, randomOf } from '../../outside/random.ts';
import { answerLost, internalError, shardThrottled, slowDown, throttled } from '../../proxy/aws-faults.ts';
import type { FaultEffect, FaultMatch } from '../../proxy/faults.ts';
import type { StocksLab } from '../lab.ts';
import { kinesisClient } from '../stream-records.ts';
import type { FeedTasks } from './feeds.ts';

/** What faults are done to. */
export interface Struck {
  lab: StocksLab;
  feeds: FeedTasks;
  /** The round is given up. */
  signal: AbortSignal;
}

/** A fault that waits for its call, or strikes already. */
export interface Injected {
  /** How often it has struck. */
  hits(): number;
  /** The fault is over. */
  end(): Promise<void>;
}

type Kind = (struck: Struck, random: Random) => Injected | Promise<Injected>;
type LabFunction = 'Trend' | 'LoadingLoad';

/** What the proxy does to calls that fit. */
const byProxy =
  (
    choose: (random: Random) => { match: FaultMatch & { function?: LabFunction }; effect: FaultEffect },
  ): Kind =>
  ({ lab }, random) => {
    const { match, effect } = choose(random);
    const { function: name, ...rest } = match;
    const caller = name && callerOf(lab, name);
    const fault = lab.laptop.proxy.faults.add({ caller, ...rest }, effect);
    return { hits: () => fault.hits, end: async () => fault.remove() };
  };

/** A function is ended at one of its calls, before the call happens. */
const killedAt =
  (calls: readonly (FaultMatch & { function: LabFunction })[]): Kind =>
  ({ lab }, random) => {
    const { function: name, ...match } = random.pick(calls);
    const caller = callerOf(lab, name);
    const fault = lab.laptop.proxy.faults.add({ ...match, caller, times: 1 }, { kind: 'hold' });
    let ended = 0;
    const kill = fault.reached().then(() => {
      ended = killFunction(lab.laptop, lab.lab, logicalIdOf(lab.lab, name));
      fault.release();
    });
    return {
      hits: () => Math.min(1, ended),
      end: async () => {
        if (fault.hits > 0) await kill;
        fault.remove();
      },
    };
  };

/** Waits until a feed listens to the exchange: the fault before this one may have ended both, and a machine may be busy. */
async function heard({ lab: { exchange }, feeds, signal }: Struck): Promise<void> {
  for (const until = Date.now() + heardWithinMs; exchange.listening === 0 && Date.now() < until; ) {
    await feeds.replaceEnded();
    await sleep(50, undefined, { signal });
  }
}

/** Something that happens once at the exchange. @param happens how often it did */
const once =
  (
    happens: (struck: Struck, random: Random) => number,
    after: (struck: Struck) => void = () => undefined,
  ): Kind =>
  async (struck, random) => {
    await heard(struck);
    const hits = happens(struck, random);
    return { hits: () => hits, end: async () => after(struck) };
  };

const trendCalls: readonly (FaultMatch & { function: LabFunction })[] = [
  { function: 'Trend', operation: 'BatchGetItem' },
  { function: 'Trend', operation: 'PutObject' },
  { function: 'Trend', operation: 'PutItem' },
  { function: 'Trend', operation: 'PutItem', after: 3 },
  { function: 'Trend', operation: 'PutItem', after: 11 },
];
const loadCalls: readonly (FaultMatch & { function: LabFunction })[] = [
  { function: 'LoadingLoad', operation: 'PutObject' },
  { function: 'LoadingLoad', operation: 'BatchExecuteStatement' },
  { function: 'LoadingLoad', operation: 'DescribeStatement' },
  { function: 'LoadingLoad', operation: 'GetStatementResult' },
];

const dataApi = 'redshift-data';
const dataApiCalls = ['BatchExecuteStatement', 'DescribeStatement', 'GetStatementResult'] as const;
const historyFaults: readonly HistoryFault[] = [429, 500, 'cut'];

const givenUpWithinMs = 60_000;
const heardWithinMs = 60_000;

/** A trade of a symbol that nobody asked for. */
const stranger =
  '[{"T":"t","S":"ZZZZ","i":7,"x":"Q","p":10.5,"s":100,"c":["@"],"z":"C","t":"2026-11-20T15:51:44.208123456Z"}]';

/** Every fault that may strike while ticks stream. */
const faultKinds: Record<string, Kind> = {
  // --- between exchange and feed ---
  'the connection is cut': once(({ lab }) => lab.exchange.disconnect('cut')),
  'the provider says goodbye': once(({ lab }) => lab.exchange.disconnect('goodbye')),
  'half a message, and the connection ends': once(({ lab }) => {
    const { listening } = lab.exchange;
    lab.exchange.halfFrame();
    return listening;
  }),
  // Until it is given up: trades that a socket leaves out between others that it tells, nobody can know of.
  'the socket is mute': async (struck) => {
    await heard(struck);
    const { exchange } = struck.lab;
    const { connections, listening } = exchange;
    exchange.mute(true);
    return {
      hits: () => listening,
      end: async () => {
        const until = Date.now() + givenUpWithinMs;
        while (listening > 0 && exchange.connections === connections && Date.now() < until) await sleep(50);
        exchange.mute(false);
      },
    };
  },
  'trades are told twice': once(({ lab }, random) => {
    lab.exchange.duplicate(random.integer(1, 30));
    return lab.exchange.listening;
  }),
  'trades are told in the wrong order': once(({ lab }, random) => {
    lab.exchange.outOfOrder(random.integer(2, 20));
    return lab.exchange.listening;
  }),
  'a message that is no JSON': once(({ lab }) => {
    lab.exchange.malformed('[{"T":"t","S":"AAPL",');
    return lab.exchange.listening;
  }),
  'a symbol that nobody asked for': once(({ lab }) => {
    lab.exchange.malformed(stranger);
    return lab.exchange.listening;
  }),
  'the history fails while a gap is filled': async (struck, random) => {
    await heard(struck);
    const { lab } = struck;
    const [times, how] = [random.integer(1, 3), random.pick(historyFaults)];
    const before = lab.exchange.requests.length;
    lab.exchange.failHistory(times, how);
    lab.exchange.disconnect('cut');
    return {
      hits: () => lab.exchange.requests.slice(before).filter(({ status }) => status === how).length,
      end: async () => undefined,
    };
  },
  'the login is refused': once(
    ({ lab }) => {
      lab.exchange.refuseLogin(true);
      return lab.exchange.disconnect('cut');
    },
    ({ lab }) => lab.exchange.refuseLogin(false),
  ),
  'ten times the ticks': once(({ lab }, random) => {
    lab.exchange.burst(10, random.integer(300, 1000));
    return 1;
  }),

  // --- the feed ---
  'a feed is killed': ({ feeds }, random) => {
    const { running } = feeds;
    const killed = running.length > 0 ? feeds.kill(random.pick(running)) : undefined;
    return { hits: () => (killed ? 1 : 0), end: async () => killed };
  },
  'a feed stands still': ({ feeds }, random) => {
    const { running } = feeds;
    const feed = running.length > 0 ? random.pick(running) : undefined;
    if (feed) feeds.standStill(feed);
    return {
      hits: () => (feed ? 1 : 0),
      end: async () => {
        if (feed) feeds.goOn(feed);
      },
    };
  },
  'the table of leases refuses': byProxy(() => ({
    match: { service: 'dynamodb', operation: 'UpdateItem', resource: /Lease/ },
    effect: throttled,
  })),

  // --- the stream ---
  'the stream takes nothing': byProxy(() => ({
    match: { service: 'kinesis', operation: 'PutRecords' },
    effect: shardThrottled,
  })),
  'an answer of the stream is lost': byProxy((random) => ({
    match: { service: 'kinesis', operation: 'PutRecords', times: random.integer(1, 3) },
    effect: answerLost,
  })),
  'a record of somebody else, that is no tick': ({ lab }) => {
    const kinesis = kinesisClient(lab.laptop);
    const put = kinesis
      .send(
        new PutRecordsCommand({
          StreamName: lab.output('StreamName'),
          Records: [{ PartitionKey: 'AAPL', Data: Buffer.from('not JSON at all') }],
        }),
      )
      .finally(() => kinesis.destroy());
    put.catch(() => undefined); // where it failed too, by another fault, none was put: what was put is counted
    let hits = 0;
    put.then(
      () => {
        hits = 1;
      },
      () => undefined,
    );
    return { hits: () => hits, end: async () => void (await Promise.allSettled([put])) };
  },

  // --- the trend ---
  'the trend is killed': killedAt(trendCalls),
  'the trend is throttled': byProxy((random) => ({
    match: {
      function: 'Trend',
      operation: random.pick(['BatchGetItem', 'PutItem']),
      times: random.integer(1, 8),
    },
    effect: throttled,
  })),
  'S3 throttles the trend': byProxy((random) => ({
    match: { function: 'Trend', operation: 'PutObject', times: random.integer(1, 8) },
    effect: slowDown,
  })),
  'an answer to the trend is lost': byProxy((random) => ({
    match: {
      function: 'Trend',
      operation: random.pick(['PutObject', 'PutItem']),
      times: random.integer(1, 8),
    },
    effect: answerLost,
  })),

  // --- the load ---
  'the load is killed': killedAt(loadCalls),
  'the Data API refuses': byProxy((random) => ({
    match: {
      function: 'LoadingLoad',
      service: dataApi,
      operation: random.pick(dataApiCalls),
      times: random.integer(1, 8),
    },
    effect: random.pick([throttled, internalError]),
  })),
  'an answer of the Data API is lost': byProxy((random) => ({
    match: {
      function: 'LoadingLoad',
      service: dataApi,
      operation: random.pick(dataApiCalls),
      times: random.integer(1, 3),
    },
    effect: answerLost,
  })),
  'the Data API is slow': byProxy((random) => ({
    match: { function: 'LoadingLoad', service: dataApi },
    effect: { kind: 'delay', ms: random.integer(200, 900) },
  })),
  'the Data API is away': byProxy(() => ({
    match: { service: dataApi },
    effect: { kind: 'cut', at: 'before' },
  })),
  'S3 throttles the warehouse': byProxy((random) => ({
    match: {
      service: 's3',
      operation: 'GetObject',
      resource: random.pick([/\/manifest\//, /\/rows\//]),
      times: random.integer(1, 8),
    },
    effect: slowDown,
  })),
};

export interface PlannedFault {
  name: string;
  /** Milliseconds after the round began, and for how long it lasts at most. */
  at: number;
  lasts: number;
  inject(struck: Struck): Promise<Injected>;
}

/** Three to six faults of different kinds, in the order in which they begin; several are there at a time. */
export function planFaults(seed: number, roundMs: number): PlannedFault[] {
  const random = randomOf(seed, 'faults');
  const names = Object.keys(faultKinds);
  const chosen = new Set<string>();
  for (const count = random.integer(3, 6); chosen.size < count; ) chosen.add(random.pick(names));
  return [...chosen]
    .map((name) => ({
      name,
      at: random.integer(0, Math.floor(roundMs * 0.7)),
      lasts: random.integer(500, Math.floor(roundMs * 0.6)),
      inject: async (struck: Struck) => (faultKinds[name] as Kind)(struck, randomOf(seed, name)),
    }))
    .sort((a, b) => a.at - b.at);
}
