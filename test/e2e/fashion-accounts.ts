import { createHash } from 'node:crypto';
import { GetObjectCommand, ListObjectsV2Command, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { rejectedPrefix, workbookPrefix } from '../../domain/fashion/contract.ts';
import type { DateAndSlot } from '../../domain/fashion/drop.ts';
import { header, inventoryRow, parsedCsv, workbookOf } from '../domain/fashion/workbooks.ts';
import type { FashionLab } from './fashion-lab.ts';

/** A workbook, and how many of its rows are good and bad. */
export interface CountedReport {
  bytes: Uint8Array;
  good: number;
  bad: number;
}

/** So many articles with so much on hand each, and bad rows after them. */
export async function countedReport(good: number, bad: number, onHand: number): Promise<CountedReport> {
  const rows = Array.from({ length: good }, (_, n) =>
    inventoryRow({ sku: `article-${n}`, on_hand: onHand, reserved: 0 }),
  );
  const wrong = Array.from({ length: bad }, (_, n) => inventoryRow({ sku: `bad-${n}`, on_hand: 'some' }));
  return { bytes: await workbookOf([header, ...rows, ...wrong]), good, bad };
}

/** What the lab has of one slot. All of it, whatever collected it. */
export interface SlotAccounts {
  /** By SHA-256 of the workbook: rows as the ledger tells them, and as they are there. */
  drops: Record<
    string,
    { loads: number; rowsIn: number; inHistory: number; distinctInHistory: number; setAside: number }
  >;
  /** Versions of objects below `xlsx/`. */
  archived: number;
}

export async function accountsOf(fashion: FashionLab, { date, slot }: DateAndSlot): Promise<SlotAccounts> {
  const { s3 } = fashion.driver;
  const Bucket = fashion.driver.output('ArchiveBucketName');
  const folder = `date=${date}/slot=${slot}/`;
  const { Versions = [] } = await s3.send(
    new ListObjectVersionsCommand({ Bucket, Prefix: `${workbookPrefix}${folder}` }),
  );
  const { Contents = [] } = await s3.send(
    new ListObjectsV2Command({ Bucket, Prefix: `${rejectedPrefix}${folder}` }),
  );
  const setAside = new Map<string, number>();
  for (const { Key = '' } of Contents) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    const rows = parsedCsv((await Body?.transformToString()) ?? '');
    setAside.set(/Z-([0-9a-f]{16})-/.exec(Key)?.[1] ?? '', rows.length);
  }
  const ledger = await fashion.query<{ sha256: string; loads: number; rows_in: number }>(
    `SELECT drop_sha256 AS sha256, COUNT(*)::int AS loads, MAX(rows_in)::int AS rows_in
     FROM fashion.load_ledger WHERE drop_date = '${date}' AND drop_slot = '${slot}' GROUP BY drop_sha256`,
  );
  const history = await fashion.query<{ sha256: string; rows: number; positions: number }>(
    `SELECT drop_sha256 AS sha256, COUNT(*)::int AS rows, COUNT(DISTINCT (sku, location))::int AS positions
     FROM fashion.position_history WHERE drop_date = '${date}' AND drop_slot = '${slot}' GROUP BY drop_sha256`,
  );
  return {
    archived: Versions.length,
    drops: Object.fromEntries(
      ledger.map(({ sha256, loads, rows_in }) => {
        const there = history.find((each) => each.sha256 === sha256);
        return [
          sha256,
          {
            loads,
            rowsIn: rows_in,
            inHistory: there?.rows ?? 0,
            distinctInHistory: there?.positions ?? 0,
            setAside: setAside.get(sha256.slice(0, 16)) ?? 0,
          },
        ];
      }),
    ),
  };
}

/**
 * Every row of these reports is in SQL once or was set aside once, nothing else of the slot is there, each report was
 * archived once, and the last of them is current.
 */
export async function expectEachRowOnce(
  fashion: FashionLab,
  at: DateAndSlot,
  reports: readonly CountedReport[],
): Promise<void> {
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  expect(await accountsOf(fashion, at)).toEqual({
    archived: reports.length,
    drops: Object.fromEntries(
      reports.map(({ bytes, good, bad }) => [
        sha256(bytes),
        { loads: 1, rowsIn: good + bad, inHistory: good, distinctInHistory: good, setAside: bad },
      ]),
    ),
  });
  const last = reports.at(-1);
  const [current] = await fashion.query(
    `SELECT COUNT(*)::int AS rows, COUNT(DISTINCT (sku, location))::int AS positions,
       MIN(split_part(load_key, '/', 3)) AS first, MAX(split_part(load_key, '/', 3)) AS last
     FROM fashion.current_positions`,
  );
  const newest = sha256(last?.bytes ?? new Uint8Array());
  expect(current).toEqual({ rows: last?.good, positions: last?.good, first: newest, last: newest });
}
