/** The tables of the first migration against the declared layout: two statements of one fact, compared here. */
import { readFileSync } from 'node:fs';
import { inventoryLayout } from '../../../domain/fashion/inventory-layout.ts';
import { sqlColumns } from '../../../domain/fashion/layout.ts';
import { splitStatements } from '../../../domain/warehouse/migrations.ts';
import { translate } from '../../../local/redshift-data/translate.ts';

const statements = splitStatements(readFileSync('stacks/fashion/migrations/0001_inventory.sql', 'utf8'));

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
