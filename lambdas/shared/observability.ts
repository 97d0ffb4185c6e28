import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { metricNamespace } from '../../domain/shared/contract.ts';

/** Structured log lines and embedded metrics, under the service name that the stack set. */
export const logger = new Logger();
export const metrics = new Metrics({ namespace: metricNamespace });
