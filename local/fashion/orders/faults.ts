import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { callerOf } from '../../driven-lab.ts';
import { killFunction, logicalIdOf } from '../../function-processes.ts';
import type { Random } from '../../outside/random.ts';
import { answerLost, internalError, slowDown, throttled } from '../../proxy/aws-faults.ts';
import type { FaultEffect, FaultMatch } from '../../proxy/faults.ts';
import type { FashionLab } from '../lab.ts';

/** A fault that waits for its call, or strikes already. */
export interface Injected {
  /** How often it has struck. */
  hits(): number;
  /** Calls that it holds now: what runs does not go on before they are released. */
  held(): number;
  /** Lets go what it holds. */
  release(): void;
  /** The fault is over. */
  end(): Promise<void>;
}

interface FaultKind {
  /** True where it can strike only when something is collected. */
  sftp?: true;
  inject(fashion: FashionLab, random: Random): Injected;
}

type LabFunction = 'Collect' | 'Transform' | 'Load';

const dataApi = 'redshift-data';
const submits = ['ExecuteStatement', 'BatchExecuteStatement'] as const;
const dataApiCalls = [...submits, 'DescribeStatement', 'GetStatementResult'] as const;
const dataApiRefusals: readonly FaultEffect[] = [
  throttled,
  internalError,
  {
    kind: 'refuse',
    status: 400,
    code: 'ActiveStatementsExceededException',
    message: 'Active statements exceeded',
  },
];

/** What the proxy does to calls that fit. The SDK makes three attempts, so that up to four hits reach the state machine. */
const byProxy =
  (choose: (random: Random) => { match: FaultMatch & { function?: LabFunction }; effect: FaultEffect }) =>
  (fashion: FashionLab, random: Random): Injected => {
    const { match, effect } = choose(random);
    const { function: name, ...rest } = match;
    const caller = name && callerOf(fashion, name);
    const fault = fashion.laptop.proxy.faults.add({ times: random.integer(1, 4), caller, ...rest }, effect);
    return {
      hits: () => fault.hits,
      held: () => 0,
      release: () => undefined,
      end: async () => fault.remove(),
    };
  };

/** Stops one call, and does something while it is stopped. */
function stopAt(
  fashion: FashionLab,
  match: FaultMatch,
  meanwhile: (() => Promise<unknown>) | undefined,
): Injected {
  const fault = fashion.laptop.proxy.faults.add({ times: 1, ...match }, { kind: 'hold' });
  let isHeld = false;
  let ended = false;
  let failure: unknown;
  const release = () => {
    isHeld = false;
    fault.release();
  };
  const done = fault.reached().then(async () => {
    if (ended) return;
    if (meanwhile === undefined) {
      isHeld = true;
      return;
    }
    try {
      await meanwhile();
    } catch (error) {
      failure = error;
    }
    fault.release();
  });
  return {
    hits: () => fault.hits,
    held: () => (isHeld ? 1 : 0),
    release,
    end: async () => {
      ended = true;
      fault.remove();
      if (fault.hits > 0) await done;
      if (failure) throw failure;
    },
  };
}

/** The calls at which a function may be struck down, or held. The batches of a load are its COPY and its swap. */
const steps: readonly (FaultMatch & { function: LabFunction; times: 1 })[] = [
  { function: 'Transform', service: 's3', operation: 'GetObject', times: 1 },
  { function: 'Transform', service: 's3', operation: 'PutObject', times: 1 },
  { function: 'Load', service: 's3', operation: 'PutObject', times: 1 },
  { function: 'Load', service: dataApi, operation: 'ExecuteStatement', times: 1 },
  { function: 'Load', service: dataApi, operation: 'BatchExecuteStatement', times: 1 },
  { function: 'Load', service: dataApi, operation: 'BatchExecuteStatement', after: 1, times: 1 },
  { function: 'Load', service: dataApi, operation: 'DescribeStatement', times: 1 },
  { function: 'Load', service: dataApi, operation: 'DescribeStatement', after: 3, times: 1 },
  { function: 'Load', service: dataApi, operation: 'GetStatementResult', after: 2, times: 1 },
];
const collectorSteps: typeof steps = [
  { function: 'Collect', service: 's3', operation: 'PutObject', times: 1 },
  { function: 'Collect', service: 's3', operation: 'CopyObject', times: 1 },
  // The claim, and the record of the drop; before both, the first look is noted.
  { function: 'Collect', service: 'dynamodb', operation: 'UpdateItem', after: 1, times: 1 },
  { function: 'Collect', service: 'dynamodb', operation: 'UpdateItem', after: 2, times: 1 },
];

const atStep =
  (among: typeof steps, kill: boolean) =>
  (fashion: FashionLab, random: Random): Injected => {
    const { function: name, ...match } = random.pick(among);
    const { laptop, lab } = fashion;
    return stopAt(
      fashion,
      { ...match, caller: callerOf(fashion, name) },
      kill ? async () => killFunction(laptop, lab, logicalIdOf(lab, name)) : undefined,
    );
  };

const onServer =
  (set: (faults: FashionLab['driver']['sftp']['faults'], random: Random) => void) =>
  (fashion: FashionLab, random: Random): Injected => {
    const { sftp } = fashion.driver;
    const before = sftp.struck.length;
    set(sftp.faults, random);
    return {
      hits: () => sftp.struck.length - before,
      held: () => 0,
      release: () => undefined,
      end: async () => sftp.heal(),
    };
  };

