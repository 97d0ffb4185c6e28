/** The tables of the migrations against the declared layout and the load: two statements of one fact, compared here. */
import { readdirSync, readFileSync } from 'node:fs';
import { loadKey } from '../../../domain/fashion/drop.ts';
import { inventoryLayout } from '../../../domain/fashion/inventory-layout.ts';
import { sqlColumns } from '../../../domain/fashion/layout.ts';
import { publishStatements } from '../../../domain/fashion/sql.ts';
import { splitStatements } from '../../../domain/warehouse/migrations.ts';
import { translate } from '../../../local/redshift-data/translate.ts';

const folder = 'stacks/fashion/migrations';
const statements = readdirSync(folder)
  .sort()
  .flatMap((file) => splitStatements(readFileSync(`${folder}/${file}`, 'utf8')));

/** `name TYPE [NOT NULL]` of each column of a table. */
function columnsOf(table: string): string[] {
  const create = statements.find((statement) => statement.startsWith(`CREATE TABLE ${table} (`)) ?? '';
  const body = create.slice(create.indexOf('(') + 1, create.lastIndexOf('\n)'));
  return body
    .split(/,\n/)
    .map((line) => line.trim().replace(/\s+/g, ' '))
    .filter((line) => !line.startsWith('PRIMARY KEY'));
}

const declared = sqlColumns(inventoryLayout);
const nameOf = (column: string) => column.split(' ')[0];

it.each([
  ['fashion.report_template', []],
  ['fashion.current_positions', ['load_key VARCHAR(120) NOT NULL']],
  [
    'fashion.position_history',
    [
      'drop_date DATE NOT NULL',
      'drop_slot CHAR(4) NOT NULL',
      'drop_sha256 CHAR(64) NOT NULL',
      'load_key VARCHAR(120) NOT NULL',
    ],
  ],
])('%s has the columns of the layout, in its order', (table, before) => {
  expect(columnsOf(table)).toEqual([...before, ...declared]);
});

it('the key of the layout is the key of the current positions', () => {
  const create = statements.find((statement) =>
    statement.startsWith('CREATE TABLE fashion.current_positions'),
  );
  expect(create).toContain(`PRIMARY KEY (${inventoryLayout.key.join(', ')})`);
});

it('a load writes every column of the ledger', () => {
  const added = statements.flatMap(
    (statement) => /^ALTER TABLE fashion.load_ledger ADD COLUMN (\w+)/.exec(statement)?.[1] ?? [],
  );
  const sha256 = 'ab'.repeat(32);
  const drop = { date: '2026-11-20', slot: '0600', modifiedAt: 0, sha256, fileName: 'inventory.xlsx' };
  const insert = publishStatements({
    layout: inventoryLayout,
    run: 'run',
    drop: {
      drop,
      transformVersion: '1',
      loadKey: loadKey(drop, '1'),
      csvKey: 'csv/x.csv',
      csvBytes: 1,
      csvSha256: sha256,
      rejectedKey: null,
      rowsIn: 1,
      rowsOut: 1,
      rowsRejected: 0,
      collectedAt: '2026-11-20T05:02:00.000Z',
      transformedAt: '2026-11-20T05:03:00.000Z',
    },
    archiveKey: 'xlsx/x.xlsx',
    stagedAt: '2026-11-20T05:04:00.000Z',
    force: false,
  }).find((statement) => statement.startsWith('INSERT INTO fashion.load_ledger'));
  const written = /\(([^)]+)\)/.exec(insert ?? '')?.[1]?.split(', ');
  expect(written?.sort()).toEqual([...columnsOf('fashion.load_ledger').map(nameOf), ...added].sort());
});

it('what the shop front reads are columns of the layout', () => {
  const view =
    statements.find((statement) => statement.startsWith('CREATE VIEW fashion.stock_on_sale')) ?? '';
  const [, read = ''] = /SELECT([\s\S]*)FROM/.exec(view) ?? [];
  const names = declared.map(nameOf);
  for (const word of read.match(/[a-z_]+/g) ?? []) {
    if (word !== 'available') expect(names).toContain(word);
  }
});

it('the laptop takes each statement', () => {
  for (const statement of statements) expect(translate(statement, [], new Set()).kind).toBe('sql');
});
