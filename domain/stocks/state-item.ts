import { LabError } from '../errors.ts';
import { ruleVersion, type SymbolState } from './trend.ts';

/**
 * A symbol's state as the table holds it, strings only. `symbol` is the key, `through` what a write is conditional on. The
 * rest is one text of JSON: a number of the table ends at 1e-130, and a variance that decays over flat ticks does not.
 */
export interface StateItem {
  symbol: string;
  through: string;
  /** The rule that made it. */
  rule: string;
  state: string;
}

export function stateItem({ symbol, through, at, ...rest }: SymbolState): StateItem {
  return { symbol, through, rule: ruleVersion, state: JSON.stringify({ at: String(at), ...rest }) };
}

/**
 * A state of an earlier rule is continued: a rule that needs another form of it has to read the earlier one too.
 *
 * @throws StockStateUnreadable
 */
export function readStateItem({
  symbol,
  through,
  state,
}: Partial<Record<keyof StateItem, unknown>>): SymbolState {
  try {
    if (typeof symbol !== 'string' || typeof through !== 'string')
      throw new Error('no symbol, or no through');
    const { at, ...rest } = JSON.parse(String(state)) as StoredState;
    return { ...rest, symbol, through, at: BigInt(at) };
  } catch (error) {
    throw new LabError('StockStateUnreadable', `${symbol}, ${error}`, { cause: error });
  }
}

type StoredState = Omit<SymbolState, 'symbol' | 'through' | 'at'> & { at: string };
