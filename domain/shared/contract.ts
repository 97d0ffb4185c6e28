/**
 * Namespace of a stack's CloudWatch metrics: what runs in it writes to it, its dashboard and alarms read from it. Each stack has
 * its own: labs have functions of the same name, and one lab may be deployed twice in an account.
 */
export const metricNamespaceOf = (stackName: string): string => `DataPipelineLabs/${stackName}`;

/**
 * What `npm run check` asks a function in place of its work: to show that it could do it, and to leave nothing behind. Each
 * function answers in its own words, such as {@link LoaderCheck}.
 */
export const checkRequest = { check: true } as const;

export const isCheckRequest = (event: unknown): event is typeof checkRequest =>
  typeof event === 'object' && event !== null && (event as { check?: unknown }).check === true;
