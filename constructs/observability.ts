import { Stack } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { metricNamespaceOf } from '../domain/shared/contract.ts';

/** What the logger and the metrics of a program read from its environment. */
type Observed = Record<'POWERTOOLS_SERVICE_NAME' | 'POWERTOOLS_METRICS_NAMESPACE', string>;

/**
 * Environment of a function or a container: under what it logs and measures.
 *
 * @param service its name among those of the stack
 */
export function observedAs(service: string, scope: IConstruct): Observed {
  return {
    POWERTOOLS_SERVICE_NAME: service,
    POWERTOOLS_METRICS_NAMESPACE: metricNamespaceOf(Stack.of(scope).stackName),
  };
}
