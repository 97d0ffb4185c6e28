import { rowColumns, rowsCsv } from '../../../domain/stocks/rows.ts';
import { readTickRecord } from '../../../domain/stocks/tick-record.ts';
import { SymbolTrend } from '../../../domain/stocks/trend.ts';
import type { StocksLab } from '../lab.ts';
import { StreamRecords } from '../stream-records.ts';

/** A row of SQL or of a rows object, its fields as text in the order of rowColumns; '' for NULL. */
type Fields = readonly string[];

const identityColumns = ['symbol', 'venue', 'trading_day', 'trade_id'] as const;
const texts = new Set<string>([
  ...identityColumns,
  'trend',
  'source',
  'rule_version',
  'at_ns',
  'received_ns',
]);

/**
 * The rows that SQL must have by what is on the stream: every record of a shard in its order, once, by the rule, in one
 * process without batches, states, repetitions or objects.
 */
export class ExpectedRows {
  readonly #lab: StocksLab;
  readonly #stream: StreamRecords;
  readonly #trends = new Map<string, SymbolTrend>();
  readonly #rows = new Map<string, Fields>();

  constructor(lab: StocksLab) {
    this.#lab = lab;
    this.#stream = new StreamRecords(lab.laptop, lab.lab);
  }

  /**
   * Compares what came to the stream since the last time with SQL, for when all of it has been loaded.
   *
   * @returns a line for each row that is missing, or is not as the rule says
   */
  async differences(): Promise<string[]> {
    for await (const { sequence, data } of this.#stream.read()) this.#apply(data, sequence);
    const columns = rowColumns.map((column) => `COALESCE(${column}::text, '')`).join(', ');
    const found = new Map(
      (
        await this.#lab.query<{ fields: string[] }>(`SELECT ARRAY[${columns}] AS fields FROM stocks.ticks`)
      ).map(({ fields }) => [identityOf(fields), fields]),
    );
    const differing: string[] = [];
    for (const [identity, expected] of this.#rows) {
      const fields = found.get(identity);
      if (!fields) differing.push(`${identity} is not in SQL`);
      else differing.push(...fieldDifferences(identity, expected, fields));
    }
    this.#rows.clear();
    return differing;
  }

  #apply(data: Uint8Array, sequence: string): void {
    let read: ReturnType<typeof readTickRecord>;
    try {
      read = readTickRecord(data);
    } catch {
      return; // set aside
    }
    if (read.kind !== 'trade') return;
    const { trade, feed } = read;
    const trend = this.#trends.get(trade.symbol) ?? new SymbolTrend(trade.symbol);
    this.#trends.set(trade.symbol, trend);
    const { statistics } = trend.apply(trade, sequence);
    if (!statistics) return;
    const fields = rowsCsv([{ trade, feed, statistics }]).trimEnd().split('\n')[1]?.split(',') ?? [];
    this.#rows.set(identityOf(fields), fields);
  }

  close(): void {
    this.#stream.close();
  }
}

const identityOf = (fields: Fields) =>
  identityColumns.map((column) => fields[rowColumns.indexOf(column)]).join(' ');

function fieldDifferences(identity: string, expected: Fields, found: Fields): string[] {
  return rowColumns.flatMap((column, index) => {
    const [wanted = '', is = ''] = [expected[index], found[index]];
    const same =
      texts.has(column) || wanted === '' || is === '' ? wanted === is : Number(wanted) === Number(is);
    return same ? [] : [`${identity}: ${column} is ${is || 'NULL'}, by the rule ${wanted || 'NULL'}`];
  });
}
