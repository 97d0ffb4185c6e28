/**
 * Faults that are set while the laptop runs: which calls, and what happens to them.
 *
 * A call meets every rule that fits it, in the order they were added, until one of them ends it (refuse, cut).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Deferred, deferred } from '../core/deferred.ts';
import type { Refusal } from './answer.ts';
import type { AwsRequest } from './classify.ts';

export interface FaultMatch {
  caller?: string;
  service?: string;
  operation?: string;
  resource?: RegExp;
  /** How many fitting calls pass before the first one is hit. @default 0 */
  after?: number;
  /** How many calls are hit. @default all */
  times?: number;
}

/** Where the connection is cut. After `response`, the operation has happened and the caller does not know. */
export type Cut = 'before' | 'request-body' | 'response' | 'response-body';

export type FaultEffect =
  | ({ kind: 'refuse' } & Refusal)
  | { kind: 'delay'; ms: number }
  | { kind: 'cut'; at: Cut }
  | { kind: 'hold' };

export interface Fault {
  /** Calls hit so far. */
  readonly hits: number;
  /** Settles when that many calls have been hit. @default 1 */
  reached(hits?: number): Promise<void>;
  /** Lets the calls that are held go on, and holds no more. */
  release(): void;
  /** Takes the rule away; calls it holds go on. */
  remove(): void;
}

export interface Faults {
  add(match: FaultMatch, effect: FaultEffect): Fault;
  /** Takes all rules away; calls they hold go on. */
  clear(): void;
}

/** What the rules make of one call: how it ends, if it does not simply go on. */
export type Verdict = { kind: 'pass' } | ({ kind: 'refuse' } & Refusal) | { kind: 'cut'; at: Cut };

interface Rule extends Fault {
  fits(request: AwsRequest): boolean;
  effect: FaultEffect;
  released: Promise<void>;
}

export interface FaultRules extends Faults {
  /**
   * Applies the rules to a call; waits as long as they say.
   *
   * @throws the signal's reason when the caller hangs up in the meantime
   */
  apply(request: AwsRequest, signal: AbortSignal): Promise<Verdict>;
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function makeRule(match: FaultMatch, effect: FaultEffect, remove: (rule: Rule) => void): Rule {
  const held = deferred<void>();
  const waiting: { hits: number; reached: Deferred<void> }[] = [];
  let passes = match.after ?? 0;
  let hits = 0;
  const rule: Rule = {
    effect,
    released: held.promise,
    get hits() {
      return hits;
    },
    fits(request) {
      for (const member of ['caller', 'service', 'operation'] as const) {
        if (match[member] !== undefined && match[member] !== request[member]) return false;
      }
      // search, not test: a pattern with the g flag would remember where it stood
      if (match.resource !== undefined && request.resource.search(match.resource) < 0) return false;
      if (hits >= (match.times ?? Number.POSITIVE_INFINITY)) return false;
      if (passes > 0) {
        passes -= 1;
        return false;
      }
      hits += 1;
      for (const one of waiting) if (one.hits <= hits) one.reached.resolve();
      return true;
    },
    reached(count = 1) {
      if (hits >= count) return Promise.resolve();
      const reached = deferred<void>();
      waiting.push({ hits: count, reached });
      return reached.promise;
    },
    release() {
      held.resolve();
    },
    remove() {
      held.resolve();
      remove(rule);
    },
  };
  return rule;
}

export function createFaults(): FaultRules {
  let rules: Rule[] = [];
  return {
    add(match, effect) {
      const rule = makeRule(match, effect, (gone) => {
        rules = rules.filter((other) => other !== gone);
      });
      rules.push(rule);
      return rule;
    },
    clear() {
      for (const rule of [...rules]) rule.remove();
    },
    async apply(request, signal) {
      for (const rule of [...rules]) {
        if (!rule.fits(request)) continue;
        const { effect } = rule;
        if (effect.kind === 'delay') await sleep(effect.ms, undefined, { signal });
        else if (effect.kind === 'hold') await Promise.race([rule.released, untilAborted(signal)]);
        else return effect;
      }
      return { kind: 'pass' };
    },
  };
}
