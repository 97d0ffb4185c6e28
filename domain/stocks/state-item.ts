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

export function stateItem({ symbol, through, at, recent, ...rest }: SymbolState): StateItem {
  return {
    symbol,
    through,
    rule: ruleVersion,
    state: JSON.stringify({ at: String(at), ...rest, recent: packIds(recent) }),
  };
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
    const { at, recent, ...rest } = JSON.parse(String(state)) as StoredState;
    return { ...rest, symbol, through, at: BigInt(at), recent: unpackIds(recent) };
  } catch (error) {
    throw new LabError('StockStateUnreadable', `${symbol}, ${error}`, { cause: error });
  }
}

type StoredState = Omit<SymbolState, 'symbol' | 'through' | 'at' | 'recent'> & {
  at: string;
  recent: PackedIds;
};

/**
 * Ids of a window share few beginnings (venue and day): each is written once, and an id as its index in base 36, a colon and
 * the rest. That is a third of the bytes, and a write is paid by the kilobyte.
 */
interface PackedIds {
  beginnings: string[];
  ids: string;
}

function packIds(ids: readonly string[]): PackedIds {
  const beginnings = new Map<string, string>();
  const packed: string[] = [];
  for (const id of ids) {
    const end = id.lastIndexOf('|');
    const beginning = id.slice(0, end);
    let index = beginnings.get(beginning);
    if (index === undefined) {
      index = beginnings.size.toString(36);
      beginnings.set(beginning, index);
    }
    packed.push(`${index}:${id.slice(end + 1)}`);
  }
  return { beginnings: [...beginnings.keys()], ids: packed.join(' ') };
}

function unpackIds({ beginnings, ids }: PackedIds): string[] {
  if (ids === '') return [];
  return ids.split(' ').map((id) => {
    const colon = id.indexOf(':');
    const beginning = beginnings[Number.parseInt(id.slice(0, colon), 36)];
    if (beginning === undefined) throw new Error(`no beginning of ${id}`);
    return `${beginning}|${id.slice(colon + 1)}`;
  });
}
