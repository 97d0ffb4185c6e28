import { apart, kinds } from './deliveries/kinds.ts';
import type { Need } from './deliveries/needs.ts';
import { type Verdict, verdictOn } from './deliveries/policies.ts';
import { edgesOf } from './evidence.ts';
import type { StackTemplate } from './template.ts';

/** What one service brings to another, and whether all that AWS asks for it is in the template. */
export interface Delivery {
  /** What the evidence calls it, and from where to where by construct path: `alarm action: Operations/LateDrops -> Operations/Alarms`. */
  readonly name: string;
  /** `AWS::CloudWatch::Alarm alarm action`. */
  readonly kind: string;
  readonly permissions: readonly Permission[];
}

export interface Permission extends Verdict {
  /** `sns:Publish on … by cloudwatch.amazonaws.com`, or a setting. */
  readonly needed: string;
}

/** A delivery before anybody has looked at policies. */
export interface Needed extends Omit<Delivery, 'permissions'> {
  readonly needs: readonly Need[];
}

/**
 * Every delivery by a service that the template speaks of, and what AWS asks for it. One of a kind that is not in the table
 * (`deliveries/kinds.ts`) needs a row, which nothing gives.
 *
 * @throws LabError DiagramTemplateUnreadable where the definition of a state machine is no JSON
 */
export function neededBy(template: StackTemplate): Needed[] {
  const found = edgesOf(template)
    .filter(({ kind }) => kind === 'flow' || kind === 'service')
    .flatMap((edge): Needed[] => {
      const by = template.resources.get(edge.by);
      if (!by) return [];
      const kind = `${by.type} ${edge.what.replace(/^task .*$/, 'task')}`;
      const needs = kinds[kind]?.(edge, by, template) ?? [{ setting: `a row for "${kind}"`, by: undefined }];
      return [
        { name: `${edge.what}: ${pathOf(edge.from, template)} -> ${pathOf(edge.to, template)}`, kind, needs },
      ];
    });
  const beside = [...template.resources.values()].flatMap((by) =>
    (apart[by.type]?.(by, template) ?? []).map(({ what, to, needs }) => ({
      name: `${what}: ${by.path} -> ${pathOf(to, template)}`,
      kind: `${by.type} ${what}`,
      needs,
    })),
  );
  return [...found, ...beside];
}

/** What of the needs is given. @param template whose policies are asked; @param needed @default those of this template */
export function deliveriesOf(template: StackTemplate, needed = neededBy(template)): Delivery[] {
  return needed.map(({ name, kind, needs }) => ({
    name,
    kind,
    permissions: needs.map((need) => permission(need, template)),
  }));
}

const pathOf = (id: string, template: StackTemplate) => template.resources.get(id)?.path ?? id;

function permission(need: Need, template: StackTemplate): Permission {
  if ('setting' in need)
    return need.by === undefined
      ? { needed: need.setting, missing: 'it is not so' }
      : { needed: need.setting, by: need.by };
  const who = 'role' in need.as ? pathOf(need.as.role, template) : need.as.service;
  const target = need.owner === undefined ? '' : ` on ${pathOf(need.owner, template)}`;
  return { needed: `${need.action}${target} by ${who}`, ...verdictOn(need, template) };
}

/** Those that are not permitted, for people, each with what is missing. */
export function refused(deliveries: readonly Delivery[]): string[] {
  return deliveries.flatMap(({ name, permissions }) =>
    permissions.flatMap(({ needed, missing }) =>
      missing === undefined ? [] : [`${name}: ${needed}: ${missing}`],
    ),
  );
}
