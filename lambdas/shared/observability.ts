import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';

/** Structured log lines and embedded metrics, under the service name and the namespace that the stack set. */
export const logger = new Logger();
export const metrics = new Metrics();
