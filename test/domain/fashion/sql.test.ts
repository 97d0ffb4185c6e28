import fc from 'fast-check';
import { loadModule, parseSync } from 'libpg-query';
import type { Drop } from '../../../domain/fashion/drop.ts';
import { dropOrder, loadKey } from '../../../domain/fashion/drop.ts';
import type { Transformed } from '../../../domain/fashion/events.ts';
import { inventoryLayout } from '../../../domain/fashion/inventory-layout.ts';
import { csvKey, workbookKey } from '../../../domain/fashion/keys.ts';
import {
  checkStatement,
  discardStatement,
  publishStatements,
  reconcileStatement,
  stageStatements,
  stagingTable,
} from '../../../domain/fashion/sql.ts';
import { text } from '../../../domain/shared/sql-literals.ts';
import { translate } from '../../../local/redshift-data/translate.ts';
import { hostileTexts } from '../shared/hostile-texts.ts';

beforeAll(async () => {
  await loadModule();
});

const drop: Drop = {
  date: '2026-11-20',
  slot: '0600',
  modifiedAt: Date.UTC(2026, 10, 20, 5, 1),
  sha256: 'ab'.repeat(32),
  fileName: "inventory '; DROP SCHEMA fashion; --\\.xlsx",
};
const transformed: Transformed = {
  drop,
  transformVersion: '1',
  loadKey: loadKey(drop, '1'),
  csvKey: csvKey(drop),
  csvBytes: 1,
  csvSha256: 'cd'.repeat(32),
  rejectedKey: null,
  rowsIn: 3,
  rowsOut: 2,
  rowsRejected: 1,
  collectedAt: '2026-11-20T05:02:00.000Z',
  transformedAt: '2026-11-20T05:03:00.000Z',
};
const run = 'run-1';
const publish = (o: { force?: boolean; archiveKey?: string } = {}) =>
  publishStatements({
    layout: inventoryLayout,
    run,
    drop: transformed,
    archiveKey: o.archiveKey ?? workbookKey(drop),
    stagedAt: '2026-11-20T05:04:00.000Z',
    force: o.force ?? false,
  });
const stage = stageStatements({
  layout: inventoryLayout,
  run,
  manifestUrl: 's3://archive/manifest/x.json',
  copyRoleArn: 'arn:aws:iam::123456789012:role/copy',
});

describe('the statements of a load', () => {
  it('no file name of the client, however it is called, is in them as it came', () => {
    for (const fileName of hostileTexts.filter((name) => name !== '')) {
      for (const key of [csvKey({ ...drop, fileName }), workbookKey({ ...drop, fileName })])
        expect(key).toMatch(/^[A-Za-z0-9._=/-]+$/);
    }
  });

  it.each(hostileTexts)('a workbook put back by hand as %j changes a value and no statement', (name) => {
    const key = `xlsx/date=2026-11-20/slot=0600/${name}.xlsx`;
    const calm = publish({ archiveKey: 'KEY' });
    expect(publish({ archiveKey: key })).toEqual(calm.map((each) => each.replace("'KEY'", () => text(key))));
    for (const statement of publish({ archiveKey: key })) expect(parses(statement)).toBe(1);
  });

  it('the laptop takes each of them', () => {
    for (const statement of [
      checkStatement(transformed),
      ...stage.filter((each) => !each.startsWith('COPY')),
      reconcileStatement(inventoryLayout, run),
      ...publish({ archiveKey: 'xlsx/date=2026-11-20/slot=0600/a\\b.xlsx' }),
      discardStatement(run),
    ]) {
      expect(translate(statement, [], new Set()).kind).toBe('sql');
    }
    expect(translate(stage.at(-1) as string, [], new Set()).kind).toBe('copy');
  });

  it('the reconciliation reads the staging table once', () => {
    expect(reconcileStatement(inventoryLayout, run).split(stagingTable(run))).toHaveLength(2);
  });

  it('each fits the Data API with the longest keys there are', () => {
    const archiveKey = `xlsx/date=2026-11-20/slot=0600/${"'".repeat(988)}.xlsx`;
    expect(Buffer.byteLength(archiveKey)).toBeLessThanOrEqual(1024);
    for (const statement of [...publish({ archiveKey }), ...stage])
      expect(Buffer.byteLength(statement)).toBeLessThan(100_000);
    expect(publish().length).toBeLessThanOrEqual(40);
  });

  it('a run has a staging table of its own, whatever its name', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(stagingTable(a)).toMatch(/^fashion_staging\.load_[0-9a-f]{24}$/);
        expect(stagingTable(a) === stagingTable(b)).toBe(a === b);
      }),
    );
  });

  it('the staging table is made anew before it is filled, from the manifest alone', () => {
    expect(stage.map((each) => each.split(' ')[0])).toEqual(['DROP', 'CREATE', 'COPY']);
    expect(stage[2]).toMatch(/ MANIFEST /);
    expect(stage[2]).toMatch(/ EMPTYASNULL /);
    expect(stage[2]).not.toMatch(/MAXERROR|ACCEPTINVCHARS|TRUNCATECOLUMNS|IGNOREBLANKLINES/);
  });
});

