import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { setAsidePrefix } from '../../domain/stocks/contract.ts';
import { readTickRecord } from '../../domain/stocks/tick-record.ts';
import { tradeIdentity } from '../../domain/stocks/trade.ts';
import type { StocksLab } from './lab.ts';
import { rawRecords } from './raw-archive.ts';

/** Where the trades of an exchange are now. Each number counts a trade once, however often it came. */
export interface Counts {
  /** That happened at the exchange. */
  traded: number;
  /** In the raw archive. */
  archived: number;
  /** In SQL. */
  loaded: number;
  /** Rows in SQL beyond one for each trade: must be none. */
  twice: number;
  /** Records that could not be read. */
  setAside: number;
  /** Records of the archive beyond one for each trade: told twice, by the provider or by two feeds. No fault. */
  repeated: number;
}

/** Trades = archived = in SQL + set aside, nothing twice. */
export function isWhole({ traded, archived, loaded, twice, setAside }: Counts): boolean {
  return traded === archived && archived === loaded + setAside && twice === 0;
}

/** What the raw archive holds, read as it grows: an object once. */
export class RawTally {
  readonly #trades = new Set<string>();
  readonly #known = new Set<string>();
  #records = 0;
  #unreadable = 0;

  /** Distinct trades. */
  get trades(): number {
    return this.#trades.size;
  }

  /** Records that cannot be read. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** Distinct trades, and records that cannot be read. */
  get distinct(): number {
    return this.trades + this.unreadable;
  }

  /** Records of a trade that another one tells too. */
  repeated = 0;

  /** Reads what is new. @param seen is told how many records were read so far, gaps and corrections among them */
  async read(lab: StocksLab, seen: (records: number) => void = () => undefined): Promise<void> {
    for await (const text of rawRecords(lab.s3, lab.output('ArchiveBucketName'), { known: this.#known })) {
      this.#records += 1;
      seen(this.#records);
      this.#note(text);
    }
  }

  #note(text: string): void {
    try {
      const record = readTickRecord(text);
      if (record.kind !== 'trade') return;
      const identity = tradeIdentity(record.trade);
      if (this.#trades.has(identity)) this.repeated += 1;
      else this.#trades.add(identity);
    } catch {
      this.#unreadable += 1;
    }
  }
}

/**
 * @param seen is told how many of how many records of the archive were read
 * @param raw what was read of the archive before, to go on with
 */
export async function countAll(
  lab: StocksLab,
  seen: (done: number, total: number) => void = () => undefined,
  raw = new RawTally(),
): Promise<Counts> {
  const traded = lab.exchange.trades().length;
  const [ticks] = await lab.query<{ rows: number; distinct: number }>(
    'SELECT COUNT(*)::int AS rows, COUNT(DISTINCT (symbol, venue, trading_day, trade_id))::int AS distinct FROM stocks.ticks',
  );
  await raw.read(lab, (records) => seen(records, traded));
  const { KeyCount = 0 } = await lab.s3.send(
    new ListObjectsV2Command({ Bucket: lab.output('ArchiveBucketName'), Prefix: setAsidePrefix }),
  );
  return {
    traded,
    archived: raw.distinct,
    loaded: ticks?.distinct ?? 0,
    twice: (ticks?.rows ?? 0) - (ticks?.distinct ?? 0),
    setAside: KeyCount,
    repeated: raw.repeated,
  };
}
