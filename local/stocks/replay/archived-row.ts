import { LabError } from '../../../domain/errors.ts';
import { rowColumns, rowsHeader } from '../../../domain/stocks/rows.ts';

type Column = (typeof rowColumns)[number];

/** A line of a rows object. */
export interface ArchivedRow {
  /** Which record it is of: symbol, venue, trading day, trade id, and when the feed received it. */
  key: string;
  symbol: string;
  tradingDay: string;
  /** Nanoseconds since 1970. */
  received: bigint;
  /** As it stands in its object, and the columns of that. */
  line: string;
  columns: readonly string[];
}

const ours: readonly string[] = rowColumns;
const identity: readonly Column[] = ['symbol', 'venue', 'trading_day', 'trade_id', 'received_ns'];

/**
 * The rows of an object, of whatever version: the header names the columns.
 *
 * @throws RowsUnreadable
 */
export function readRows(csv: string, name: string): ArchivedRow[] {
  const end = csv.indexOf('\n') + 1;
  const header = csv.slice(0, end);
  const columns = header === rowsHeader ? ours : header.trimEnd().split(',');
  const missing = [...identity, 'at_ns', 'rule_version'].filter((column) => !columns.includes(column));
  if (missing.length > 0 || !csv.endsWith('\n'))
    throw new LabError('RowsUnreadable', `${name}, ${missing[0] ? `no column ${missing[0]}` : 'cut off'}`);
  const places = identity.map((column) => columns.indexOf(column));
  return csv
    .slice(end, -1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split(',');
      const [symbol = '', venue, tradingDay = '', tradeId, received = '0'] = places.map(
        (place) => fields[place],
      );
      const key = `${symbol}|${venue}|${tradingDay}|${tradeId}|${received}`;
      return { key, symbol, tradingDay, received: BigInt(received), line, columns };
    });
}

/** One field, '' for null; undefined where the object had no such column. */
export function field(row: ArchivedRow, column: string): string | undefined {
  const place = row.columns.indexOf(column);
  return place < 0 ? undefined : row.line.split(',')[place];
}

/** The columns in which two rows do not have the same value; those that only one of them has are among them. */
export function differingColumns(live: ArchivedRow, replayed: ArchivedRow): string[] {
  if (live.columns === replayed.columns && live.line === replayed.line) return [];
  const columns = new Set([...live.columns, ...replayed.columns]);
  return [...columns].filter((column) => !isSame(field(live, column), field(replayed, column)));
}

/** Fractions are compared as numbers, 1.5 is 1.500; whole numbers as text, nanoseconds have more digits than a number. */
function isSame(a: string | undefined, b: string | undefined): boolean {
  if (a === b) return true;
  return a !== undefined && b !== undefined && isFraction(a) && isFraction(b) && Number(a) === Number(b);
}

const isFraction = (text: string) => /^-?\d{1,15}(\.\d+)?$/.test(text);
