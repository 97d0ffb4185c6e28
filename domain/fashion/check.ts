import { csvLine } from './csv.ts';
import type { LoadRequest, Transformed } from './events.ts';
import { inventoryLayout } from './inventory-layout.ts';
import { csvKey } from './keys.ts';

const samples = { text: 'check', integer: '0', decimal: '0.00', date: '1990-01-01', boolean: 'false' };

/** A CSV of one row, of an article that there is not: for a check, of which nothing stays. */
export function checkedCsv(): string {
  const { columns } = inventoryLayout;
  return csvLine(columns.map(({ name }) => name)) + csvLine(columns.map(({ type }) => samples[type]));
}

/** The load of that CSV: what every step of it is asked. Its drop is older than any, so that it would become no current one. */
export function checkedLoad(run: string): Omit<LoadRequest, 'step'> & { transformed: Transformed } {
  const sha256 = '0'.repeat(64);
  const drop = { date: '1970-01-01', slot: '0000', modifiedAt: 0, sha256, fileName: 'check.xlsx' };
  const at = new Date(0).toISOString();
  const replay = 'check';
  return {
    transformed: {
      drop,
      transformVersion: 'check',
      loadKey: 'check',
      csvKey: csvKey(drop, replay),
      csvBytes: Buffer.byteLength(checkedCsv()),
      csvSha256: sha256,
      rejectedKey: null,
      rowsIn: 1,
      rowsOut: 1,
      rowsRejected: 0,
      collectedAt: at,
      transformedAt: at,
    },
    archiveKey: 'check',
    replay,
    force: false,
    stagedAt: at,
    run,
    failures: 0,
    statement: null,
  };
}
