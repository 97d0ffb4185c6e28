import { apiFlows } from './evidence/apis.ts';
import { containerFlows } from './evidence/containers.ts';
import type { Edge, Reader } from './evidence/edge.ts';
import { eventFlows } from './evidence/events.ts';
import { functionFlows } from './evidence/functions.ts';
import { messageFlows } from './evidence/messages.ts';
import { operationFlows } from './evidence/operations.ts';
import { storeFlows } from './evidence/stores.ts';
import { networkWays } from './evidence/ways.ts';
import { workflowFlows } from './evidence/workflows.ts';
import { grantsOf } from './grants.ts';
import type { StackTemplate } from './template.ts';

export type { Edge } from './evidence/edge.ts';

/** Who reads the resources of a type. A type is in one family only. */
const readers: Readonly<Record<string, Reader>> = {
  ...apiFlows,
  ...containerFlows,
  ...eventFlows,
  ...functionFlows,
  ...messageFlows,
  ...operationFlows,
  ...storeFlows,
  ...workflowFlows,
  ...networkWays,
};

/**
 * All that a template says of two of its resources. Ends are the resources that are named; what a picture shows as one
 * with them (`companions.ts`) is for the reader to weigh.
 *
 * @throws LabError DiagramTemplateUnreadable where the definition of a state machine is no JSON
 */
export function edgesOf(template: StackTemplate): Edge[] {
  const said = [...template.resources.values()].flatMap(
    (resource) => readers[resource.type]?.(resource, template) ?? [],
  );
  return [...said, ...grantsOf(template)];
}
