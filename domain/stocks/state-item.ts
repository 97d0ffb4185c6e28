import { LabError } from '../errors.ts';
import { ruleVersion, type SymbolState } from './trend.ts';

/**
 * A symbol's state as the table holds it, strings only. `symbol` is the key, `through` what a write is conditional on. The
 * numbers are in one text of JSON: a number of the table ends at 1e-130, and a variance that decays over flat ticks does not.
 */
export interface StateItem {
  symbol: string;
  through: string;
  /** The rule that made it. */
  rule: string;
  state: string;
  /** The ids of {@link SymbolState.recent}, most of the bytes. */
  recent: string;
}

export function stateItem({ symbol, through, at, recent, ...rest }: SymbolState): StateItem {
  const state = JSON.stringify({ at: String(at), ...rest, groups: recent.groups });
  return { symbol, through, rule: ruleVersion, state, recent: recent.ids };
}

/**
 * A state of an earlier rule is continued: a rule that needs another form of it has to read the earlier one too.
 *
 * @throws StockStateUnreadable
 */
export function readStateItem(item: Partial<Record<keyof StateItem, unknown>>): SymbolState {
  const { symbol, through, state, recent } = item;
  try {
    if (typeof symbol !== 'string' || typeof through !== 'string' || typeof recent !== 'string')
      throw new Error('an attribute is missing');
    // Member by member: a rest of an object takes as long as the parsing, and this is asked 121 times a batch.
    const stored = JSON.parse(String(state)) as StoredState;
    return {
      symbol,
      through,
      at: BigInt(stored.at),
      tradingDay: stored.tradingDay,
      last: stored.last,
      variance: stored.variance,
      dayTurnover: stored.dayTurnover,
      dayVolume: stored.dayVolume,
      decayedTicks: stored.decayedTicks,
      decayedSeconds: stored.decayedSeconds,
      recent: { groups: stored.groups, ids: recent },
    };
  } catch (error) {
    throw new LabError('StockStateUnreadable', `${symbol}, ${error}`, { cause: error });
  }
}

type StoredState = Omit<SymbolState, 'symbol' | 'through' | 'at' | 'recent'> & {
  at: string;
  groups: string[];
};
