import { unbundledApp } from '../../../local/synthesis.ts';
import { StocksStack, type StocksStackProps } from '../../../stacks/stocks/stocks-stack.ts';
import { type SynthesizedTemplate, templateOf } from '../synthesized.ts';

/** The stack alone, its template. */
export function synthesizeStocks(props: StocksStackProps = {}): { stocks: SynthesizedTemplate } {
  return { stocks: templateOf(new StocksStack(unbundledApp(), 'StockTrends', props)) };
}
