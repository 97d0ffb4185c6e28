import type { Clock } from './clock.ts';

/** The lease as the table has it. */
export interface LeaseItem {
  /** Absent when the last owner gave it back. */
  owner?: string | undefined;
  /** Rises with every owner: the fencing token. */
  token: number;
  /** Rises with every write of the owner: a sign of life that needs no clock. */
  beat: number;
}

/** What the lease needs of its table. Each write says whether its condition held; what else goes wrong is thrown. */
export interface LeaseTable {
  readLease(): Promise<LeaseItem | undefined>;
  /** If the item is still the one that was `seen`; or is `next` already, when an answer was lost. */
  takeLease(next: Required<LeaseItem>, seen: LeaseItem | undefined, expiresAt: number): Promise<boolean>;
  /** If it is still the owner's. */
  renewLease(own: Required<LeaseItem>, expiresAt: number): Promise<boolean>;
  /** If it is still the owner's. */
  releaseLease(own: Required<LeaseItem>): Promise<boolean>;
}

/** The time for which this process holds the lease. */
export interface Tenure {
  readonly token: number;
  /** True when the owner before did not give it back. */
  readonly takenOver: boolean;
  /** Aborts when the lease is lost, before it lapses for others. */
  readonly lost: AbortSignal;
  /** False from that moment on, at once and by this machine's own clock, even if this process stood still in between. */
  held(): boolean;
  /** Gives the lease back, for a standby to take at once. */
  release(): Promise<void>;
}

export interface LeaseOptions {
  table: LeaseTable;
  owner: string;
  milliseconds: number;
  clock: Clock;
  log: {
    info(message: string, more: Record<string, unknown>): void;
    warn(message: string, more: Record<string, unknown>): void;
  };
}

/** Of the time of a lease the part that its owner leaves unused at the end. */
const reserve = 0.2;

/**
 * Milliseconds for one call of stream or table: what has not arrived when an owner's time is up must not arrive after the
 * lease has lapsed for others. Two seconds at least: below, a slow moment of the network is taken for a fault.
 */
export const patienceOf = ({ leaseSeconds }: { leaseSeconds: number }): number =>
  Math.max(2_000, leaseSeconds * 1000 * reserve);

/**
 * Waits until this process is the one that may feed. Undefined when the signal aborts before.
 *
 * Nobody's wall clock decides. A standby takes the lease over when it has itself watched it for the lease's whole time and
 * seen no sign of life. An owner counts its time from before it asked for it, and stops a fifth of the time early: what is
 * on its way to the stream by then has arrived, or failed, before anybody else may send. Kinesis knows no fencing; should a
 * record be held up on the network for longer still, it is a duplicate of one that the successor fetches from the history.
 */
export async function acquireLease(options: LeaseOptions, signal: AbortSignal): Promise<Tenure | undefined> {
  const { table, owner, milliseconds, clock, log } = options;
  let seen: LeaseItem | undefined;
  let seenAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    try {
      const asked = clock.monotonic();
      const item = await table.readLease();
      if (item && (item.token !== seen?.token || item.beat !== seen.beat)) seenAt = clock.monotonic();
      seen = item;
      const free = item?.owner === undefined;
      if (free || asked - seenAt >= milliseconds) {
        const next = { owner, token: (item?.token ?? 0) + 1, beat: (item?.beat ?? 0) + 1 };
        const from = clock.monotonic();
        if (await table.takeLease(next, item, Number(clock.wall() / 1_000_000n) + milliseconds)) {
          log.info('lease taken', { token: next.token, takenOver: !free });
          return holdLease(options, next, from, !free);
        }
      }
    } catch (error) {
      log.warn('lease table does not answer', { error });
    }
    await clock.sleep(milliseconds / 10, signal);
  }
  return undefined;
}

function holdLease(
  { table, milliseconds, clock, log }: LeaseOptions,
  own: Required<LeaseItem>,
  from: number,
  takenOver: boolean,
): Tenure {
  const lost = new AbortController();
  const released = new AbortController();
  const over = AbortSignal.any([lost.signal, released.signal]);
  let until = from + milliseconds * (1 - reserve);
  const lose = (why: string) => {
    if (over.aborted) return;
    log.warn('lease lost', { token: own.token, why });
    lost.abort();
  };
  /** Who was told once that it is over has stopped: a renewal that is answered after that must not make it look held again. */
  const held = () => {
    if (clock.monotonic() >= until) lose('not renewed in time');
    return !over.aborted;
  };

  const renew = async () => {
    while (held()) {
      await clock.sleep(milliseconds / 3, over);
      while (held()) {
        const asked = clock.monotonic();
        own.beat += 1;
        try {
          if (!(await table.renewLease(own, Number(clock.wall() / 1_000_000n) + milliseconds)))
            lose('another feed has it');
          until = asked + milliseconds * (1 - reserve);
          break;
        } catch (error) {
          log.warn('lease not renewed', { token: own.token, error });
          await clock.sleep(milliseconds / 20, over);
        }
      }
    }
  };
  /** Beside the renewal: a call that hangs must not keep an owner from noticing that its time is up. */
  const watch = async () => {
    while (held()) await clock.sleep(until - clock.monotonic(), over);
    lose('not renewed in time');
  };
  void renew();
  void watch();

  return {
    token: own.token,
    takenOver,
    lost: lost.signal,
    held,
    async release() {
      if (over.aborted) return;
      const { token } = own;
      released.abort();
      try {
        await table.releaseLease(own);
        log.info('lease given back', { token });
      } catch (error) {
        // It lapses by itself: the successor comes later, and nothing else is wrong.
        log.warn('lease not given back', { token, error });
      }
    },
  };
}
