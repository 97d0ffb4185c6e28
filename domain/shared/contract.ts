/**
 * Namespace of a stack's CloudWatch metrics: what runs in it writes to it, its dashboard and alarms read from it. Each stack has
 * its own: labs have functions of the same name, and one lab may be deployed twice in an account.
 */
export const metricNamespaceOf = (stackName: string): string => `DataPipelineLabs/${stackName}`;
