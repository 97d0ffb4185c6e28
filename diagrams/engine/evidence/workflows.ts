import { tasksOf } from '../definitions.ts';
import { at, referred } from '../references.ts';
import { edges, type Reader } from './edge.ts';

/** Actions whose answer is what the workflow wants. */
const reading = /:(get|batchGet|list|query|scan|describe|receive|head|select)/;

/** State machines: each task, towards what it calls; from what it reads. */
export const workflowFlows: Readonly<Record<string, Reader>> = {
  'AWS::StepFunctions::StateMachine': (machine, template) => [
    ...edges(
      'service',
      machine.logicalId,
      'log',
      [machine.logicalId],
      referred(
        template,
        at(machine.properties, 'LoggingConfiguration.Destinations.CloudWatchLogsLogGroup.LogGroupArn'),
      ),
    ),
    ...tasksOf(machine, template).flatMap(({ name, action, calls }) => {
      const by = machine.logicalId;
      const what = `task ${name}${action && `: ${action}`}`;
      return reading.test(action)
        ? edges('flow', by, what, calls, [by])
        : edges('flow', by, what, [by], calls);
    }),
  ],
};
