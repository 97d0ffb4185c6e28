import { type App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { FashionStack } from './fashion/fashion-stack.ts';
import { StocksStack } from './stocks/stocks-stack.ts';

export interface LabsProps {
  /** True lets each stack vanish without trace, data included. @default false */
  readonly ephemeral?: boolean;
  /** Zones of the warehouses' subnets. @default the first three of the region */
  readonly availabilityZones?: readonly string[];
  /** Time zone of the fashion lab's client. @default that of the stack */
  readonly fashionTimeZone?: string;
}

/** Every lab there is, each a stack of its own under its slug, tagged and checked by cdk-nag. */
export function addLabs(app: App, { fashionTimeZone, ...shared }: LabsProps = {}) {
  const labs = {
    fashion: new FashionStack(app, 'FashionInventory', { ...shared, timeZone: fashionTimeZone }),
    stocks: new StocksStack(app, 'StockTrends', shared),
  };
  for (const [lab, stack] of Object.entries(labs)) {
    Tags.of(stack).add('app', 'data-pipeline-labs');
    Tags.of(stack).add('lab', lab);
  }
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return labs;
}