describe('publishing', () => {
  const statements = publish();
  const at = (start: string) => {
    const index = statements.findIndex((each) => each.startsWith(start));
    expect([start, index]).not.toEqual([start, -1]);
    return index;
  };

  it('takes the lock first and says last what became of the drop', () => {
    expect(at('LOCK fashion.load_lock')).toBe(0);
    expect(at('SELECT (SELECT COUNT(*) FROM fashion.current_drop')).toBe(statements.length - 1);
  });

  it.each(['position_history', 'current_positions', 'current_drop'])(
    '%s is cleared by its key before it is written, so that a repetition leaves the same rows',
    (table) => {
      expect(at(`DELETE FROM fashion.${table} `)).toBe(at(`INSERT INTO fashion.${table} `) - 1);
    },
  );

  it('a load has one row in the ledger, changed if it is there', () => {
    const key = `load_key = '${transformed.loadKey}'`;
    expect(at('UPDATE fashion.load_ledger ')).toBe(at('INSERT INTO fashion.load_ledger ') - 1);
    expect(statements[at('UPDATE fashion.load_ledger ')]).toMatch(
      new RegExp(` WHERE ${key} AND modified_at_ms <= ${drop.modifiedAt}$`),
    );
    expect(statements[at('INSERT INTO fashion.load_ledger ')]).toMatch(
      new RegExp(` WHERE NOT EXISTS \\(SELECT 1 FROM fashion.load_ledger WHERE ${key}\\)$`),
    );
  });

  it('compares the CSV with that of the last drop before the slot, not with an earlier one of the same slot', () => {
    expect(statements.at(-1)).toContain(`csv_sha256 = '${transformed.csvSha256}'`);
    expect(statements.at(-1)).toContain("WHERE drop_order < '2026-11-20/0600/')");
  });

  it('decides what is current before it says so: positions and ledger read the drop that was current before', () => {
    const change = at('DELETE FROM fashion.current_drop');
    for (const start of [
      'DELETE FROM fashion.current_positions',
      'INSERT INTO fashion.current_positions',
      'INSERT INTO fashion.load_ledger',
    ]) {
      expect(at(start)).toBeLessThan(change);
      expect(statements[at(start)]).toContain(
        `NOT EXISTS (SELECT 1 FROM fashion.current_drop WHERE drop_order > '${dropOrder(drop)}')`,
      );
    }
  });

  it('drops the staging table when nothing reads it any more', () => {
    const staging = stagingTable(run);
    const dropped = at(`DROP TABLE ${staging}`);
    for (const later of statements.slice(dropped + 1)) expect(later).not.toContain(staging);
  });

  it('never truncates: that would commit and show the shop an empty table', () => {
    expect(statements.join('\n')).not.toMatch(/TRUNCATE|COMMIT|BEGIN/);
  });

  it('forced, it replaces newer positions, and says so in the ledger', () => {
    const forced = publish({ force: true });
    expect(forced).toContain('DELETE FROM fashion.current_positions WHERE TRUE');
    expect(forced).toContain('DELETE FROM fashion.current_drop WHERE TRUE');
    expect(forced.join('\n')).not.toContain('drop_order >');
    const ledger = (all: string[]) => all.find((each) => each.startsWith('INSERT INTO fashion.load_ledger'));
    expect(ledger(forced)).toContain("'run-1', TRUE, CASE");
    expect(ledger(statements)).toContain("'run-1', FALSE, CASE");
  });

  it('keeps times in UTC without a zone, as the warehouse has them', () => {
    const ledger = statements.find((each) => each.startsWith('INSERT INTO fashion.load_ledger'));
    expect(ledger).toContain("'2026-11-20 05:01:00.000'::TIMESTAMP, '2026-11-20 05:02:00.000'::TIMESTAMP");
  });
});

/** How many statements PostgreSQL's parser sees. Redshift's LOCK is its as well. */
function parses(statement: string): number {
  return parseSync(statement).stmts?.length ?? 0;
}
