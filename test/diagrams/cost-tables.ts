/** The cost tables of an explanation, read again: what the pages of both labs are held against. */
import { readFileSync } from 'node:fs';
import { resourcesOf, type SynthesizedTemplate } from '../stacks/synthesized.ts';

/** A line of a cost table: `| item | quantity | unit price | amount | source |`. */
export interface Line {
  item: string;
  quantity: number;
  price: number;
  /** As it stands there: rounded to as many digits as it has. */
  amount: string;
}

export interface CostTable {
  lines: Line[];
  /** The amount of the row whose item is `total`. */
  total: string;
}

/** A row of any table of the page, with the heading above it. */
interface Row {
  heading: string;
  cells: string[];
}

/** What one explanation says of cost. */
export class CostPage {
  readonly text: string;
  readonly #rows: Row[];
  /** Every table that has quantities and unit prices, by the heading above it. */
  readonly tables: ReadonlyMap<string, CostTable>;

  /** @param path of the page, from the root of the repository */
  constructor(path: string) {
    this.text = readFileSync(path, 'utf8');
    this.#rows = rowsOf(this.text);
    this.tables = costTables(this.#rows);
  }

  /** The table below this heading. */
  table(heading: string): CostTable {
    const table = this.tables.get(heading);
    if (!table) throw new Error(`no cost table below "${heading}"`);
    return table;
  }

  /** The one line whose item begins so. */
  line(heading: string, start: string): Line {
    const found = this.table(heading).lines.filter(({ item }) => item.startsWith(start));
    if (found.length !== 1) throw new Error(`${found.length} lines of "${heading}" begin with "${start}"`);
    return found[0] as Line;
  }

  /** The cells of the table below this heading, whatever its columns, without its head. */
  cells(heading: string): string[][] {
    return this.#rows
      .filter((row) => row.heading === heading)
      .slice(1)
      .map(({ cells }) => cells);
  }

  /** Each amount, and the total, as the page has them and as they come out; equal when the table is right. */
  sums(heading: string): { stated: string[]; computed: string[] } {
    const { lines, total } = this.table(heading);
    const products = lines.map(({ quantity, price }) => quantity * price);
    const sum = products.reduce((before, each) => before + each, 0);
    return {
      stated: [...lines.map(({ item, amount }) => `${item}: ${amount}`), total],
      computed: [
        ...lines.map(({ item, amount }, index) => `${item}: ${roundedAs(amount, products[index] as number)}`),
        roundedAs(total, sum),
      ],
    };
  }
}

/** What every lab has at rest that costs, by the page. @param heading of its table */
export function statedAtRest(page: CostPage, heading: string) {
  const stated = (start: string) => page.line(heading, start).quantity;
  return {
    keys: stated('KMS key'),
    secrets: stated('secrets'),
    alarms: stated('alarms'),
    dashboards: stated('dashboard'),
  };
}

/** The same by the template. Redshift makes the secret of its administrator. */
export function templateAtRest(template: SynthesizedTemplate): ReturnType<typeof statedAtRest> {
  const of = (type: string) => resourcesOf(template, type);
  const madeByRedshift = of('AWS::RedshiftServerless::Namespace').filter(
    ([, { Properties }]) => Properties.ManageAdminPassword,
  );
  return {
    keys: of('AWS::KMS::Key').length,
    secrets: of('AWS::SecretsManager::Secret').length + madeByRedshift.length,
    alarms: of('AWS::CloudWatch::Alarm').length,
    dashboards: of('AWS::CloudWatch::Dashboard').length,
  };
}

function rowsOf(markdown: string): Row[] {
  const rows: Row[] = [];
  let heading = '';
  for (const text of markdown.split('\n')) {
    if (text.startsWith('#')) heading = text.replace(/^#+ /, '');
    if (!text.startsWith('|')) continue;
    const cells = text
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    if (!cells.every((cell) => /^:?-+:?$/.test(cell))) rows.push({ heading, cells });
  }
  return rows;
}

/** One table a heading. */
function costTables(rows: readonly Row[]): Map<string, CostTable> {
  const tables = new Map<string, CostTable>();
  for (const { heading, cells } of rows) {
    const [item = '', quantity = '', price = '', amount = ''] = cells;
    const table = tables.get(heading);
    if (quantity === 'quantity' && price === 'unit price') tables.set(heading, { lines: [], total: '' });
    else if (table && item === 'total') table.total = amount;
    else table?.lines.push({ item, quantity: numberOf(quantity), price: Number(price), amount });
  }
  return tables;
}

/** A number with commas between its thousands; none is not a number. */
export const numberOf = (text: string): number =>
  text === '' ? Number.NaN : Number(text.replaceAll(',', ''));

/** Rounded to as many digits behind the point as the other one has. */
export const roundedAs = (text: string, value: number): string =>
  value.toFixed(text.split('.')[1]?.length ?? 0);

/** What of the network is billed by the hour, but for addresses of tasks: only endpoints of S3 and DynamoDB are not. */
export function billedByTheHour(template: SynthesizedTemplate): string[] {
  const endpoints = resourcesOf(template, 'AWS::EC2::VPCEndpoint').filter(
    ([, { Properties }]) => Properties.VpcEndpointType !== 'Gateway',
  );
  const others = ['AWS::EC2::NatGateway', 'AWS::EC2::EIP'].flatMap((type) => resourcesOf(template, type));
  return [...endpoints, ...others].map(([id]) => id);
}
