import type { Template } from '../../assembly.ts';

/** Seconds that a call of the load may take, the part of it for which it waits for the warehouse, and those after which the
 * objects of one that died are taken up. */
const seconds = { timeout: 20, patience: 10, hidden: 25 };

/** A load that died is followed by the next one in seconds, for which the template takes minutes: nobody sits through those. */
export function hurry(template: Template): void {
  const loads = Object.values(template.Resources).filter(
    ({ Type, Properties }) =>
      Type === 'AWS::Lambda::Function' &&
      'STATEMENT_PATIENCE_SECONDS' in ((Properties?.Environment as { Variables?: object })?.Variables ?? {}),
  );
  for (const { Properties = {} } of loads) {
    Properties.Timeout = seconds.timeout;
    const { Variables } = Properties.Environment as { Variables: Record<string, unknown> };
    Variables.STATEMENT_PATIENCE_SECONDS = String(seconds.patience);
  }
  const queues = Object.values(template.Resources).filter(
    ({ Type, Properties }) => Type === 'AWS::SQS::Queue' && Properties?.VisibilityTimeout !== undefined,
  );
  for (const { Properties = {} } of queues) Properties.VisibilityTimeout = seconds.hidden;
  if (loads.length === 0 || queues.length === 0) throw new Error('the template has no load to hurry');
}
