import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { type Checks, unbundledApp } from '../../../local/synthesis.ts';
import { StocksStack, type StocksStackProps } from '../../../stacks/stocks/stocks-stack.ts';
import type { SynthesizedTemplate } from '../synthesized.ts';

/** The stack alone, its template and what cdk-nag reported (and CloudFormation's validation, where it is asked for). */
export function synthesizeStocks(props: StocksStackProps = {}, checks: Checks = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'labs-synth-'));
  try {
    const app = unbundledApp(directory, checks);
    const stack = new StocksStack(app, 'StockTrends', props);
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    const assembly = app.synth();
    return {
      stocks: assembly.getStackByName(stack.stackName).template as SynthesizedTemplate,
      report: JSON.parse(readFileSync(join(directory, 'validation-report.json'), 'utf8')),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
