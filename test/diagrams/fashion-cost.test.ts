import { readFileSync } from 'node:fs';
import { metricNamespace } from '../../domain/shared/contract.ts';
import { definitionOf, only, plain, resourcesOf, type State, synthesizeLabs } from '../stacks/synthesized.ts';

/** A line of a cost table: `| item | quantity | unit price | amount | source |`. */
interface Line {
  item: string;
  quantity: number;
  price: number;
  /** As it stands there: rounded to as many digits as it has. */
  amount: string;
}

interface CostTable {
  lines: Line[];
  /** The amount of the row whose item is `total`. */
  total: string;
}

/** Every table of the explanation that has quantities and unit prices, by the heading above it. */
function costTables(markdown: string): Map<string, CostTable> {
  const tables = new Map<string, CostTable>();
  let heading = '';
  let table: CostTable | undefined;
  for (const row of markdown.split('\n')) {
    if (row.startsWith('#')) heading = row.replace(/^#+ /, '');
    if (!row.startsWith('|')) table = undefined;
    const cells = row
      .split('|')
      .slice(1)
      .map((cell) => cell.trim());
    const [item = '', quantity = '', price = '', amount = ''] = cells;
    if (quantity === 'quantity' && price === 'unit price') {
      table = { lines: [], total: '' };
      tables.set(heading, table);
    } else if (item === 'total' && table) table.total = amount;
    else if (!/^-*$/.test(item)) {
      table?.lines.push({
        item,
        quantity: Number(quantity.replaceAll(',', '')),
        price: Number(price),
        amount,
      });
    }
  }
  return tables;
}

/** Rounded to as many digits behind the point as the other one has. */
const roundedAs = (text: string, value: number) => value.toFixed(text.split('.')[1]?.length ?? 0);

/**
 * How many states an execution goes through from one to another, both counted, by the shortest way on which nothing fails
 * and nothing is waited for, unless the wait is where it ends.
 */
function statesBetween(states: Record<string, State>, from: string, to: string): number {
  const reached = new Map([[from, 1]]);
  for (const [name, steps] of reached) {
    const state = states[name] as State;
    for (const next of [state.Next, state.Default, ...(state.Choices ?? []).map((choice) => choice.Next)]) {
      if (next === undefined || reached.has(next)) continue;
      if (next === to || states[next]?.Type !== 'Wait') reached.set(next, steps + 1);
    }
  }
  return reached.get(to) ?? Number.NaN;
}

const rest = 'At rest, a month';
const drop = 'A drop of 100,000 rows';
const month = 'A month';
const tables = costTables(readFileSync('diagrams/fashion.md', 'utf8'));
const template = synthesizeLabs().fashion;
const countOf = (type: string) => resourcesOf(template, type).length;

function line(table: string, start: string): Line {
  const found = tables.get(table)?.lines.filter(({ item }) => item.startsWith(start)) ?? [];
  if (found.length !== 1) throw new Error(`${found.length} lines of "${table}" begin with "${start}"`);
  return found[0] as Line;
}

/** The names of our own metrics that the alarms and the dashboard read. */
function ownMetrics(): Set<string> {
  const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
  const [, dashboard] = only(template, 'AWS::CloudWatch::Dashboard');
  const { widgets } = JSON.parse(plain(dashboard.Properties.DashboardBody)) as {
    widgets: { properties: { metrics?: string[][] } }[];
  };
  return new Set([
    ...alarms.filter(({ Namespace }) => Namespace === metricNamespace).map(({ MetricName }) => MetricName),
    ...widgets
      .flatMap(({ properties }) => properties.metrics ?? [])
      .filter(([namespace]) => namespace === metricNamespace)
      .map(([, name]) => name),
  ]);
}

describe('the cost that the explanation of the fashion lab states', () => {
  it('has a table for the lab at rest, one for a drop, and one for a month', () => {
    expect([...tables.keys()]).toEqual([rest, drop, month]);
  });

  it.each([rest, drop, month])('%s: each amount is quantity times price, the total their sum', (name) => {
    const { lines, total } = tables.get(name) as CostTable;
    const products = lines.map(({ quantity, price }) => quantity * price);
    expect(lines.map(({ item, amount }) => `${item}: ${amount}`)).toEqual(
      lines.map(({ item, amount }, index) => `${item}: ${roundedAs(amount, products[index] as number)}`),
    );
    expect(total).toBe(
      roundedAs(
        total,
        products.reduce((before, each) => before + each, 0),
      ),
    );
  });

  it('the month is made of the totals of the other two', () => {
    expect(line(month, 'at rest').price).toBe(Number(tables.get(rest)?.total));
    expect(line(month, 'drops').price).toBe(Number(tables.get(drop)?.total));
  });

  it('counts what the template has', () => {
    const [, namespace] = only(template, 'AWS::RedshiftServerless::Namespace');
    const ofRedshift = namespace.Properties.ManageAdminPassword ? 1 : 0;
    const stated = (start: string) => line(rest, start).quantity;
    expect({
      keys: stated('KMS key'),
      secrets: stated('secrets'),
      alarms: stated('alarms'),
      dashboards: stated('dashboard'),
      metrics: stated('metrics of our own'),
    }).toEqual({
      keys: countOf('AWS::KMS::Key'),
      secrets: countOf('AWS::SecretsManager::Secret') + ofRedshift,
      alarms: countOf('AWS::CloudWatch::Alarm'),
      dashboards: countOf('AWS::CloudWatch::Dashboard'),
      metrics: ownMetrics().size,
    });
  });

  it('leaves out no part of the network that is billed by the hour: there is a gateway endpoint and nothing else', () => {
    const endpoints = resourcesOf(template, 'AWS::EC2::VPCEndpoint');
    expect(endpoints.map(([, { Properties }]) => Properties.VpcEndpointType)).toEqual(['Gateway']);
    expect([countOf('AWS::EC2::NatGateway'), countOf('AWS::EC2::EIP')]).toEqual([0, 0]);
  });

  it('takes a minute of the base capacity for a drop', () => {
    const [, workgroup] = only(template, 'AWS::RedshiftServerless::Workgroup');
    const rpuHours = (workgroup.Properties.BaseCapacity * 60) / 3600;
    expect(line(drop, 'Redshift').quantity).toBeCloseTo(rpuHours, 5);
  });

  it('counts the states that a drop goes through: two looks until it has come to rest, and an import', () => {
    const collection = definitionOf(template, 'Collection');
    const imports = definitionOf(template, 'Import');
    expect(line(drop, 'state transitions').quantity).toBe(
      statesBetween(collection.States, collection.StartAt, 'WaitToSettle') +
        statesBetween(collection.States, 'Collect', 'Collected') +
        statesBetween(imports.States, imports.StartAt, 'Loaded'),
    );
  });
});
