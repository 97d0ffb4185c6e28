import { checkArrows, type Waived } from './checks/arrows.ts';
import { checkContainment } from './checks/containment.ts';
import { type Finding, hold } from './checks/held.ts';
import { checkNames } from './checks/names.ts';
import { checkPaths, checkUndrawn, type Undrawn } from './checks/resources.ts';
import type { Edge } from './evidence.ts';
import type { Diagram } from './model.ts';
import type { StackTemplate } from './template.ts';

export type { Waived } from './checks/arrows.ts';
export type { Finding } from './checks/held.ts';
export type { Undrawn } from './checks/resources.ts';

/** A model held against the template that it claims to show. */
export interface Checked {
  /** All that is wrong, each said once; empty where the picture is true. */
  readonly findings: readonly Finding[];
  /** What shows each arrow, by arrow id, the strongest first; empty for manual ones. */
  readonly evidence: ReadonlyMap<string, readonly Edge[]>;
  /** Resources that are not drawn, and why. */
  readonly undrawn: readonly Undrawn[];
  /** Flows between drawn elements that are not drawn, and why. */
  readonly waived: readonly Waived[];
}

/**
 * @throws LabError DiagramTemplateUnreadable where the definition of a state machine is no JSON; all that is wrong with
 * the model is a finding
 */
export function checkDiagram(diagram: Diagram, template: StackTemplate): Checked {
  const held = hold(diagram, template);
  const { findings: undrawnFindings, undrawn } = checkUndrawn(held);
  const { findings: arrowFindings, evidence, waived } = checkArrows(held);
  return {
    findings: [
      ...checkNames(held),
      ...checkPaths(held),
      ...undrawnFindings,
      ...checkContainment(held),
      ...arrowFindings,
    ],
    evidence,
    undrawn,
    waived,
  };
}

/** The id of the node or group that stands for a resource, by its logical id. */
export function drawnBy(diagram: Diagram, template: StackTemplate): Map<string, string> {
  return new Map(hold(diagram, template).drawn);
}
