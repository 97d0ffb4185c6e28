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
}

/** Trades = archived = in SQL + set aside, nothing twice. */
export function isWhole({ traded, archived, loaded, twice, setAside }: Counts): boolean {
  return traded === archived && archived === loaded + setAside && twice === 0;
}

/** @param seen is told how many of how many records of the archive were read */
export async function countAll(
  lab: StocksLab,
  seen: (done: number, total: number) => void = () => undefined,
): Promise<Counts> {
  const traded = lab.exchange.trades().length;
  const [ticks] = await lab.query<{ rows: number; distinct: number }>(
    'SELECT COUNT(*)::int AS rows, COUNT(DISTINCT (symbol, venue, trading_day, trade_id))::int AS distinct FROM stocks.ticks',
  );
  const archived = new Set<string>();
  let unreadable = 0;
  let records = 0;
  for await (const text of rawRecords(lab.s3, lab.output('ArchiveBucketName'))) {
    records += 1;
    seen(records, traded);
    try {
      const record = readTickRecord(text);
      if (record.kind === 'trade') archived.add(tradeIdentity(record.trade));
    } catch {
      unreadable += 1;
    }
  }
  const { KeyCount = 0 } = await lab.s3.send(
    new ListObjectsV2Command({ Bucket: lab.output('ArchiveBucketName'), Prefix: setAsidePrefix }),
  );
  return {
    traded,
    archived: archived.size + unreadable,
    loaded: ticks?.distinct ?? 0,
    twice: (ticks?.rows ?? 0) - (ticks?.distinct ?? 0),
    setAside: KeyCount,
  };
}