/** Every fault that may strike between and during the drops of an order. */
const faultKinds = {
  'S3 throttles': {
    inject: byProxy((random) => ({
      match: { service: 's3', function: 'Transform', operation: random.pick(['GetObject', 'PutObject']) },
      effect: slowDown,
    })),
  },
  'S3 throttles the warehouse': {
    inject: byProxy((random) => ({
      match: { service: 's3', operation: 'GetObject', resource: random.pick([/\/manifest\//, /\/csv\//]) },
      effect: slowDown,
    })),
  },
  'S3 throttles the collector': {
    sftp: true,
    inject: byProxy((random) => ({
      match: { service: 's3', function: 'Collect', operation: random.pick(['PutObject', 'CopyObject']) },
      effect: slowDown,
    })),
  },
  'an answer of S3 is lost': {
    inject: byProxy((random) => ({
      match: { service: 's3', operation: random.pick(['GetObject', 'PutObject', 'CopyObject']) },
      effect: answerLost,
    })),
  },
  'the connection to S3 is cut within a file': {
    inject: byProxy((random) =>
      random.chance(0.5)
        ? { match: { service: 's3', operation: 'GetObject' }, effect: { kind: 'cut', at: 'response-body' } }
        : { match: { service: 's3', operation: 'PutObject' }, effect: { kind: 'cut', at: 'request-body' } },
    ),
  },
  'the Data API refuses': {
    inject: byProxy((random) => ({
      match: { service: dataApi, operation: random.pick(dataApiCalls), after: random.integer(0, 3) },
      effect: random.pick(dataApiRefusals),
    })),
  },
  'an answer of the Data API is lost': {
    inject: byProxy((random) => ({
      match: { service: dataApi, operation: random.pick(dataApiCalls), after: random.integer(0, 3) },
      effect: answerLost,
    })),
  },
  'the Data API is slow': {
    inject: byProxy((random) => ({
      match: { service: dataApi, operation: random.pick(dataApiCalls) },
      effect: { kind: 'delay', ms: random.integer(100, 400) },
    })),
  },
  'the Data API refuses until the attempts are used up': {
    inject: byProxy((random) => ({
      match: { service: dataApi, operation: random.pick(submits), times: 1000 },
      effect: random.pick(dataApiRefusals),
    })),
  },
  'the list of collected files throttles': {
    sftp: true,
    inject: byProxy((random) => ({
      match: { service: 'dynamodb', operation: random.pick(['UpdateItem', 'BatchGetItem']) },
      effect: throttled,
    })),
  },
  'a function is killed': { inject: atStep(steps, true) },
  'the collector is killed': { sftp: true, inject: atStep(collectorSteps, true) },
  'a call is held until all else is done': { inject: atStep(steps, false) },
  'a call of the collector is held until all else is done': {
    sftp: true,
    inject: atStep(collectorSteps, false),
  },
  'the session of a COPY breaks': { inject: breakCopy },
  'the session of a swap breaks': { inject: breakSwap },
  'the SFTP server refuses connections': {
    sftp: true,
    inject: onServer((faults, random) =>
      Object.assign(faults, { refuse: true, strikes: random.integer(1, 3) }),
    ),
  },
  'the SFTP server stays away': {
    sftp: true,
    inject: onServer((faults) => Object.assign(faults, { refuse: true })),
  },
  'the SFTP connection breaks within a file': {
    sftp: true,
    inject: onServer((faults, random) =>
      Object.assign(faults, { dropAfterBytes: random.integer(0, 6000), strikes: random.integer(1, 3) }),
    ),
  },
} satisfies Record<string, FaultKind>;

export type FaultName = keyof typeof faultKinds;
export const faultNames = Object.keys(faultKinds) as FaultName[];

const kindOf = (name: FaultName): FaultKind => faultKinds[name];
export const needsSftp = (name: FaultName): boolean => kindOf(name).sftp === true;
export const inject = (name: FaultName, fashion: FashionLab, random: Random): Injected =>
  kindOf(name).inject(fashion, random);

/** Ends the sessions that wait for the files of their COPY, as a warehouse does that restarts. */
function breakCopy(fashion: FashionLab): Injected {
  return stopAt(fashion, { service: 's3', operation: 'GetObject', resource: /\/manifest\// }, () =>
    fashion.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'redshift-data' " +
        "AND state = 'idle in transaction'",
    ),
  );
}

/** Ends the first session that waits for the lock of the loads. */
function breakSwap(fashion: FashionLab): Injected {
  let hits = 0;
  let ended = false;
  const work = async () => {
    const blocker = await fashion.connect();
    try {
      await blocker.query('BEGIN');
      await blocker.query('LOCK TABLE fashion.load_lock');
      for (; !ended && hits === 0; await sleep(20)) hits += await endWaiting(blocker);
    } finally {
      await blocker.end();
    }
  };
  const done = work();
  done.catch(() => undefined); // told by end()
  return {
    hits: () => hits,
    held: () => 0,
    release: () => undefined,
    end: async () => {
      ended = true;
      await done;
    },
  };
}

/** Ends the sessions that wait for the lock of the loads now. @returns how many */
async function endWaiting(client: pg.Client): Promise<number> {
  const { rowCount } = await client.query(
    'SELECT pg_terminate_backend(pid) FROM pg_locks ' +
      "WHERE relation = 'fashion.load_lock'::regclass AND NOT granted",
  );
  return rowCount ?? 0;
}
